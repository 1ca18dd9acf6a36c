"""The arithmetic of a run without a framework: memory, tiles, precision, L-BFGS, Winograd."""
