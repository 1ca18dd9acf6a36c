"""Answers run here, cut off from the machine and from each other."""
