"""Courses of an instructor's own: begin one, check it, build its lessons."""
