"""`stylelab course new`: a small course that works, to be changed step by step."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from stylelab.base.course import FILE
from stylelab.base.files import check_folder, folder_errors, printable, quoted, write_text
from stylelab.errors import InputError

TEMPLATE = Path(__file__).with_name("template")


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
    templates = Environment(loader=FileSystemLoader(TEMPLATE), undefined=StrictUndefined, keep_trailing_newline=True)
    templates.filters["toml"] = lambda text: text.replace("\\", "\\\\").replace('"', '\\"')
    names = sorted(str(path.relative_to(TEMPLATE)) for path in TEMPLATE.rglob("*.j2"))
    for name in names:
        path = folder / name.removesuffix(".j2").replace("gitignore", ".gitignore")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, templates.get_template(name).render(title=title))
    return (
        f"{printable(folder)}: a course with 1 lesson and 2 exercises\n"
        f"next: cd {quoted(folder)} && make   builds the lesson, checks the course, tests its exercises; {FILE} has its settings"
    )
