"""What makes a step fast. You can understand a step without it."""
