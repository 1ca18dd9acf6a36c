"""Build the lessons from their sources, and check them."""
