"""Help for a student who is stuck: three hints and the model answer, after honest tries, as the course allows."""

import ast
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import stylelab
from stylelab import exercises, languages
from stylelab.errors import InputError
from stylelab.exercises import ladder
from stylelab.exercises.checking import check, record
from stylelab.languages import LAYOUT, read_sentences

EACH = pytest.mark.parametrize("exercise", exercises.EXERCISES.values(), ids=exercises.EXERCISES)
COURSE = 'title = "Ours"\nstylelab = true\neditions = ["torch", "tensorflow"]\n[help]\n'


@pytest.fixture(scope="session")
def half(framework, sl):
    """The module `check` of the framework."""
    return importlib.import_module(f"stylelab.{framework}.exercises.check")


@pytest.fixture(autouse=True)
def afresh(tmp_path, monkeypatch):
    """A folder without a course, and a session in which nothing was checked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(check, "_last", {})
    monkeypatch.setattr(ladder, "_shown_by", {})


@pytest.fixture
def printed(capsys):
    """A function that returns what was printed since its last call."""
    return lambda: capsys.readouterr().out.strip()


@pytest.fixture
def help_(tmp_path):
    """A function that makes the folder one of a course with this table [help]."""
    return lambda text: (tmp_path / "course.toml").write_text(COURSE + text)


@pytest.fixture
def displayed(monkeypatch):
    """What a notebook displays: (bundle, metadata) of each output."""
    ipython = pytest.importorskip("IPython")
    outputs = []
    monkeypatch.setattr(ipython, "get_ipython", lambda: SimpleNamespace(kernel=True))
    monkeypatch.setattr(ipython.display, "display", lambda bundle, raw, metadata: outputs.append((bundle, metadata)))
    return outputs


def forgotten(content, style, alpha, beta):
    return content + style


def swapped(content, style, alpha, beta):
    return beta * content + alpha * style


def squared(content, style, alpha, beta):
    return alpha * content**2 + beta * style


def right(content, style, alpha, beta):
    return alpha * content + beta * style


# the hints


@EACH
def test_every_exercise_has_three_hints_and_the_last_is_the_line_of_the_model_answer_that_does_the_work(
    exercise, half, framework
):
    model = ladder.source_of(half.SHOWN[exercise.id])
    hints = ladder.all_hints(exercise, framework, model)
    assert len(hints) == len(set(hints)) == 3
    for text in hints[:2]:
        assert re.fullmatch(r"[A-Z`a-z].{30,400}[.?]", text) and "[activation]" not in text and "[image]" not in text
    (line,) = ast.parse(hints[2].strip("`")).body
    (function,) = (node for node in ast.walk(ast.parse(model)) if getattr(node, "name", None) == exercise.id)
    own = [ast.unparse(node).replace(": Any = ", " = ") for node in ast.walk(function) if isinstance(node, ast.stmt)]
    assert ast.unparse(line) in own and hints[2].strip("`") in " ".join(model.replace(": Any = ", " = ").split())
    work = (ast.Call, ast.BinOp, ast.JoinedStr)
    assert any(isinstance(node, work) for node in ast.walk(line)) and not isinstance(line.value, ast.Name)
    assert not any(ast.unparse(line) in text for text in hints[:2])


@EACH
def test_the_hints_are_said_in_chinese_and_show_the_frameworks_own_layout(exercise, half, framework, monkeypatch):
    monkeypatch.setenv("STYLELAB_LANGUAGE", "zh")
    hints = ladder.all_hints(exercise, framework, ladder.source_of(half.SHOWN[exercise.id]))
    known = read_sentences("zh")
    for text, english in zip(hints, exercise.hints, strict=False):
        if not known.get(english):  # a new one is shown in English; tests/languages names those of ours
            continue
        assert re.search(r"[\u4e00-\u9fff]{4}", text) and text != english
        assert (LAYOUT[framework][0] in text) == ("[activation]" in english)


def test_hints_come_one_at_a_time_below_those_that_were_shown(sl, printed):
    sl.check("total_cost", forgotten)
    assert printed().endswith('Stuck? Run `sl.hint("total_cost")` in a cell of its own.')
    for count in (1, 2, 3, 3):
        sl.hint("total_cost")
        lines = printed().splitlines()
        assert lines[0] == f"total_cost: hint {count} of 3"
        assert [line[:2] for line in lines[1:-1]] == [f"{number}." for number in range(1, count + 1)]
        assert (f"Run this again for hint {count + 1} of 3." in lines[-1]) == (count < 3)
    assert lines[-1] == 'That was the last hint. `sl.solution("total_cost")` shows the model answer after 2 more wrong ones.'
    assert record.entry("total_cost")["hints"] == 3


def test_a_lesson_asks_for_its_progress_and_hands_in_by_the_name_that_it_uses(sl):
    assert sl.progress is stylelab.progress and sl.submit is stylelab.submit


def test_an_unknown_exercise_gets_the_nearest_name(sl):
    def total_cost(content, style, alpha, beta):
        return content

    for ask in (sl.hint, sl.solution):
        with pytest.raises(InputError, match="gram_matrix"):
            ask("gram_matrx")
        with pytest.raises(InputError, match="write the name of the exercise in quotes: 'total_cost'"):
            ask(total_cost)


# honest tries


def reads_nothing(content, style, alpha, beta):
    return 3.0


def reads_and_ignores(content, style, alpha, beta):
    return (content, 3.0)[1]


def returns_none(content, style, alpha, beta):
    content + style


def returns_an_argument(content, style, alpha, beta):
    return style


def raises_at_once(content, style, alpha, beta):
    raise ValueError("no idea")


def stub(content, style, alpha, beta):
    """alpha content + beta style."""
    raise NotImplementedError


DISHONEST = [
    reads_nothing,
    reads_and_ignores,
    returns_none,
    returns_an_argument,
    raises_at_once,
    stub,
    None,
    3,
    lambda *given: 0 * given[0],
]


@pytest.mark.parametrize("answer", DISHONEST, ids=lambda answer: getattr(answer, "__name__", str(answer)))
def test_what_makes_nothing_of_its_arguments_is_not_a_try(sl, printed, answer):
    for _ in range(4):
        sl.check("total_cost", answer)
    assert "Stuck?" not in printed() and record.entry("total_cost")["wrong"] == []
    sl.hint("total_cost")
    assert printed() == "Try it first: you can ask for a hint after one more wrong answer that uses its arguments."
    sl.solution("total_cost")
    assert printed() == (
        "Try it first: you can ask for a solution after 3 more wrong answers, all different, that use their arguments."
    )


def test_zeros_of_the_right_shape_and_the_librarys_own_function_are_not_tries(sl, lab):
    for answer in (lambda activation: 0 * activation, lambda activation: sl.gram_matrix(activation), sl.gram_matrix):
        sl.check("gram_matrix", answer)
    assert record.entry("gram_matrix")["wrong"] == []


def stops(content, style, alpha, beta):
    return alpha @ content.nonsense


def with_helper(content, style, alpha, beta):
    return half_of(content) + style


def half_of(content):
    return content / 2


@pytest.mark.parametrize("answer", [forgotten, swapped, squared, stops, with_helper])
def test_a_wrong_answer_that_works_with_its_arguments_is_a_try_and_counts_once(sl, answer):
    for _ in range(3):
        sl.check("total_cost", answer)
    assert len(record.entry("total_cost")["wrong"]) == 1


def test_the_same_answer_in_other_names_with_another_docstring_is_no_second_try_but_another_helper_is(sl, monkeypatch):
    def renamed(first, second, alpha, beta):
        """Something else."""
        total = first + second  # and a comment
        return total

    def plain(content, style, alpha, beta):
        result = content + style
        return result

    sl.check("total_cost", renamed)
    sl.check("total_cost", plain)
    assert len(record.entry("total_cost")["wrong"]) == 1
    sl.check("total_cost", with_helper)
    monkeypatch.setitem(globals(), "half_of", lambda content: content / 3)
    sl.check("total_cost", with_helper)
    assert len(record.entry("total_cost")["wrong"]) == 3


def test_a_lessons_own_wrong_answer_is_no_try(sl, printed):
    from stylelab import page

    with page.on_purpose():
        sl.check("total_cost", forgotten)
    assert "Stuck?" not in printed() and record.entry("total_cost")["wrong"] == []


# the course's policy


def test_a_course_may_give_no_help(sl, printed, help_):
    help_('hints_after = "never"\nsolution_after = "never"')
    for answer in (forgotten, swapped, squared):
        sl.check("total_cost", answer)
    assert "Stuck?" not in printed()
    sl.hint("total_cost")
    sl.solution("total_cost")
    assert printed().splitlines() == [
        "This course gives no hint: ask your instructor.",
        "This course gives no solution: ask your instructor.",
    ]


@pytest.mark.parametrize(
    ("hint", "answer", "each", "once"),
    [
        (0.5, 2, "Hints cost 0.5 points each.", "It costs 2 points."),
        (1, 1, "Hints cost 1 point each.", "It costs 1 point."),
    ],
)
def test_a_course_may_give_help_at_once_and_say_what_it_costs(sl, printed, help_, hint, answer, each, once):
    help_(f"hints_after = 0\nsolution_after = 0\nhint_costs = {hint}\nsolution_costs = {answer}")
    sl.hint("total_cost")
    assert printed().endswith(f"Run this again for hint 2 of 3. {each}")
    sl.hint("total_cost")
    sl.hint("total_cost")
    assert printed().endswith(f'`sl.solution("total_cost")` shows the model answer. {once}')
    sl.solution("total_cost")
    assert printed().startswith("The model answer, in ") and record.entry("total_cost")["solution"]


def test_a_course_may_ask_for_more_tries(sl, printed, help_):
    help_("hints_after = 2\nsolution_after = 3")
    sl.check("total_cost", forgotten)
    assert "Stuck?" not in printed()
    sl.hint("total_cost")
    assert "after one more wrong answer" in printed()
    sl.check("total_cost", swapped)
    assert "Stuck?" in printed()
    sl.hint("total_cost")
    assert printed().startswith("total_cost: hint 1 of 3")


# the model answer


def test_the_solution_is_shown_beside_ones_own_after_three_tries_with_a_sentence_on_each_difference(sl, printed):
    for answer in (forgotten, swapped):
        sl.check("total_cost", answer)
    printed()
    sl.solution("total_cost")
    assert "after one more wrong answer" in printed() and not record.entry("total_cost")["solution"]
    sl.check("total_cost", squared)
    printed()
    sl.solution("total_cost")
    text = printed()
    assert text.startswith("Yours\ndef squared(") and "\n\nThe model answer, in " in text and "def total_cost(" in text
    assert "Yours takes a power; the model answer does not." in text and "Yours uses `2`; the model answer does not." in text
    assert record.entry("total_cost")["solution"]


def test_a_right_answer_may_be_compared_at_once_at_no_cost(sl, printed):
    sl.check("total_cost", right)
    printed()
    sl.hint("total_cost")
    assert printed() == 'Your answer is right: `sl.solution("total_cost")` shows the model answer next to it.'
    sl.solution("total_cost")
    text = printed()
    assert "def right(" in text and text.splitlines()[-1].strip() == "return alpha * content + beta * style"
    assert not record.entry("total_cost")["solution"] and record.entry("total_cost")["hints"] == 0


@EACH
def test_the_solution_of_every_exercise_can_be_read_and_is_right(exercise, half):
    model = half.SHOWN[exercise.id]
    source = ladder.source_of(model)
    assert f"def {exercise.id}(" in source and len(source.splitlines()) <= 30
    cases = exercise.inputs(2)
    assert exercises.judge(exercise, cases, exercises.ask(exercise, model, half.Lab(), cases)).right


MODEL = "def f(x, y):\n    z = x.mean(0)\n    return z @ y / 4"


@pytest.mark.plain
@pytest.mark.parametrize(
    ("own", "said"),
    [
        (MODEL, []),
        ("def f(x, y):\n    return sum(a * b for a, b in zip(x, y)) / 4", [
            "Yours has a loop; the model answer works on everything at once.",
            "The model answer calls `mean`; yours does not.",
            "Yours calls `sum`, `zip`; the model answer does not.",
            "Yours multiplies; the model answer does not.",
            "The model answer takes a matrix product; yours does not.",
            "The model answer uses `0`; yours does not.",
        ]),
        ("def f(x, y):\n    z = x.mean(0)\n    return z @ z / 4", ["Yours never uses `y`."]),
        ("def f(x, y:", []),
        ("", []),
    ],
)  # fmt: skip
def test_each_difference_has_its_sentence(own, said):
    assert list(ladder.differences(own, MODEL)) == said


@pytest.mark.plain
@pytest.mark.parametrize(
    ("source", "line"),
    [
        (MODEL, "return z @ y / 4"),
        ("def f(x):\n    y = 2 * x\n    return y", "y = 2 * x"),
        ("def f(x):\n    pass", ""),
        ("not python", ""),
    ],
)
def test_the_key_line_is_what_the_result_is_made_of(source, line):
    assert ladder.key_line(source) == line


# in a notebook


def test_what_was_used_is_in_the_metadata_of_the_outputs(sl, displayed):
    sl.check("total_cost", forgotten)
    sl.hint("total_cost")
    sl.hint("total_cost")
    sl.check("total_cost", swapped)
    said = [metadata["stylelab"] for _, metadata in displayed]
    assert said[0] == {"exercise": "total_cost", "outcome": "wrong", "wrong": 1, "hints": 0, "solution": False}
    assert said[2] == {"exercise": "total_cost", "outcome": "", "wrong": 1, "hints": 2, "solution": False}
    assert said[3] == {"exercise": "total_cost", "outcome": "wrong", "wrong": 2, "hints": 2, "solution": False}
    html = displayed[2][0]["text/html"]
    assert html.count("<li>") == 2 and "hint 2 of 3" in html


def test_the_solution_in_a_notebook_has_two_columns_in_which_code_stays_code(sl, displayed, help_):
    help_("solution_after = 0")

    def total_cost(content, style, alpha, beta):
        return "<b>&" and content

    sl.solution("total_cost", total_cost)
    html = displayed[0][0]["text/html"]
    assert html.count("<pre") == 2 and "&lt;b&gt;&amp;" in html


@pytest.fixture
def in_cell(monkeypatch):
    """A function (cell, call ...) that makes calls as if they stood in that cell."""
    now = [""]
    monkeypatch.setattr(record, "current_cell", lambda: now[0])

    def run(cell, function, *given):
        now[0] = cell
        return function(*given)

    return run


def hints_shown(text: str) -> int:
    return int(re.search(r"hint (\d) of 3", text)[1])


def test_a_notebook_that_is_run_again_from_the_start_shows_its_hints_and_uses_none(sl, printed, in_cell, monkeypatch):
    def run_all() -> list[int]:
        printed()
        in_cell("check", sl.check, "total_cost", forgotten)
        return [in_cell(cell, sl.hint, "total_cost") or hints_shown(printed()) for cell in ("one", "two")]

    assert run_all() == [1, 2]
    assert run_all() == [1, 2]  # in the same kernel
    monkeypatch.setattr(ladder, "_shown_by", {})
    monkeypatch.setattr(record, "_checked_in", {})
    assert run_all() == [1, 2]  # after a restart
    assert record.entry("total_cost")["hints"] == 2


def test_run_once_more_a_cell_shows_the_next_hint_also_after_a_restart_or_another_try(sl, printed, in_cell, monkeypatch):
    in_cell("check", sl.check, "total_cost", forgotten)
    shown = [in_cell("one", sl.hint, "total_cost") or hints_shown(printed()) for _ in range(2)]
    monkeypatch.setattr(ladder, "_shown_by", {})
    shown += [in_cell("one", sl.hint, "total_cost") or hints_shown(printed()) for _ in range(2)]
    assert shown == [1, 2, 2, 3]


def test_after_another_try_a_cell_shows_the_next_hint(sl, printed, in_cell):
    in_cell("check", sl.check, "total_cost", forgotten)
    in_cell("one", sl.hint, "total_cost")
    in_cell("check", sl.check, "total_cost", swapped)
    printed()
    in_cell("one", sl.hint, "total_cost")
    assert hints_shown(printed()) == 2


def test_a_hint_in_the_cell_of_the_check_goes_on_as_well(sl, printed, in_cell):
    shown = []
    for _ in range(3):
        in_cell("check", sl.check, "total_cost", forgotten)
        printed()
        in_cell("check", sl.hint, "total_cost")
        shown.append(hints_shown(printed()))
    assert shown == [1, 2, 3]


# the record


@pytest.mark.parametrize(
    "text",
    ["", "[]", "nonsense", '{"total_cost": 3}', '{"total_cost": {"wrong": 7, "hints": "x", "cells": [], "solution": 1}}', "[" * 100_000,
     '{"total_cost": {"hints": -4, "wrong": [[]], "cells": {"one": "two"}}}', "\ud800".encode("utf-8", "surrogatepass")],
)  # fmt: skip
def test_a_spoilt_record_spoils_nothing(sl, printed, noted, in_cell, text):
    noted.write_bytes(text if isinstance(text, bytes) else text.encode())
    in_cell("check", sl.check, "total_cost", forgotten)
    printed()
    in_cell("one", sl.hint, "total_cost")
    assert hints_shown(printed()) == 1 and record.entry("total_cost")["hints"] >= 0
    assert json.loads(noted.read_text())["total_cost"]["wrong"]


def test_where_nothing_can_be_written_the_record_lives_as_long_as_the_kernel(sl, printed, noted, monkeypatch):
    sl.check("total_cost", forgotten)
    monkeypatch.setattr(record, "write_text", lambda *_: (_ for _ in ()).throw(PermissionError("read-only")))
    sl.check("total_cost", swapped)
    assert len(record.entry("total_cost")["wrong"]) == 2 and len(json.loads(noted.read_text())["total_cost"]["wrong"]) == 1


@pytest.mark.plain
def test_the_words_of_the_ladder_are_said_in_chinese(monkeypatch):
    monkeypatch.setenv("STYLELAB_LANGUAGE", "zh")
    for english in (
        "Try it first: you can ask for a hint after one more wrong answer that uses its arguments.",
        "Try it first: you can ask for a solution after 3 more wrong answers, all different, that use their arguments.",
        "Run this again for hint 2 of 3. Hints cost 0.5 points each.",
        'That was the last hint. `sl.solution("total_cost")` shows the model answer after 2 more wrong ones. It costs 2 points.',
        *ladder.differences("def f(x, y):\n    return sum(a * b for a, b in zip(x, y)) / 4", MODEL),
        "Yours never uses `y`.",
    ):
        assert not re.search(r"[A-Za-z]{3,}", re.sub(r"`[^`]*`", "", languages.say(english))), english


@pytest.mark.plain
def test_in_a_sandbox_what_helps_a_student_does_nothing(tmp_path):
    inside = Path(ladder.__file__).parents[1] / "tools" / "classroom" / "sandbox" / "inside"
    for name, stub in (("__init__", "stub_package"), ("torch/__init__", "stub_half")):
        path = tmp_path / "stylelab" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text((inside / f"{stub}.py").read_text())
    calls = 'hint("a"), each.solution("a", print), each.progress("."), each.submit()'
    code = (
        "import stylelab, stylelab.torch as sl; from stylelab import page\n"
        f"for each in (stylelab, sl): assert (each.{calls}) == (None, None, None, None)\n"
        'assert page.predict("a", "b?", ["c"], unit="") is None\n'
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})


def test_an_answer_that_asks_for_a_hint_is_judged_as_it_is_in_the_sandbox(sl, printed):
    def total_cost(content, style, alpha, beta):
        sl.hint("total_cost")
        return alpha * content + beta * style

    assert sl.check("total_cost", total_cost) is total_cost
    assert "total_cost: right" in printed()
