"""A student's notebook is read, its lesson identified and its answers found, whatever was done to the file."""

import codecs
import copy
import json
import random
import re
import textwrap
import time
import tracemalloc

import pytest
import solving

from stylelab import exercises
from stylelab.base.course import TITLES
from stylelab.cli import start
from stylelab.errors import InputError
from stylelab.tools.classroom.notebooks import read as reading
from stylelab.tools.classroom.notebooks.find_answers import find_answers
from stylelab.tools.classroom.notebooks.identify import identify
from stylelab.tools.classroom.notebooks.lessons import all_editions, find_edition, lesson_names
from stylelab.tools.classroom.notebooks.read import LIMITS, read_notebook
from stylelab.tools.classroom.notebooks.syntax import Code, plain_python, without_checks

LESSON = "03_style_reconstruction"
GRAM = "gram_matrix"
ANSWER = "def gram_matrix(activation):\n    rows = activation.flatten(2)\n    return rows @ rows.mT / rows.shape[2]"
OLD = ANSWER.replace("shape[2]", "shape[1]")
pytestmark = pytest.mark.plain


def lesson(name: str = LESSON, framework: str = "torch") -> dict:
    """The notebook of a lesson, as JSON."""
    (path,) = [path for path in start.find_lessons() if path.stem == f"{name}_{framework}"]
    return json.loads(path.read_text())


def as_bytes(plain: object) -> bytes:
    """A file with this JSON."""
    return json.dumps(plain).encode()


def cell(source="x = 1", kind="code", **metadata) -> dict:
    """One cell, as JSON."""
    return {"cell_type": kind, "source": source, "metadata": metadata}


def file_of(*cells) -> bytes:
    """A notebook file with these cells."""
    return as_bytes({"cells": list(cells), "metadata": {}, "nbformat": 4})


def read(*cells):
    """Read a notebook with these cells."""
    return read_notebook(file_of(*cells))


def tagged(source, kind="code", exercise=GRAM):
    """A cell whose metadata names its exercise."""
    return cell(source, kind, nbgrader={"grade_id": exercise})


def answers(*cells, framework="torch"):
    """The script of a notebook with these cells."""
    return find_answers(read(*cells), find_edition(LESSON, framework))


def stub(exercise=GRAM) -> str:
    """The cell that the lesson gives for an exercise."""
    return find_edition(LESSON, "torch").stubs[exercise]


def graded(*cells):
    """The source that is graded for the Gram matrix (or its stage), and the notes."""
    script = answers(*cells)
    one = script.answers[GRAM]
    return (one.stage or script.cells[one.cell]), " ".join(one.notes)


def test_an_answer_sees_the_cells_up_to_its_last_check():
    before, gram, below, last = cell("import torch"), tagged(ANSWER), cell("size = 1"), cell("size = 2")
    check, other = cell(f'{GRAM} = sl.check("{GRAM}", {GRAM})'), cell('style_loss = sl.check("style_loss", style_loss)')
    seen = lambda *cells: (answers(*cells).answers[GRAM].cell, answers(*cells).answers[GRAM].until)  # noqa: E731
    assert seen(before, gram, below, last) == (1, 1)  # never checked
    assert seen(before, gram, check, below, last) == (1, 1)
    assert seen(before, gram, below, other, check, last) == (1, 2)
    assert seen(check, before, gram, below, check, last, other) == (1, 2)
    assert seen(before, gram, check, below, last, check) == (1, 3)


# reading


def test_cells_keep_their_order_and_names():
    book = read(cell("a"), tagged(["b\n", "c"]), cell("d", "markdown", stylelab={"exercise": "e"}) | {"id": "g"})
    assert [(each.index, each.source, each.kind) for each in book.cells] == [
        (0, "a", "code"),
        (1, "b\nc", "code"),
        (2, "d", "markdown"),
    ]
    assert book.cells[1].grade_id == GRAM
    assert (book.cells[2].exercise, book.cells[2].id) == ("e", "g")
    assert not book.notes and not book.trouble


