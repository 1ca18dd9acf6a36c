"""Lessons for handing out."""
