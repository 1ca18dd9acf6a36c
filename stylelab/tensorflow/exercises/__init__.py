"""Exercises in TensorFlow: `check`, the library's own answers, arrays in and out."""
