"""Run students' code in a sandbox."""
