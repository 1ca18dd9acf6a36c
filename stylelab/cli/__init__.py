"""The command `stylelab`."""

from stylelab.cli.commands import main

__all__ = ["main"]
