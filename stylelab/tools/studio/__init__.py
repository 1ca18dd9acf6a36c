"""The studio: a page for choosing two images, watching one being painted, and comparing results. `stylelab.studio()` shows it.

`widget` connects the page (studio.js, studio.css) to everything else: `form` reads the page's settings, `files` its uploads
and downloads, `session` notices when the page is closed, and `runs` starts a `painter` process for each run. `serve` is the
command `stylelab studio`.
"""