@pytest.mark.parametrize(
    "data, words",
    [
        (b"", "empty"), (b" \n", "empty"), (b"<html>", "not JSON"), (b'{"cells": [', "not JSON"), (b"[]", "no cells"), (b"7", "no cells"),
        (b"{}", "no cells"), (b'{"cells": 7}', "no cells"), (b'{"cells": {}}', "no cells"), (b"[" * 100_000, "not JSON"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "not JSON"), (b"\0" * 50, "not JSON"), (b"\x89PNG\r\n\x1a\n\0\0", "not JSON"), (b"PK\3\4", "not JSON"),
        (b"[" + b"{}," * 1_200_000 + b"1]", "too many lists"), (b"9" * 100_000, "no cells"),
    ],
    ids=str,
)  # fmt: skip
def test_a_file_that_is_not_a_notebook_is_reported_in_one_sentence(data, words):
    book = read_notebook(data)
    assert words in book.trouble and "\n" not in book.trouble and not book.cells


def test_a_file_above_the_limit_is_not_decoded(monkeypatch):
    monkeypatch.setattr(reading, "LIMITS", reading.Limits(file=100))
    assert "101 bytes" in read_notebook(b"{" * 101).trouble
    assert "101 bytes" in read_notebook(b"\xff" * 101).trouble


def test_ten_thousand_cells_are_refused():
    assert "10,000 cells" in read(*[cell("")] * 10_000).trouble
    assert not read(*[cell("")] * LIMITS.cells).trouble


def test_code_has_a_limit_per_cell_and_in_total():
    long = read(cell("x" * (LIMITS.cell + 1)), cell("y"))
    assert [each.source for each in long.cells] == ["", "y"] and "cell 1" in long.notes[0] and not long.trouble
    assert "characters of code" in read(*[cell("x" * LIMITS.cell)] * 11).trouble


@pytest.mark.parametrize(
    "odd",
    [
        None,
        7,
        "text",
        [],
        [{}],
        True,
        {},
        {"cell_type": []},
        {"metadata": [], "source": {}},
        {"metadata": {"nbgrader": 1, "stylelab": []}, "cell_type": "code", "source": 1.5},
    ],
)
def test_something_that_is_not_a_cell_does_not_hide_the_others(odd):
    book = read(cell("a"), odd, cell("b"))
    assert [each.source for each in book.cells if each.source] == ["a", "b"] and not book.trouble
    assert book.cells[-1].index == 2


@pytest.mark.parametrize(
    "source, text", [(None, ""), (7, ""), ({}, ""), (["a\n", 7, None, "b"], "a\nb"), ("a\r\nb\rc", "a\nb\nc"), ("a\0b", "ab"), ("\ud800a", "\ufffda"), ("\ud83d\ude00", "\U0001f600"), (["\ud83d", "\ude00"], "\U0001f600")]
)  # fmt: skip
def test_a_source_of_any_kind_becomes_text(source, text):
    book = read(cell(source))
    assert book.cells[0].source == text and text.encode() is not None


def test_a_cell_without_a_kind_is_code_if_it_has_outputs():
    assert [each.kind for each in read({"source": "a", "outputs": []}, {"source": "b"}).cells] == ["code", "raw"]


