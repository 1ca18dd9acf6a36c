"""The stored lessons match their sources, follow the rules for lessons, and show what they claim."""

import base64
import io
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

from lessons.make import lint, lint_outputs
from stylelab import exercises
from stylelab.errors import InputError
from stylelab.exercises import quizzes
from stylelab.tools.course import build as lessons

ROOT = Path(__file__).resolve().parents[2]
TWINS = [(source, framework) for source in lessons.sources() for framework in lessons.TITLES]
NAMES = [lessons.notebook_path(*twin).stem for twin in TWINS]
pytestmark = pytest.mark.plain


def stored(source: Path, framework: str) -> nbformat.NotebookNode:
    return nbformat.read(lessons.notebook_path(source, framework), as_version=4)


@pytest.mark.parametrize("twin", TWINS, ids=NAMES)
def test_a_stored_lesson_passes_its_checks(twin):
    assert lint.faults(*twin) == []


@pytest.mark.parametrize("twin", TWINS, ids=NAMES)
def test_assembling_twice_gives_identical_bytes(twin):
    assert nbformat.writes(lessons.assemble(*twin)) == nbformat.writes(lessons.assemble(*twin))


@pytest.mark.parametrize("source", lessons.sources(), ids=lambda source: source.stem)
def test_the_twins_have_the_same_cells_and_the_same_exercises(source):
    torch, tensorflow = (lessons.assemble(source, framework) for framework in lessons.TITLES)
    assert [cell.id for cell in torch.cells] == [cell.id for cell in tensorflow.cells]
    assert [cell.metadata for cell in torch.cells] == [cell.metadata for cell in tensorflow.cells]


@pytest.mark.parametrize("twin", TWINS, ids=NAMES)
def test_a_notebook_uses_only_its_own_framework(twin):
    other = {"torch": "tensorflow", "tensorflow": "torch"}[twin[1]]
    code = "\n".join(cell.source for cell in lessons.assemble(*twin).cells if cell.cell_type == "code")
    assert not re.search(rf"\b(?:import|stylelab\.){other}\b|\b{'tf' if other == 'tensorflow' else 'torch'}\.\w", code)
    assert "{{" not in nbformat.writes(lessons.assemble(*twin))


@pytest.mark.parametrize("twin", TWINS, ids=NAMES)
def test_nbgrader_accepts_the_exercises(twin):
    validator = pytest.importorskip("nbgrader.nbgraderformat").MetadataValidator()
    notebook = lessons.assemble(*twin)
    validator.validate_nb(notebook)
    graded = {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}
    for exercise in [name for name in graded if name in exercises.EXERCISES]:
        assert graded[f"check_{exercise}"].metadata.nbgrader.points == exercises.EXERCISES[exercise].points
        assert f'{exercise} = sl.check("{exercise}", {exercise})' == graded[f"check_{exercise}"].source


@pytest.mark.parametrize("twin", TWINS, ids=NAMES)
def test_a_stored_lesson_shows_images_and_is_not_a_large_file(twin):
    assert len(list(lint_outputs.images(stored(*twin)))) >= 5
    assert lessons.notebook_path(*twin).stat().st_size < 3_000_000


@pytest.mark.parametrize("source", lessons.sources(), ids=lambda source: source.stem)
def test_the_compared_numbers_are_the_same_in_both_frameworks(source):
    torch, tensorflow = (marked(stored(source, framework)) for framework in lessons.TITLES)
    assert torch == tensorflow and len(torch) >= 3


def marked(notebook) -> dict[str, str]:
    """What the cells print whose output nbval compares."""
    cells = [cell for cell in lint_outputs.code_cells(notebook) if lint.MARK in cell.source]
    return {cell.metadata.stylelab.name: "".join(output.get("text", "") for output in cell.outputs) for cell in cells}


def test_the_course_has_30_exercises_and_uses_every_defined_one():
    cells = [cell for twin in TWINS for cell in lessons.assemble(*twin).cells]
    used = {cell.metadata.stylelab.exercise for cell in cells if "exercise" in cell.metadata.stylelab}
    assert len(used) == 30
    assert used == set(exercises.EXERCISES)


