"""How far a student is, read from notebooks, whatever is in them."""

import json
import time

import pytest

from stylelab import languages
from stylelab.errors import InputError
from stylelab.exercises import progress
from stylelab.exercises.checking import check

pytestmark = pytest.mark.plain


def text(source):
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def output(plain="", **ours):
    return {"output_type": "display_data", "data": {"text/plain": plain}, "metadata": {"stylelab": ours} if ours else {}}


def code(outputs=(), **marks):
    return {"cell_type": "code", "metadata": {"stylelab": marks}, "source": "", "outputs": list(outputs), "execution_count": 1}


def checked(name, *outcomes, **more):
    return code([output(exercise=name, outcome=outcome, **more) for outcome in outcomes], check=name)


def guess(name, question="", **ours):
    return code([output(question, prediction=name, **ours)] if question else [], name=f"guess_{name}")


@pytest.fixture
def write(tmp_path):
    """A function (file name, cells) that writes a notebook."""

    def write(name, *cells):
        (tmp_path / f"{name}.ipynb").write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))

    return write


@pytest.fixture
def shown(tmp_path, capsys):
    """A function that shows the progress in the folder, and returns the lines of it but the last one, which is always the same."""

    def shown():
        progress.progress(tmp_path)
        *lines, last = capsys.readouterr().out.splitlines()
        assert last == progress.AS_SAVED
        return lines

    return shown


def test_outcomes_hints_and_guesses_are_read_from_the_outputs(write, shown):
    write(
        "03_style_torch",
        text("# 3 · Style\n\nMore"),
        guess("moved", "What changes?", guess="nothing", skipped=False),
        guess("cloud", "Can they?", guess=None, skipped=True),
        guess("sizes"),
        checked("gram_matrix", "wrong", "right", hints=1),
        checked("style_loss", "partly right", solution=True),
        checked("style_layer_loss"),
    )
    assert shown() == [
        "Next: 3 · Style: style_loss",
        "03_style_torch.ipynb: 1 of 3 guessed",
        "  ✓ gram_matrix: right, 1 hint",
        "  ◐ style_loss: partly right, solution seen",
        "  … style_layer_loss: not attempted",
    ]


def test_hints_that_were_asked_for_in_another_cell_count(write, shown):
    asked = code([output(exercise="gram_matrix", outcome="", hints=2), output(exercise="gram_matrix", outcome="", solution=True)])
    write("03_style_torch", checked("gram_matrix", "could not run", hints=0), asked)
    assert shown()[2:] == ["  ! gram_matrix: could not run, 2 hints, solution seen"]


def test_of_two_frameworks_that_which_was_begun_is_shown(write, shown):
    for framework in ("tensorflow", "torch"):
        write(f"00_start_{framework}", text("# 0 · Start"), checked("preprocess"))
    assert len(shown()) == 5
    write("00_start_torch", text("# 0 · Start"), checked("preprocess", "right"))
    write("01_more_torch", text("# 1 · More"), checked("psnr"))
    write("01_more_tensorflow", text("# 1 · More"), checked("psnr"))
    lines = shown()
    assert lines[0] == "Next: 1 · More: psnr" and not any("tensorflow" in line for line in lines)


def test_a_guess_alone_begins_a_lesson_and_all_right_is_said(write, shown):
    write("00_start_torch", guess("sum", "What is it?", guess="4"))
    write("00_start_tensorflow", checked("preprocess"))
    assert shown() == ["Next: all exercises are right", "00_start_torch.ipynb: 1 of 1 guessed"]


def test_a_folder_without_lessons_is_named(tmp_path, write):
    write("notes", text("# Mine"), code())
    with pytest.raises(InputError, match="has no lessons: go to the folder that `stylelab start` made"):
        progress.progress(tmp_path)


