"""nbgrader's commands on released lessons: validate, generate_assignment, autograde, export."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import solving
from submitting import SEED, needs_bubblewrap

from stylelab import exercises, page
from stylelab.base.course import find_lessons
from stylelab.tools.classroom.handout import release, strip
from stylelab.tools.classroom.marking.mark import mark
from stylelab.tools.classroom.marking.model import Submission
from stylelab.tools.classroom.marking.model_answers import library_source
from stylelab.tools.course import assemble

LESSON = "03_style_reconstruction"  # its exercises call each other, and other cells need all three
PASSES_NOTHING = "Success! The notebook does not pass any tests."
pytest.importorskip("nbgrader")


class Course:
    """An nbgrader course in its own folder, with its own kernels and settings, in which nbgrader's commands run."""

    def __init__(self, folder: Path, framework: str):
        self.folder, self.framework = folder / "course", framework
        self.assignment = f"{LESSON}_{framework}"
        release.release(self.folder, framework, nbgrader=True)
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "STYLELAB_PRESET"))}
        for name in ("HOME", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"):
            self.env[name] = str(folder / "home")
        self.env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # nbgrader starts alembic by name
        self._install_kernel(folder / "home" / "kernels" / assemble.KERNELS["tensorflow"][0])

    def _install_kernel(self, folder: Path) -> None:
        """Install the kernel that TensorFlow's notebooks name, as the set-up does."""
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        folder.mkdir(parents=True)
        (folder / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "TensorFlow", "language": "python"}))

    def nbgrader(self, *arguments: str) -> str:
        """Run a command that must succeed, and return what it prints."""
        command = [sys.executable, "-m", "nbgrader", *arguments]
        run = subprocess.run(command, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=900)
        assert run.returncode == 0, run.stderr[-3000:]
        return run.stdout

    def notebook(self, *step: str) -> Path:
        return self.folder.joinpath(*step, self.assignment, f"{self.assignment}.ipynb")

    def submit(self, student: str, answer) -> None:
        """Submit the notebook from generate_assignment, with `answer(framework, exercise)` in its exercise cells."""
        notebook = nbformat.read(self.notebook("release"), as_version=4)
        for cell in answer_cells(notebook):
            cell.source = answer(self.framework, cell.metadata.nbgrader.grade_id) or cell.source
        path = self.notebook("submitted", student)
        path.parent.mkdir(parents=True)
        nbformat.write(notebook, path)

    def scores(self) -> dict[str, tuple[float, float]]:
        """Student -> (points earned, maximum)."""
        self.nbgrader("export", "--to=marks.csv")
        with open(self.folder / "marks.csv", newline="") as stream:
            return {row["student_id"]: (float(row["score"]), float(row["max_score"])) for row in csv.DictReader(stream)}


def answer_cells(notebook) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if "nbgrader" in cell.metadata and cell.metadata.nbgrader.solution]


def checks(notebook) -> dict[str, nbformat.NotebookNode]:
    cells = (cell for cell in notebook.cells if "nbgrader" in cell.metadata and cell.metadata.nbgrader.grade)
    return {cell.metadata.nbgrader.grade_id.removeprefix("check_"): cell for cell in cells}


@pytest.fixture(scope="module")
def course(framework, tmp_path_factory) -> Course:
    return Course(tmp_path_factory.mktemp("nbgrader"), framework)


RIGHT = {  # each calls the one before; nobody says a word about the warnings
    "torch": {
        "gram_matrix": "def gram_matrix(a):\n    f = a.flatten(2)\n    return f @ f.mT / f.shape[2]",
        "style_layer_loss": "import warnings\ndef style_layer_loss(activation, target_gram):\n    warnings.warn('slow')\n"
        "    return ((gram_matrix(activation) - target_gram) ** 2).mean()",
    },
    "tensorflow": {
        "gram_matrix": "def gram_matrix(a):\n    return tf.einsum('bhwi,bhwj->bij', a, a) / (a.shape[1] * a.shape[2])",
        "style_layer_loss": "import warnings\n@tf.function(reduce_retracing=False)\ndef style_layer_loss(activation, target_gram):\n"
        "    warnings.warn('slow')\n    return tf.reduce_mean((gram_matrix(activation) - target_gram) ** 2)",
    },
}
SUM = """def style_loss(activations, target_grams, weights):
    return sum(weight * style_layer_loss(activations[layer], target_grams[layer]) for layer, weight in weights.items())"""