def test_the_table_of_lessons_names_every_lesson_with_its_title():
    table = (lessons.LESSONS / "README.md").read_text()
    for source, framework in TWINS:
        title = lessons.assemble(source, framework).cells[0].source.splitlines()[0].removeprefix("# ")
        assert f"| {title} |" in table
        assert f"]({lessons.notebook_path(source, framework).name})" in table


@pytest.mark.parametrize("twin", TWINS, ids=NAMES)
def test_what_follows_a_prediction_is_folded_and_answered(twin):
    notebook = lessons.assemble(*twin)
    prompts = [index for index, cell in enumerate(notebook.cells) if "**Predict" in cell.source or "**predict" in cell.source]
    assert len(prompts) >= 6
    for index in prompts:
        answer = next(i for i in range(index + 1, len(notebook.cells)) if notebook.cells[i].cell_type == "markdown")
        assert notebook.cells[answer].source.startswith("<details><summary>Compare with your guess</summary>\n\n")
        guess, *folded = notebook.cells[index + 1 : answer]
        assert guess.source.startswith("page.predict(") and "jupyter" not in guess.metadata
        assert guess.metadata.stylelab.name.startswith("guess_")
        assert folded and not any("page.predict(" in cell.source for cell in folded)
        assert folded and all(cell.metadata.jupyter == {"outputs_hidden": True} for cell in folded)
        assert not any("nbgrader" in cell.metadata for cell in folded)


def test_a_cell_id_depends_on_lesson_and_name_alone(tmp_path):
    one, two = (write_lesson(tmp_path, text) for text in ("# Title\n", "# Another title\n"))
    ids = {lessons.assemble(path, "torch").cells[0].id for path in (one, two)}
    assert len(ids) == 1


def write_lesson(folder: Path, prose: str, code: str = "1 + 1", name: str = ' name="sum"') -> Path:
    (folder / "source").mkdir(exist_ok=True)
    path = folder / "source" / "07_small.py"
    path.write_text(f'# %% [markdown] name="title"\n# {prose}\n\n# %%{name}\n{code}\n')
    return path


def test_a_cell_without_a_name_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"a cell has no name: write .* above '1 \+ 1'"):
        lessons.assemble(write_lesson(tmp_path, "Title", name=""), "torch")


def test_an_unknown_lesson_gets_the_nearest_number():
    with pytest.raises(InputError, match="unknown lesson '99'"):
        lessons.sources(["99"])


def test_execution_stores_outputs_without_times_and_widgets(tmp_path):
    code = "import ipywidgets\nfrom stylelab import page\npage.quiz('04')\nprint(2 / 3)"
    path = lessons.build(write_lesson(tmp_path, "Title", code), "torch")
    text = path.read_text()
    assert "0.666" in text and "<details>" in text
    assert "widget-view" not in text and "iopub" not in text and "transient" not in text


def test_an_output_that_answers_a_prediction_is_folded_and_begins_with_nothing_to_read(tmp_path):
    path = write_lesson(tmp_path, "**Predict** the sum.", "print(1 + 1)")
    for run in (True, False):
        cell = nbformat.read(lessons.build(path, "torch", run=run), as_version=4).cells[1]
        assert cell.metadata.jupyter == {"outputs_hidden": True}
        assert [output.get("text", output.get("data")) for output in cell.outputs] == [{}, "2\n"]
    path = write_lesson(tmp_path, "The sum.", "print(1 + 1)")
    cell = nbformat.read(lessons.build(path, "torch", run=False), as_version=4).cells[1]
    assert "jupyter" not in cell.metadata and [output.text for output in cell.outputs] == ["2\n"]


SHOWS_EVERYTHING = """
import numpy as np
import stylelab.{framework} as sl
from stylelab import page
from stylelab.result import Step
setting = page.set_up(sl)
grey = np.full((8, 12, 3), 0.5, np.float32)
live = page.Live("Something grey", steps=9)
for index in range(9):
    live.show(Step(index, 1.0, dict(), lambda: grey))
live.finish(grey, "The grey result")
sl.check("total_cost", None)
sl.check("total_cost", lambda content, style, alpha, beta: alpha * content + beta * style)
page.try_it(lambda beta: (), grey, "A grey square", dict(beta=(1, 100, 10)))
page.quiz("00")
page.predict("sum", "What is it?", ["2", "3"])
print(f"{{np.random.default_rng().uniform(1, 9):.1f}} s, {{np.random.default_rng().integers(1, 99)}} ms each on cpu")
"""