HOSTILE = {
    "nothing": "",
    "no JSON": "{",
    "deep": "[" * 100_000,
    "a list": "[]",
    "cells a word": '{"cells": "abc"}',
    "numbers for cells": '{"cells": [1, null, {"cell_type": 3}]}',
    "wrong sorts": json.dumps({"cells": [
        {"cell_type": "code", "metadata": [], "outputs": {}},
        {"cell_type": "code", "metadata": {"stylelab": "x"}, "outputs": [[], {"metadata": 3}]},
        {"cell_type": "code", "metadata": {"stylelab": {"check": ["a"], "name": {}}}},
        {"cell_type": "markdown", "source": {"a": 1}, "outputs": 4},
    ]}),
}  # fmt: skip


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_lesson_is_left_out(tmp_path, write, shown, content):
    (tmp_path / "00_odd_torch.ipynb").write_text(content)
    (tmp_path / "02_folder_torch.ipynb").mkdir()
    (tmp_path / "03_gone_torch.ipynb").symlink_to(tmp_path / "nowhere")
    write("01_good_torch", checked("psnr", "right"))
    assert shown() == ["Next: all exercises are right", "01_good_torch.ipynb", "  ✓ psnr: right"]


def test_odd_values_in_a_lesson_become_nothing_and_strange_text_is_shown_as_text(write, tmp_path, monkeypatch):
    write(
        "01_odd_torch",
        text(["# <script>alert(1)</script>\x1b[31m", 7, "\n"]),
        code(
            [output(exercise="psnr", outcome=["right"], hints=10**400, solution="yes"), {"metadata": {"stylelab": []}}],
            check="psnr",
        ),
        code([output(exercise="a", outcome="excellent", hints=-3)], check="a"),
        guess("x", "<b>?" * 500, guess="<img src=x onerror=alert(1)>" * 40, skipped="no"),
        guess("y", "What?", guess={"a": 1}),
    )
    (lesson,) = progress.read_progress(tmp_path)
    assert [(each.outcome, each.hints, each.solution) for each in lesson.exercises] == [
        ("not attempted", 3, False), ("not attempted", 0, False)
    ]  # fmt: skip
    assert [len(each.guess) for each in lesson.predictions] == [300, 0] and "\x1b" not in lesson.title
    pages = []
    monkeypatch.setattr(progress, "show", lambda text, html: pages.append(html))
    progress.progress(tmp_path)
    assert "<script" not in pages[0] and "<img" not in pages[0] and "&lt;img src=x" in pages[0]


def test_a_large_file_is_not_read(write, shown, tmp_path, monkeypatch):
    write("01_good_torch", checked("psnr", "right"))
    write("02_large_torch", checked("content_loss"), text("x" * 3000))
    monkeypatch.setattr(progress, "LARGEST", 2000)
    assert not any("02_large" in line for line in shown())


def test_twenty_notebooks_with_images_are_read_in_a_moment(write, tmp_path):
    image = {"output_type": "display_data", "data": {"text/html": "x" * 2_000_000}, "metadata": {}}
    for number in range(20):
        write(f"{number:02}_lesson_torch", checked("psnr", "right"), code([image]))
    began = time.monotonic()
    assert len(progress.read_progress(tmp_path)) == 20
    assert time.monotonic() - began < 5


def test_every_outcome_of_a_check_is_known_and_said_in_chinese(write, tmp_path, monkeypatch):
    stages = [stage for stage in vars(check).values() if isinstance(stage, check.Stage)]
    assert {stage.name for stage in stages} == set(progress.STAGES) and len(stages) == 5
    monkeypatch.setenv("STYLELAB_LANGUAGE", "zh")
    write("01_good_torch", *(checked(f"e{index}", stage.name, hints=2) for index, stage in enumerate(stages)), guess("x", "?"))
    pages = []
    monkeypatch.setattr(progress, "show", lambda text, html: pages.append(text))
    progress.progress(tmp_path)
    for word in ("Next", "guessed", "right", "wrong", "run", "attempted", "hint", "partly"):
        assert word not in pages[0], pages[0]
    assert languages.say("no guess yet") == "还没有猜"
