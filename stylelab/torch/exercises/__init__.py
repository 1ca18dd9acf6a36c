"""Exercises in PyTorch: `check`, the library's own answers, tensors in and out."""