@pytest.mark.slow
def test_strict_nbval_passes_for_everything_that_a_lesson_displays(tmp_path, framework):
    path = lessons.build(write_lesson(tmp_path, "**Predict** it.", SHOWS_EVERYTHING.format(framework=framework)), framework)
    options = ("-p", "no:cacheprovider", "--nbval", "--nbval-sanitize-with", lessons.LESSONS / "sanitize.cfg", "-W", "default")
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, *options, path]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert run.returncode == 0 and "1 passed" in run.stdout, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("code", "words"),
    [("import sys; sys.stderr.write('careful')", "writes to stderr: careful"), ("1 / 0", "ZeroDivisionError")],
)
def test_a_build_that_fails_leaves_the_old_notebook(tmp_path, code, words):
    path = lessons.build(write_lesson(tmp_path, "Title"), "torch", run=False)
    before = path.read_bytes()
    with pytest.raises(InputError, match=words):
        lessons.build(write_lesson(tmp_path, "Title", code), "torch")
    assert path.read_bytes() == before


def test_building_without_execution_keeps_outputs_of_unchanged_cells(tmp_path):
    path = lessons.build(write_lesson(tmp_path, "Title"), "torch", run=False)
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="2")]
    nbformat.write(notebook, path)
    lessons.build(write_lesson(tmp_path, "New prose"), "torch", run=False)
    assert nbformat.read(path, as_version=4).cells[1].outputs[0].text == "2"
    lessons.build(write_lesson(tmp_path, "New prose", "1 + 2"), "torch", run=False)
    assert nbformat.read(path, as_version=4).cells[1].outputs == []


def test_each_notebook_names_the_kernel_of_its_framework(tmp_path):
    paths = [lessons.build(write_lesson(tmp_path, "Title"), framework) for framework in lessons.TITLES]
    names = [nbformat.read(path, as_version=4).metadata.kernelspec.name for path in paths]
    assert names == ["python3", "stylelab-tensorflow"]
    assert "version" not in nbformat.read(paths[0], as_version=4).metadata.language_info


def code(cells):
    return next(cell for cell in cells if cell.cell_type == "code")


def shown(html: str):
    return nbformat.v4.new_output("display_data", data={"text/html": html})


