"""What every room may use: files, the course's folders, child processes, messages between processes."""
