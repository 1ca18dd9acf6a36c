"""`python -m stylelab` is the command `stylelab`."""

from stylelab.cli.commands import main

if __name__ == "__main__":  # a Dask worker imports this file again and must not run the command again
    main()
