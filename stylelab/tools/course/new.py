"""`stylelab course new`: a small course that works, to be changed step by step."""

import json
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from stylelab.base.course import FILE, GUIDE
from stylelab.base.files import check_folder, folder_errors, printable, quoted, write_text
from stylelab.errors import InputError

TEMPLATE = Path(__file__).with_name("template")
FILES = {  # in the course -> in the folder of templates, where nothing is called tests or source: a wheel has none of ours
    FILE: "course.toml.j2",
    "exercises/numbers.py": "exercises.py.j2",
    "lessons/source/01_sort_and_fit.py": "lesson.py.j2",
    "tests/test_exercises.py": "tests.py.j2",
    "Makefile": "Makefile.j2",
    ".gitignore": "gitignore.j2",
}


def new(folder: Path, title: str | None = None) -> str:
    """Write a course with one lesson, two exercises and their tests.

    Args:
        folder: new or empty.
        title: by default made from the folder's name.

    Returns:
        What to do next, in a few lines.

    Raises:
        InputError: the folder has something in it, or cannot be written to.
    """
    with folder_errors(folder):
        folder = folder.expanduser()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise InputError(f"'{printable(folder)}' is not a folder: choose another name") from None
        if next((path for path in folder.iterdir() if path.name != ".git"), None):
            raise InputError(f"'{printable(folder)}' is not empty: choose a new folder")
    check_folder(folder)
    title = title or folder.resolve().name.replace("-", " ").replace("_", " ").strip().capitalize() or "My course"
    templates = Environment(
        loader=FileSystemLoader(TEMPLATE), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    quoted_title = Markup(json.dumps(title, ensure_ascii=False))  # for TOML, which has other escapes than HTML
    for name, template in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = templates.get_template(template).render(title=quoted_title, guide=GUIDE)
        write_text(path, text)
    return (
        f"{printable(folder)}: a course with 1 lesson and 2 exercises\n"
        f"next: cd {quoted(folder)} && make   builds the lesson, checks the course, tests its exercises; {GUIDE} explains them"
    )
