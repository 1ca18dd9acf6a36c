"""Lesson 04 as a student leaves it: every answer filled in, the whole notebook run with them."""

import nbformat
import pytest

from stylelab import lessons

SHARED = {
    "total_cost": "def total_cost(content, style, alpha, beta):\n    return alpha * content + beta * style",
    "balance": "def balance(content, style, share):\n    return share * content / ((1 - share) * style)",
}
SOLUTIONS = {
    "torch": SHARED
    | {
        "gram_matrix": """
def gram_matrix(activation):
    rows = activation.flatten(2)
    return rows @ rows.transpose(1, 2) / rows.shape[2]""",
        "one_step": """
def one_step(picture, target, loss, learning_rate):
    moving = picture.detach().clone().requires_grad_(True)
    loss(moving, target).backward()
    return (moving - learning_rate * moving.grad).detach().clamp(0, 1)""",
        "total_variation": """
def total_variation(picture):
    down, right = picture[:, :, 1:] - picture[:, :, :-1], picture[:, :, :, 1:] - picture[:, :, :, :-1]
    return down.abs().sum() + right.abs().sum()""",
    },
    "tensorflow": SHARED
    | {
        "gram_matrix": """
def gram_matrix(activation):
    batch, height, width, channels = activation.shape
    rows = tf.reshape(activation, (batch, height * width, channels))
    return tf.matmul(rows, rows, transpose_a=True) / (height * width)""",
        "one_step": """
def one_step(picture, target, loss, learning_rate):
    with tf.GradientTape() as tape:
        tape.watch(picture)
        value = loss(picture, target)
    return tf.clip_by_value(picture - learning_rate * tape.gradient(value, picture), 0.0, 1.0)""",
        "total_variation": """
def total_variation(picture):
    down, right = picture[:, 1:] - picture[:, :-1], picture[:, :, 1:] - picture[:, :, :-1]
    return tf.reduce_sum(tf.abs(down)) + tf.reduce_sum(tf.abs(right))""",
    },
}


def printed(notebook: nbformat.NotebookNode, name: str) -> str:
    cell = next(cell for cell in notebook.cells if cell.metadata.stylelab.name == name)
    return "".join(output.get("text", "") for output in cell.outputs)


@pytest.mark.plain
@pytest.mark.slow
@pytest.mark.parametrize("half", lessons.TITLES)
def test_a_solved_lesson_runs_on_its_answers_and_prints_the_same_numbers(half, tmp_path, monkeypatch):
    monkeypatch.setenv("STYLELAB_PRESET", "ci")
    (source,) = lessons.sources(["04"])
    notebook = lessons.assemble(source, half)
    solved = [cell for cell in notebook.cells if "exercise" in cell.metadata.stylelab]
    for cell in solved:
        cell.source = SOLUTIONS[half][cell.metadata.stylelab.exercise]
    lessons.execute(notebook, tmp_path)
    for cell in solved:
        exercise = cell.metadata.stylelab.exercise
        assert printed(notebook, f"check_{exercise}").startswith(f"{exercise}: right"), exercise
    stored = nbformat.read(lessons.notebook_path(source, half), as_version=4)
    for name in ("gram_by_hand", "cost_numbers", "downhill"):
        assert printed(notebook, name) == printed(stored, name)
