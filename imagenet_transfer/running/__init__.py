"""Around a job: its process, GPU, deadline, log and record."""
