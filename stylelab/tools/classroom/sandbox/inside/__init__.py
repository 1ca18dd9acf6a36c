"""What is mounted into the sandbox. Nothing here knows an answer, a reference, a seed, or another submission."""
