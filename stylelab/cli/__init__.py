"""The command `stylelab`."""

from stylelab.cli.commands import app, main, run

__all__ = ["app", "main", "run"]
