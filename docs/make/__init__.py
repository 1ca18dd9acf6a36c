"""Build the site: gather pages, lessons, a gallery and the reference in one folder, which Sphinx turns into HTML.

`make site` runs `python -m docs.make`. The rest of the kit imports nothing from here.
"""