FIRST = {  # what becomes of the first answer
    "wrong": lambda text: text.partition(" /")[0],
    "failing": lambda text: text.replace("return", "return nonsense +"),
    "unreadable": lambda text: text.replace("return", "return ("),
}  # fmt: skip


def first_spoilt(spoil):
    """Answers to the lesson of which the first is spoilt, and the others are right and call the one before."""

    def answer(framework: str, exercise: str) -> str:
        text = RIGHT[framework].get(exercise, SUM)
        return spoil(text) if exercise == "gram_matrix" else text

    return answer


@pytest.fixture(scope="module")
def graded(course) -> Course:
    """One lesson, submitted with right answers, with none, and with only the first one wrong, and graded."""
    course.nbgrader("generate_assignment", course.assignment)
    course.submit("solved", solving.right)
    course.submit("untouched", lambda framework, exercise: None)
    for name, spoil in FIRST.items():
        course.submit(name, first_spoilt(spoil))
    course.nbgrader("autograde", course.assignment)
    return course


@pytest.mark.slow
def test_no_check_passes_in_a_released_lesson(course, framework):
    """Each lesson up to its last check; those without a common exercise are one notebook, so that the framework is imported fewer times."""
    joined: list[nbformat.NotebookNode] = []
    lessons = [nbformat.read(path, as_version=4) for path in sorted(course.folder.glob("source/*/*.ipynb"))]
    for lesson in lessons:
        notebook = next((notebook for notebook in joined if not checks(notebook).keys() & checks(lesson).keys()), None)
        if notebook is None:
            notebook = nbformat.v4.new_notebook(metadata=lesson.metadata)
            joined.append(notebook)
        last = max(index for index, cell in enumerate(lesson.cells) if cell.metadata.get("nbgrader", {}).get("grade"))
        notebook.cells += lesson.cells[: last + 1]
    assert len(lessons) == len(find_lessons(framework)) >= 6
    assert sum(len(checks(notebook)) for notebook in joined) == sum(len(checks(lesson)) for lesson in lessons)
    names = [f"joined_{number}.ipynb" for number in range(len(joined))]
    for name, notebook in zip(names, joined, strict=True):
        for number, cell in enumerate(notebook.cells):
            cell.id = f"cell-{number}"
        nbformat.write(notebook, course.folder / name)
    assert course.nbgrader("validate", "--invert", *names).split("\n") == [PASSES_NOTHING] * len(names) + [""]


@pytest.mark.slow
def test_autograde_gives_full_marks_to_a_solved_lesson_and_none_to_an_untouched_one(graded):
    points = sum(exercises.find_exercise(name).points for name in checks(nbformat.read(graded.notebook("release"), 4)))
    scores = graded.scores()
    assert points and (scores["solved"], scores["untouched"]) == ((points, points), (0, points))


@pytest.mark.slow
@needs_bubblewrap
@pytest.mark.parametrize("student", FIRST)
def test_a_wrong_answer_costs_nothing_but_itself_as_in_our_own_grader(graded, sandboxes, student):
    autograded = nbformat.read(graded.notebook("autograded", student), 4)
    ours = mark(Submission(student, "x.ipynb", graded.notebook("submitted", student).read_bytes()), sandboxes, SEED)
    earned = {each.exercise: each.earned for each in ours.exercises}
    first, *others = checks(autograded)
    assert {name: earned[name] for name in others} == {name: exercises.find_exercise(name).points for name in others}
    assert graded.scores()[student][0] == sum(earned[name] for name in others)


