"""The site: pages, lessons, a gallery and the reference, gathered in one folder from which Sphinx makes HTML.

`make site` runs `python -m docs.make`. Nothing here is imported by the rest of the kit.
"""
