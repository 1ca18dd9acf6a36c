"""The studio: a page on which images are chosen, painted and compared. `stylelab.studio()` shows it.

`runs` and `child` paint, each run in a process of its own, and know nothing of the page; `form`, `uploads` and `presence`
read what the page says; `widget` joins the two, and `serve` is the command `stylelab studio`.
"""
