"""Write each lesson's two notebooks from its one source, and run them."""

import re
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from stylelab.base.course import EDITIONS, LESSONS, REPOSITORY, TITLES, Course, choose_course
from stylelab.base.files import error_text, printable, write_file
from stylelab.base.values import one_of
from stylelab.errors import InputError
from stylelab.languages import ENGLISH
from stylelab.tools.course.assemble import assemble, notebook_path, source_files, sources

__all__ = ["LESSONS", "REPOSITORY", "TITLES", "assemble", "build", "execute", "notebook_path", "sources"]

WIDGET = "application/vnd.jupyter.widget-view+json"
LINE = re.compile(r"Cell\b.*?\bline (\d+)")  # in a traceback, in colour
NAME = re.compile(r"\bstylelab-[0-9a-f]{8}\b")  # of a widget's static version, drawn for each display


def execute(notebook: NotebookNode, folder: Path, timeout: int = 900) -> NotebookNode:
    """Run all cells in `folder`, with this Python, and keep their outputs, without times and widgets.

    Raises:
        InputError: a cell fails, or writes to stderr; its name and its line are in the message.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    asked_for = nbformat.from_dict(notebook.metadata)
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=timeout,
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=ERROR"],  # not that a kernel on this machine is not encrypted
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise InputError(f"a cell fails: {printable(f'{error.ename}: {error.evalue}', 300)}{_place(notebook)}") from None
    except (CellTimeoutError, DeadKernelError) as error:
        raise InputError(f"the notebook does not run to its end: {error_text(error)}") from None
    notebook.metadata = asked_for  # the kernel reported itself, with versions
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = _joined([_static(output, cell) for output in cell.outputs])
    return notebook


def _place(notebook: NotebookNode) -> str:
    """In which cell and line a notebook stopped."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                lines = LINE.findall("\n".join(output.traceback))
                return f" (cell '{cell.metadata.stylelab.name}'{f', line {lines[0]}' if lines else ''})"
    return ""


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Consecutive prints as one output: where a kernel splits them depends on how busy the machine is."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if joined and output.output_type == joined[-1].output_type == "stream":
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def _static(output: NotebookNode, cell: NotebookNode) -> NotebookNode:
    if output.get("name") == "stderr":
        raise InputError(f"cell '{cell.metadata.stylelab.name}' writes to stderr: {output.text.strip()[:300]}")
    if "data" in output:
        output.data.pop(WIDGET, None)
        if "text/html" in output.data:
            output.data["text/html"] = NAME.sub("stylelab-static", output.data["text/html"])
        output.metadata = {}
    output.pop("transient", None)
    return output


def build_course(course: Course, numbers: Iterable[str] = (), edition: str | None = None, *, run: bool = True) -> list[Path]:
    """Write the notebooks of a course's lessons, and return their paths.

    Args:
        numbers: of the lessons, such as '01'; all by default.
        edition: one of the course's; all by default.

    Raises:
        InputError: no lessons, an unknown number or edition, or a cell that fails; notebooks already written stay.
    """
    assert course.folder is not None
    if edition is not None:
        one_of("edition", edition, course.editions)
    folder = course.folder / "lessons"
    if not source_files(folder):
        raise InputError(f"'{printable(folder / 'source')}' has no lessons: write one as 01_name.py, in the format py:percent")
    with choose_course(course):
        return [
            build(source, each, run=run)
            for source in sources(numbers, folder)
            for each in ([edition] if edition else course.editions)
        ]


def build(source: Path, framework: str, language: str = ENGLISH, *, run: bool = True) -> Path:
    """Write one notebook. Without `run`, unchanged cells keep their outputs, and new ones get those of the English edition.

    Raises:
        InputError: a cell fails; the old notebook is left unchanged.
    """
    path = notebook_path(source, framework, language)
    notebook = assemble(source, framework, language)
    path.parent.mkdir(exist_ok=True)
    if run:
        try:
            execute(notebook, path.parent)
        except InputError as error:
            raise InputError(f"{source.name}, {EDITIONS[framework]}: {error}") from None
    else:
        for old in (notebook_path(source, framework), path):
            if old.is_file():
                _keep_outputs(notebook, nbformat.read(old, as_version=4))
    _cover_folds(notebook)
    write_file(path, lambda stream: stream.write(_text(notebook)))
    return path


def _cover_folds(notebook: NotebookNode) -> None:
    """Begin a folded output with an empty one: JupyterLab writes the first line of the first output next to its three dots."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("data") != {}]
            if cell.outputs and "jupyter" in cell.metadata:
                cell.outputs.insert(0, nbformat.v4.new_output("display_data"))


def _keep_outputs(notebook: NotebookNode, old: NotebookNode) -> None:
    before = {cell.id: cell for cell in old.cells}
    for cell in notebook.cells:
        same = before.get(cell.id)
        if cell.cell_type == "code" and same is not None and same.get("source") == cell.source:
            cell.outputs, cell.execution_count = same.outputs, same.execution_count


def _text(notebook: NotebookNode) -> bytes:
    nbformat.validate(notebook)
    return (nbformat.writes(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
