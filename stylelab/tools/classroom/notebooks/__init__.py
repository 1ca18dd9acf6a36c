"""Reading a submitted notebook and finding its answers."""