def printed(text: str, name: str = "stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


def image(array: np.ndarray):
    """An output that shows an image (H, W, 3) in 0..255."""
    buffer = io.BytesIO()
    Image.fromarray(array.astype(np.uint8)).save(buffer, "PNG")
    return shown(f'<img src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}" alt="An image of something">')


def framed(value: int) -> np.ndarray:
    """An image of one colour on a white page, below a title."""
    page = np.full((100, 120, 3), 255)
    page[15:95, 5:115] = value
    page[4:8, 40:80] = 0
    return page


def reworded(old: str, new: str = ""):
    """A function that replaces some words in all cells."""
    return lambda cells: [cell.update(source=cell.source.replace(old, new)) for cell in cells]


def marked_prompt(cells):
    """The position of a cell that asks for a prediction."""
    return next(index for index, cell in enumerate(cells) if "**Predict" in cell.source)


def html_of(cells):
    """The HTML of the first image that a code cell shows."""
    return next(o.data for c in cells for o in c.get("outputs", []) if "<img" in o.get("data", {}).get("text/html", ""))


SPOILED = {
    "shows its output although cell gram-by-hand-text": lambda cells: cells[marked_prompt(cells) + 2].metadata.pop("jupyter"),
    "the next text does not begin with its answer": lambda cells: cells[marked_prompt(cells) + 3].update(source="Nothing changes."),
    "answers a prediction that nobody asked for": lambda cells: cells[marked_prompt(cells)].update(source="Guess."),
    "a prediction that no code follows": lambda cells: cells.pop(marked_prompt(cells) + 2),
    "no cell asks for the guess": lambda cells: cells.pop(marked_prompt(cells) + 1),
    "guess-gram-by-hand-.* does not follow immediately on a text": lambda cells: cells.insert(marked_prompt(cells) + 2, cells.pop(marked_prompt(cells) + 1)),
    "guess-gram-by-hand-.* hides the question": lambda cells: cells[marked_prompt(cells) + 1].metadata.update(jupyter={"outputs_hidden": True}),
    "two predictions have the name 'gram_by_hand'": lambda cells: cells.insert(2, cells[marked_prompt(cells) + 1]),
    r'with its own name: page.predict\("gram_by_hand", ...\)': reworded('page.predict(\n    "gram_by_hand"', 'page.predict(\n    "gram"'),
    "variants-.* gives away .*: 'Without": reworded('"The style from conv1_1 alone, ', '"Without outlines, '),
    "smooth-.* gives away .*at 20 prices": reworded("roofs, at three prices", "roofs, at 20 prices"),
    "moved-.* gives away .*: 'What the content loss": reworded('"The painting; the painting, moved', '"What the content loss notices'),
    "asks for 2 predictions": lambda cells: cells[marked_prompt(cells)].update(source="**Predict** one. **Predict** another."),
    "images in a row: at most 4": reworded("plots.side_by_side(variants)", "plots.side_by_side(variants, columns=5)"),
    "pixels wide on the page": lambda cells: html_of(cells).update({"text/html": re.sub(r'width="\d+"', 'width="900"', html_of(cells)["text/html"])}),
    "blurred on a high-density screen": lambda cells: html_of(cells).update({"text/html": re.sub(r'width="\d+"', 'width="820"', html_of(cells)["text/html"])}),
    "out of step": lambda cells: cells[3].update(source="changed"),
    "executed once from top": lambda cells: code(cells).update(execution_count=9),
    "shows no number": lambda cells: next(c for c in cells if lint.MARK in c.source).update(outputs=[]),
    "no alt text": lambda cells: code(cells).update(outputs=[shown('<img src="data:,">')]),
    "shows a path of this machine": lambda cells: code(cells).update(outputs=[shown("in /home/ada/x.py")]),
    "an error or a warning": lambda cells: code(cells).update(outputs=[printed("x", "stderr")]),
    "differs between machines, 'two steps in 3.25 s'": lambda cells: code(cells).update(outputs=[printed("two steps in 3.25 s")]),
    "lacks a quiz": reworded("## Quiz"),
    "two cells have the id": lambda cells: cells[1].update(id=cells[2].id),
    "ends at 71.0% of its first": lambda cells: code(cells).update(outputs=[printed("the loss is 71.0% of the first")]),
    "ends at nan% of its first": lambda cells: code(cells).update(outputs=[printed("the loss is nan% of the first")]),
    "never prints 'the loss is": lambda cells: [c.update(outputs=[]) for c in cells if c.cell_type == "code"],
    "setup-.* is blank": lambda cells: code(cells).update(outputs=[image(framed(0))]),
    "an objective names no exercise": lambda cells: cells[0].update(
        source=re.sub(r"\(exercise.*?\)", "", cells[0].source)
    ),
    "an objective names exercise 4.1, which does not exist": reworded("### Exercise 4.1", "### Exercise 4.9"),
    "does not show its quiz": reworded("page.quiz"),
    "says 'Six questions', but the quiz has 5": reworded("Five questions", "Six questions"),
    "another number of exercises": reworded("### Exercise 4.2", "### Task 4.2"),
    "links to ../README.md, which is not in a copy": reworded("[arXiv:1701.01036](https://arxiv.org/abs/1701.01036)", "[x](../README.md)"),
    "links to 99_none.ipynb, which does not exist": reworded("https://arxiv.org/abs/1701.01036", "99_none.ipynb"),
}  # fmt: skip


@pytest.mark.parametrize(("words", "spoil"), SPOILED.items(), ids=SPOILED)
def test_the_lint_sees_each_fault(words, spoil, monkeypatch):
    (source,) = lessons.sources(["04"])
    notebook = stored(source, "torch")
    spoil(notebook.cells)
    monkeypatch.setattr(lint.nbformat, "read", lambda *_, **__: notebook)
    assert re.search(words, "\n".join(lint.faults(source, "torch")))


NOISE = np.random.default_rng(0).integers(0, 255, (80, 110, 3))
LINES = np.full((100, 120, 3), 255)
LINES[10:90, 10] = LINES[90, 10:110] = 0
LINES[range(10, 90), range(10, 90)] = (213, 94, 0)
PAGES = {
    "black": (framed(0), True), "grey": (framed(127), True), "bare black": (np.zeros((20, 30, 3)), True),
    "an empty page": (np.full((20, 30, 3), 255), True), "noise": (NOISE, False), "a drawing": (LINES, False),
    "a dark photograph": (np.clip(NOISE - 150, 0, 255), False),
}  # fmt: skip


@pytest.mark.parametrize(("page", "blank"), PAGES.values(), ids=PAGES)
def test_a_blank_image_is_distinguished_from_a_drawing(page, blank):
    assert lint_outputs.is_blank(page.astype(np.uint8)) == blank


def test_the_repository_address_is_written_in_one_place():
    texts = [path.read_text() for path in (*ROOT.glob("lessons/source/*.py"), *ROOT.glob("stylelab/**/*.py"))]
    assert sum(text.count(lessons.REPOSITORY) for text in texts) == 1


@pytest.mark.parametrize("lesson", quizzes.QUIZZES)
def test_a_quiz_has_four_to_six_questions_and_explains_every_answer(lesson):
    questions = quizzes.find_quiz(lesson)
    assert 4 <= len(questions) <= 6
    for question in questions:
        assert len(question.wrong) >= 2 and question.right not in question.wrong
        assert all(len(why.split()) >= 5 for why in (question.why, *question.wrong.values()))


def test_a_quiz_gives_feedback_and_counts_right_answers():
    box = quizzes.form(quizzes.find_quiz("04"))
    questions = quizzes.find_quiz("04")
    for part, question in zip(box.children, questions, strict=False):
        _, choice, remark = part.children
        wrong, why = next(iter(question.wrong.items()))
        choice.value = wrong
        assert remark.value.startswith("✗") and why[:20] in remark.value.replace("&#x27;", "'")
        choice.value = question.right
        assert remark.value.startswith("✓")
    assert "5 of 5 right" in box.children[len(questions)].value


def test_code_in_a_quiz_is_shown_as_code():
    question = quizzes.Question("What does `f(x) < 1` do?", "It calls `f`.", "`f` is <called>.", {"Nothing.": "It `calls` f."})
    html = quizzes.unfolded((question,))
    assert "<code>f(x) &lt; 1</code>" in html and "<code>f</code> is &lt;called&gt;." in html and "`" not in html
    title, choice, remark = quizzes.form((question,)).children[0].children
    assert "<code>f(x) &lt; 1</code>" in title.value and choice.options == (
        ("It calls 'f'.", "It calls `f`."),
        ("Nothing.", "Nothing."),
    )
    choice.value = "Nothing."
    assert "<code>calls</code>" in remark.value


def test_without_a_kernel_the_feedback_to_every_answer_can_be_unfolded():
    html = quizzes.unfolded(quizzes.find_quiz("04"))
    answers = sum(len(question.answers()) for question in quizzes.find_quiz("04"))
    assert html.count("<details>") == html.count("</details>") == answers


def test_check_on_the_command_line_reports_an_unknown_lesson(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-m", "lessons.make", "check", "xy"]
    run = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    numbers = [source.name[:2] for source in lessons.sources()]
    assert run.returncode == 1 and run.stderr == f"stylelab: unknown lesson 'xy': choose one of {', '.join(numbers)}\n"


def test_notebooks_are_tested_without_a_network():
    offline = ROOT / ".ci" / "offline"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dial = f"import socket; socket.create_connection({listener.getsockname()}, timeout=5)"
        assert subprocess.run([sys.executable, "-c", dial]).returncode == 0
        run = subprocess.run([offline, sys.executable, "-c", dial], capture_output=True, text=True)
    if "no network namespace on this machine" in run.stderr:
        pytest.skip("bubblewrap is missing or forbidden here, so the notebooks run with network access")
    assert "ConnectionRefusedError" in run.stderr
    assert ".ci/offline" in (ROOT / ".ci" / "test").read_text()


def test_the_sandbox_without_network_has_a_loopback_for_the_kernel():
    dial = (
        "import socket; listener = socket.create_server(('127.0.0.1', 0));"
        "socket.create_connection(listener.getsockname(), timeout=5)"
    )
    assert subprocess.run([ROOT / ".ci" / "offline", sys.executable, "-c", dial]).returncode == 0
