"""What a study is: its config, the checks of it, its runs, and what they cost."""