def test_a_note_says_what_is_lost_in_reading():
    assert "NUL" in read(cell("a\0b")).notes[0]
    assert "no text" in read(cell(7)).notes[0]
    assert "not a cell" in read(7).notes[0]
    assert "twice" in read_notebook(b'{"cells": 5, "cells": []}').notes[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_notebook_may_be_saved_in_any_unicode_encoding(encoding):
    text = json.dumps({"cells": [cell("# Müller 李")]}, ensure_ascii=False)
    book = read_notebook(text.encode(encoding))
    assert book.cells[0].source == "# Müller 李" and len(book.notes) == ("8" not in encoding)


def test_a_notebook_in_another_encoding_only_loses_letters():
    book = read_notebook('{"cells": [{"source": "# Müller", "cell_type": "code"}]}'.encode("latin-1"))
    assert book.cells[0].source == "# M\ufffdller" and "UTF-8" in book.notes[0]
    assert read_notebook(codecs.BOM_UTF16_LE + b"\xff\xdf\0").trouble


def test_format_3_with_its_worksheets_is_read():
    book = read_notebook(
        as_bytes({"worksheets": [{"cells": [{"cell_type": "code", "input": ["a"]}]}, 7, {"cells": [cell("b")]}]})
    )
    assert [each.source for each in book.cells] == ["a", "b"] and "format 3" in book.notes[0]


def test_very_long_numbers_do_no_harm():
    book = read_notebook(
        b'{"cells": [{"source": "a", "cell_type": "code", "execution_count": '
        + b"9" * 1_000_000
        + b'}], "x": [1e999, NaN, -Infinity]}'
    )
    assert book.cells[0].source == "a" and "digits" in book.notes[0]


# which lesson


@pytest.mark.parametrize("edition", TITLES)
@pytest.mark.parametrize("name", lesson_names())
def test_a_lesson_is_identified_without_its_metadata(name, edition):
    plain = lesson(name, edition)
    assert identify(read_notebook(as_bytes(plain))) == (name, edition)
    plain["metadata"] = {}
    for each in plain["cells"]:
        each["metadata"] = {}
        del each["id"]
    assert identify(read_notebook(as_bytes(plain))) == (name, edition)


def test_metadata_is_believed_only_if_there_is_such_a_lesson():
    plain = lesson() | {"metadata": {"stylelab": {"lesson": "00_start_here", "framework": "tensorflow"}}}
    assert identify(read_notebook(as_bytes(plain))) == ("00_start_here", "tensorflow")
    plain["metadata"]["stylelab"] = {"lesson": "../../etc", "framework": "jax"}
    assert identify(read_notebook(as_bytes(plain))) == (LESSON, "torch")


@pytest.mark.parametrize(
    "code, imported",
    [
        ("import stylelab.torch as sl", "torch"), ("from stylelab import tensorflow as sl", "tensorflow"), ("import tensorflow as tf", "tensorflow"),
        ("from torch import nn", "torch"), ("import torch\nimport stylelab.tensorflow", "tensorflow"), ("# import torch", ""), ("import torchvision", ""),
    ],
)  # fmt: skip
def test_the_framework_is_the_one_that_the_code_imports(code, imported):
    assert identify(read(cell(code)))[1] == imported


def test_kernel_and_file_name_decide_if_nothing_else_does():
    plain = {"cells": [], "metadata": {"kernelspec": {"name": "stylelab-tensorflow"}}}
    assert identify(read_notebook(as_bytes(plain))) == ("", "tensorflow")
    assert identify(read(), f"ada_{LESSON}_torch.ipynb") == (LESSON, "torch")
    assert identify(read(), "homework.ipynb") == ("", "")


def test_the_lessons_contain_every_exercise():
    assert len(all_editions()) == 20
    assert {exercise for given in all_editions().values() for exercise in given.exercises} == set(exercises.EXERCISES)
    assert find_edition(LESSON, "torch").exercises == (GRAM, "style_layer_loss", "style_loss")
    with pytest.raises(InputError, match=f"did you mean '{LESSON}_torch'"):
        find_edition("03_style_reconstructoin", "torch")


# where the answers are


@pytest.mark.parametrize("edition", TITLES)
@pytest.mark.parametrize("name", lesson_names())
def test_an_untouched_lesson_has_open_answers_and_a_solved_one_has_its_own(name, edition):
    given, plain = find_edition(name, edition), lesson(name, edition)
    script = find_answers(read_notebook(as_bytes(plain)), given)
    assert {each.stage for each in script.answers.values()} == {"open"} and list(script.answers) == list(given.exercises)
    texts = {}
    for each in plain["cells"]:
        if exercise := each["metadata"]["stylelab"].get("exercise"):
            texts[exercise] = each["source"] = solving.right(edition, exercise)
    script = find_answers(read_notebook(as_bytes(plain)), given)
    assert {exercise: script.cells[found.cell] for exercise, found in script.answers.items()} == texts
    assert not any(found.notes for found in script.answers.values())
    assert not any("= sl.check(" in text for text in script.cells)


def test_helpers_in_other_cells_stay_in_order():
    script = answers(
        cell("import torch"), cell("# words"), cell("def half(x): return x / 2"), tagged(ANSWER), cell("text", "markdown")
    )
    assert script.cells == ("import torch", "def half(x): return x / 2", ANSWER) and script.answers[GRAM].cell == 2


@pytest.mark.parametrize(
    "text",
    [stub(), stub() + "\n\n", "# my answer\n" + stub(), stub().replace("raise NotImplementedError", "pass"), stub().replace('"""', "'''"), "def gram_matrix(activation):\n    ...",
     "def gram_matrix(features, other=1):\n    raise NotImplementedError(1)"],
)  # fmt: skip
def test_a_stub_without_code_is_open(text):
    assert graded(tagged(text))[0] == "open"


@pytest.mark.parametrize(
    "text",
    [
        stub().replace("raise", "rows = activation\n    raise"),
        "def gram_matrix(a):\n    return 1",
        "gram_matrix = 1",
        "def gram_matrix(",
        "1 / 0",
    ],
)
def test_any_attempt_is_graded(text):
    assert graded(tagged(text))[0] == text


def test_an_answer_that_does_not_exist_is_missing_or_open():
    assert graded(cell("x = 1"))[0] == "missing"
    assert graded(tagged(""))[0] == "open" and "cell 1" in graded(tagged("# nothing"))[1]
    assert graded(tagged("I do not know", "markdown"))[0] == "open"
    assert not find_answers(read_notebook(b"{"), find_edition(LESSON, "torch")).cells


@pytest.mark.parametrize("kind", ["markdown", "raw", "heading", "odd", None])
def test_an_answer_in_a_text_cell_is_treated_as_code(kind):
    text, notes = graded(cell("import torch"), tagged(ANSWER, kind))
    assert text == ANSWER and "cell 2" in notes and "code cell" in notes
    assert graded(cell(ANSWER, kind))[0] == ANSWER  # its metadata lost too
    assert graded(tagged(stub(), kind))[0] == "open"


def test_prose_about_the_function_is_not_an_answer():
    assert graded(tagged(stub()), cell("Then `def gram_matrix(a)` is\ndef gram_matrix(a): where?", "markdown"))[0] == "open"


def test_of_several_cells_for_one_exercise_the_last_with_code_counts():
    text, notes = graded(tagged(OLD), tagged(ANSWER), tagged(stub()))
    assert text == ANSWER and "cells 1, 2" in notes
    assert stub() not in answers(tagged(ANSWER), tagged(stub())).cells  # it would take the answer's name
    assert graded(tagged(ANSWER), tagged("gram_matrix(3"))[0] == ANSWER
    assert graded(tagged(ANSWER), tagged("# scrap"))[1] == ""


@pytest.mark.parametrize(
    "text", [ANSWER, "gram_matrix = lambda a: a @ a.mT", "if True:\n    def gram_matrix(a): return a", "gram_matrix, x = min, 1"]
)
def test_an_answer_without_metadata_is_found_by_its_name(text):
    got, notes = graded(tagged(stub()), cell("x = 1"), cell(text))
    assert got == text and "cell 3" in notes
    assert graded(cell(text))[0] == text


def test_a_name_inside_a_function_or_in_the_lessons_own_cell_is_not_an_answer():
    assert graded(cell("def f():\n    def gram_matrix(a): return a"))[0] == "missing"
    assert graded(cell('gram_matrix = sl.check("gram_matrix", gram_matrix)'))[0] == "missing"


def test_the_exercises_own_cell_is_preferred_to_a_copy():
    assert graded(tagged(ANSWER), cell(OLD)) == (ANSWER, "")


def test_an_answer_in_another_exercises_cell_is_graded():
    text, notes = graded(tagged(stub()), tagged(ANSWER, exercise="style_loss"))
    assert text == ANSWER and "another exercise" in notes


def test_cells_that_are_not_python_stay_as_they_are():
    script = answers(tagged("def helper(a):\n    return a"), tagged(ANSWER), cell("    else:"), cell("x = 1"))
    assert script.cells == ("def helper(a):\n    return a", ANSWER, "    else:", "x = 1")
    assert script.answers[GRAM].notes == ()


def test_an_answer_cut_in_two_is_graded_by_its_first_cell():
    first, second = "def gram_matrix(a):\n    b = a", "return b"
    script = answers(tagged(first), cell(second))
    assert script.cells == (first, second) and script.answers[GRAM].cell == 0
    assert graded(tagged("def gram_matrix(a):"), cell(second))[0] == "def gram_matrix(a):"


def test_a_cell_that_is_indented_as_a_whole_is_dedented_as_in_jupyter():
    assert graded(tagged(textwrap.indent(ANSWER, "  "))) == (ANSWER, "")
    assert answers(tagged(ANSWER), cell("    print(gram_matrix)")).cells == (ANSWER, "print(gram_matrix)")


def test_cells_may_be_moved():
    plain = lesson()
    random.Random(1).shuffle(plain["cells"])
    assert {
        each.stage for each in find_answers(read_notebook(as_bytes(plain)), find_edition(LESSON, "torch")).answers.values()
    } == {"open"}


def test_a_check_is_removed_or_replaced_by_an_assignment():
    check = 'gram_matrix = sl.check("gram_matrix", gram_matrix)'
    assert graded(tagged(f"{ANSWER}\n{check}  # now"))[0] == f"{ANSWER}\n"
    assert without_checks(check.replace(", gram_matrix", ", mine")) == "gram_matrix = mine"
    assert answers(cell(check), tagged(ANSWER)).cells == (ANSWER,)


@pytest.mark.parametrize(
    "source, text",
    [
        ("%%time\nx = 1", "\nx = 1"), ("\n%%capture out\nx = 1", "\n\nx = 1"), ("%%bash\nrm -rf /", ""), ("%matplotlib inline\nx = 1", "pass\nx = 1"),
        ("!pip install x\nx = 1", "pass\nx = 1"), ("x = !ls\ny = 1", "x = None\ny = 1"), ("x = %who\n", "x = None\n"), ("if 1:\n    %time f()\nelse:\n    x?", "if 1:\n    f()\nelse:\n    pass"),
        ("%time x = f(1)", "x = f(1)"), ("%prun -q x = f(1)", "x = f(1)"), ("x = %time f(1)", "x = f(1)"), ("%time for\nx = 1", "pass\nx = 1"), ("%timeit x = f(1)", "pass"),
        ("%env A=1\nx = 1", "get_ipython().run_line_magic('env', 'A=1')\nx = 1"), ("x = %env A", "x = get_ipython().run_line_magic('env', 'A')"),
        ("%%writefile a.py\nx = '1'\n", "get_ipython().run_cell_magic('writefile', 'a.py', \"x = '1'\\n\")"), ("pip install x\nx = 1", "pass\nx = 1"),
        ("!mkdir -p a\nx = 1", "get_ipython().system('mkdir -p a')\nx = 1"), ("run = 3\nrun += 1\n%pwd", "run = 3\nrun += 1\npass"),
        ("!a \\\n b\nx = 1", "pass\n\nx = 1"), ("x = (10\n% 3)", "x = (10\n% 3)"), ('"""\n%time\n"""', '"""\n%time\n"""'), ("?x\n??y.z\nx??", "pass\npass\npass"), ("%x\n(", "%x\n("),
    ],
)  # fmt: skip
def test_lines_for_ipython_are_removed_without_changing_line_numbers(source, text):
    assert plain_python(source)[0] == text


def test_an_answer_with_a_cell_magic_is_found():
    text, notes = graded(tagged("%%time\n" + ANSWER))
    assert text == "\n" + ANSWER and "%%time" in notes


HOSTILE = {
    "brackets": "(" * 40_000, "minus": "-" * 40_000 + "1", "plus": "1+" * 20_000 + "1", "calls": "f" + "()" * 20_000, "not": "not " * 10_000 + "1",
    "elif": "if x: pass\n" + "elif x: pass\n" * 3000, "indent": "".join(" " * n + "if 1:\n" for n in range(400)), "escape": '"\\d" + b"\\q"',
    "lambda": "lambda: " * 6_000 + "1", "nul": "\0", "surrogate": "x = '\ud800'", "digits": "9" * 40_000, "formfeed": "\f\v\x1a", "dense": "x;" * 24_000,
    "coding": "# -*- coding: rot13 -*-\nk = 1", "quotes": "'''" * 16_001, "magics": "%x\n" * 16_000, "words": "a" * 49_000, "backslashes": "!a\\\n" * 12_000,
}  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_read_in_time(text):
    began = time.process_time()
    script = answers(
        tagged(text), tagged(text + "\n    return"), cell(text), tagged(text, "raw"), tagged(ANSWER, exercise="style_loss")
    )
    assert script.answers["style_loss"].stage is None and time.process_time() - began < 10


def test_eight_hundred_cells_with_syntax_errors_are_read_in_time():
    began = time.process_time()
    answers(*[tagged("def gram_matrix(a):\n" + "  x;" * 80), tagged("    y")] * 400)
    assert time.process_time() - began < 10


def test_reading_a_large_notebook_takes_little_memory():
    data = file_of(cell("x", "markdown"), *[cell("y" * 1000) | {"outputs": [{"text": "z" * 100_000}]}] * 100)
    tracemalloc.start()
    book = read_notebook(data)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(book.cells) == 101 and kept < 1_000_000 and peak < 4 * len(data)


def mutated(value, rng: random.Random):
    """One value somewhere inside replaced by something odd."""
    odd = [
        None,
        7,
        -1e308,
        "",
        "x\0\ud800",
        [],
        {},
        [[]],
        {"cells": []},
        True,
        "def gram_matrix(a:\n",
        "code",
        "markdown",
        ["a", 1],
    ]
    if isinstance(value, dict | list) and value and rng.random() < 0.9:
        key = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
        if rng.random() < 0.1:
            del value[key]
        elif rng.random() < 0.1 and isinstance(value, list):
            value.insert(rng.randrange(len(value)), copy.deepcopy(value[key]))
        else:
            value[key] = mutated(value[key], rng)
        return value
    return rng.choice(odd)


def test_mutated_lessons_raise_nothing():
    rng, given, whole = random.Random(0), find_edition(LESSON, "torch"), lesson()
    for each in whole["cells"]:
        each.pop("outputs", None)
    for _ in range(300):
        plain = copy.deepcopy(whole)
        for _ in range(rng.randint(1, 40)):
            plain = mutated(plain, rng)
        book = read_notebook(as_bytes(plain))
        identify(book, "x.ipynb")
        script = find_answers(book, given)
        assert list(script.answers) == list(given.exercises)
        assert all((found.stage is None) == (found.cell is not None) for found in script.answers.values())
        assert all(text.encode() is not None for text in script.cells)


def test_damaged_files_raise_nothing():
    rng, data = random.Random(1), re.sub(rb'"image/png": "[^"]*"', b'"image/png": ""', as_bytes(lesson()))
    for _ in range(300):
        bad = bytearray(data)
        for _ in range(rng.choice((1, 3, 30))):
            at = rng.randrange(len(bad))
            bad[at : at + rng.choice((0, 1, 200))] = bytes(rng.randrange(256) for _ in range(rng.choice((0, 1, 5))))
        book = read_notebook(bytes(bad))
        assert book.cells or book.trouble


def test_code_knows_which_names_it_defines():
    text = Code(
        "import a\nclass B: pass\nc: int = 1\nd: int\nwith x:\n  e = 1\ntry:\n  f = 1\nexcept E:\n  g = 1\nfor h in y:\n  [i, j] = 1, 2\nasync def k(): l = 1"
    )
    assert text.defines == set("Bcefgijk")
