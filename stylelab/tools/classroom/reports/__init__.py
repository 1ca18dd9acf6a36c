"""Marks as tables, pages and feedback."""
