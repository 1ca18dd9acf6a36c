"""Exercises in TensorFlow: `check`, the library's own answers, and conversions of inputs and outputs."""
