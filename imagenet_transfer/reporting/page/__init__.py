"""What the report shows, section by section: each module turns a study's files into rows and charts."""
