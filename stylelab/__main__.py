"""`python -m stylelab` is the command `stylelab`."""

from stylelab.cli import main

main()
