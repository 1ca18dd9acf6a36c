"""Lessons for students: `stylelab release`."""