@pytest.mark.slow
@pytest.mark.parametrize("student", FIRST)
def test_no_reference_code_is_shown_where_the_librarys_function_stands_in(graded, student):
    autograded = nbformat.read(graded.notebook("autograded", student), 4)
    shown = json.dumps([cell.get("outputs", []) for cell in autograded.cells])
    assert "AssertionError" in shown
    code = [line.strip() for line in library_source(graded.framework, "gram_matrix").splitlines()]
    assert not [line for line in code if len(line) > 12 and line in shown]


@pytest.mark.slow
def test_checks_print_their_result_and_write_nothing_to_stderr(graded):
    for student in ("solved", "untouched"):
        for exercise, cell in checks(nbformat.read(graded.notebook("autograded", student), 4)).items():
            said = "".join(output.get("text", "") + output.get("evalue", "") for output in cell.outputs)
            assert said.startswith(f"{exercise}: {'right, in shape' if student == 'solved' else 'not attempted.'}")
            assert not [output for output in cell.outputs if output.get("name") == "stderr"]
            assert len(said.strip().splitlines()) == 1


@pytest.mark.slow
def test_a_solved_lesson_runs_to_the_end_with_the_short_preset(graded):
    cells = [cell for cell in nbformat.read(graded.notebook("autograded", "solved"), 4).cells if cell.cell_type == "code"]
    assert "preset 'ci'" in cells[0].outputs[0].text
    assert [output.evalue for cell in cells for output in cell.outputs if output.output_type == "error"] == []
    assert all(cell.execution_count for cell in cells)


@pytest.mark.slow
def test_an_assignment_keeps_the_def_and_the_docstring(graded, framework):
    lesson = next(path for path in find_lessons(framework) if path.stem == graded.assignment)
    stubs, made = (answer_cells(nbformat.read(path, 4)) for path in (lesson, graded.notebook("release")))
    assert [cell.source for cell in made] == [cell.source for cell in stubs] != []


@pytest.mark.parametrize("lesson", [path.stem.rpartition("_")[0] for path in find_lessons("torch")])
def test_the_default_configuration_of_nbgrader_keeps_the_def_too(lesson, framework):
    from nbgrader.preprocessors import ClearSolutions

    path = next(path for path in find_lessons(framework) if path.stem == f"{lesson}_{framework}")
    notebook, _ = ClearSolutions().preprocess(strip.strip(path), {})
    cells = answer_cells(notebook)
    for cell in cells:
        assert f"def {cell.metadata.nbgrader.grade_id}(" in cell.source and '"""' in cell.source
        assert "SOLUTION" not in cell.source and cell.source.endswith("    # YOUR CODE HERE\n    raise NotImplementedError()")
    assert cells


@pytest.mark.parametrize(
    ("variables", "preset"),
    [
        ({"NBGRADER_EXECUTION": "validate"}, "ci"),
        ({"NBGRADER_EXECUTION": "autograde"}, "ci"),
        ({"NBGRADER_EXECUTION": "autograde", "STYLELAB_PRESET": "full"}, "full"),
        ({"NBGRADER_EXECUTION": ""}, None),
        ({}, None),
    ],
)
def test_under_nbgrader_a_lesson_uses_the_short_preset(sl, monkeypatch, capsys, variables, preset):
    for name in ("NBGRADER_EXECUTION", "STYLELAB_PRESET"):
        monkeypatch.delenv(name, raising=False)
    usual = page.set_up(sl).preset
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert page.set_up(sl).preset == (preset or usual) and usual in ("cpu", "full")


def test_nbgrader_is_an_optional_dependency(framework):
    import tomllib

    project = tomllib.loads(Path(__file__).parents[2].joinpath("pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    assert extras["nbgrader"] == [line for line in extras["test"] if line.startswith("nbgrader")] != []
    assert not [line for line in project["dependencies"] if line.startswith("nbgrader")]
    assert shutil.which("nbgrader", path=str(Path(sys.executable).parent))
