"""Training: the loop, its tasks, and what a run leaves on disk."""
