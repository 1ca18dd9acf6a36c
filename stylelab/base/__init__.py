"""What every room may use: files, where the course is, child processes."""
