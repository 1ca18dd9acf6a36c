"""Read a submitted notebook and find its answers."""
