"""Submissions as they arrive: folders, zips, exports of learning platforms."""
