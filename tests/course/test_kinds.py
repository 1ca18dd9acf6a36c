"""Every kind of argument and result in NumPy and plain Python: right answers are right, and a wrong one reads why."""

import re

import numpy as np
import pytest

from stylelab.exercises import Exercise, Verdict, ask, judge_draws
from stylelab.exercises.checking.call import give
from stylelab.exercises.checking.plain import Lab
from stylelab.exercises.checking.serialise import pack, unpack
from stylelab.tools.course.trial import exercise_faults

pytestmark = pytest.mark.plain
WORDS = ["ash", "elm", "fir", "oak", "yew"]
DRAW = {  # kind -> a value of it, as an author would draw it
    "array": lambda rng: rng.normal(size=(3, 2)),
    "matrix": lambda rng: rng.normal(size=(2, 2)).astype(np.float32),
    "scalar": lambda rng: rng.normal(),
    "number": lambda rng: rng.normal(),
    "whole": lambda rng: rng.integers(2, 50),
    "truth": lambda rng: rng.random() < 0.5,
    "word": lambda rng: rng.choice(WORDS),
    "text": lambda rng: " ".join(rng.choice(WORDS, 6)),
    "list": lambda rng: list(rng.choice(30, 9, replace=False)),
    "table": lambda rng: dict(zip(WORDS, rng.integers(1, 99, 5), strict=True)),
    "pairs": lambda rng: rng.integers(1, 9, (4, 2)),
    "numbers": lambda rng: dict(zip(WORDS, rng.normal(size=5), strict=True)),
}
PYTHONS = {
    "number": float,
    "whole": int,
    "truth": bool,
    "word": str,
    "text": str,
    "list": list,
    "table": dict,
    "pairs": list,
    "numbers": dict,
}


def exercise(kind: str, result: str, reference, mistake=lambda x: None, **fields) -> Exercise:
    """An exercise of one argument `x`."""
    draw = (lambda rng: 3 * rng.integers(2, 50)) if result == "truth" else DRAW[kind]
    return Exercise(
        id="f",
        title="Do it.",
        arguments={"x": kind},
        result=result,
        cases=lambda rng: {"plain": {"x": draw(rng)}, "plain: another": {"x": draw(rng) + 1 if result == "truth" else draw(rng)}},
        reference=reference,
        mistakes={"That is the mistake.": mistake},
        hints=("one", "two", "three"),
        **fields,
    )


def judged(exercise: Exercise, function, seeds=(0, 1, 2)) -> Verdict:
    """What an answer is worth."""
    draws = [(cases, ask(exercise, function, Lab(), cases)) for cases in map(exercise.inputs, seeds)]
    return judge_draws(exercise, draws)


@pytest.mark.parametrize("kind", PYTHONS)
def test_an_argument_arrives_in_pythons_own_types_in_the_notebook_and_at_the_grader(kind):
    one = exercise(kind, "number", lambda x: 1.0)
    (case, *_) = one.inputs(3).values()
    sent = unpack(*pack(case))
    for given in (give(one, Lab(), case)["x"], give(one, Lab(), sent)["x"]):
        inner = given.values() if isinstance(given, dict) else given if isinstance(given, list) else ()
        assert type(given) is PYTHONS[kind] and {type(each) for each in inner} <= {int, float, tuple}
    assert repr(give(one, Lab(), sent)) == repr(give(one, Lab(), case))


RESULTS = {  # kind of result -> kind of argument, reference, an honest answer that is written in another way, a mistake
    "array": ("array", lambda x: x.T @ x, lambda x: np.einsum("ni,nj->ij", x, x), lambda x: x.T @ x / len(x)),
    "matrix": ("matrix", lambda x: x + x.T, lambda x: np.add(x, np.transpose(x)), lambda x: 2 * x),
    "scalar": ("array", lambda x: x.sum(), lambda x: np.sum(x), lambda x: x.mean()),
    "number": ("list", lambda x: sum(x[:4]) / 4, lambda x: np.mean(x[:4]), lambda x: sum(x[:4]) / 3),
    "whole": ("text", lambda x: len(set(x)), lambda x: np.unique(list(x)).size, lambda x: len(x)),
    "truth": ("whole", lambda x: x % 3 == 0, lambda x: np.bool_(not x % 3), lambda x: x % 2 == 0),
    "word": ("text", lambda x: max(x.split(), key=x.count), None, lambda x: min(x.split(), key=x.count)),
    "text": ("text", lambda x: x.title(), lambda x: " ".join(word.capitalize() for word in x.split()), lambda x: x.upper()),
    "list": ("list", lambda x: sorted(x), lambda x: np.sort(x), lambda x: sorted(x)[::-1]),
    "list of words": ("text", lambda x: sorted(x.split()), lambda x: tuple(sorted(x.split(" "))), lambda x: sorted(set(x.split()))),
    "list of lists": ("list", lambda x: [x[:4], x[4:8]], lambda x: np.reshape(x[:8], (2, 4)), lambda x: [x[:8:2], x[1:8:2]]),
    "table": ("numbers", lambda x: {"least": min(x.values()), "mean": sum(x.values()) / len(x), "at": min(x, key=x.get)},
              lambda x: {"at": min(x, key=x.get), "mean": np.float32(np.mean([*x.values()])), "least": min(x.values())},
              lambda x: {"least": min(x.values()), "mean": sum(x.values()) / 4, "at": min(x, key=x.get)}),
}  # fmt: skip


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_of_each_kind_is_right_or_recognised(name):
    kind, reference, honest, mistake = RESULTS[name]
    one = exercise(kind, name.partition(" ")[0], reference, mistake)
    assert judged(one, honest or reference).right
    wrong = judged(one, mistake)
    assert not wrong.right and "That is the mistake." in wrong.sentence and wrong.points == 0
    assert [fault for fault in exercise_faults(one) if "draw inputs" not in fault] == []


@pytest.mark.parametrize(
    ("name", "answer", "sentence"),
    [
        ("array", lambda x: x.tolist(), "It returns a list where one array is expected. Make it one, with np.array."),
        ("array", lambda x: x, "Shape (3, 2); expected (2, 2)."),
        ("number", lambda x: x[:4], "It returns a list where one number is expected."),
        ("list", lambda x: x.sort(), "returns None: It changes the list in place and returns None"),
        ("list", lambda x: sorted(x)[:-1], "A list of 8; expected 9."),
        ("list", lambda x: [object()], "of something else than numbers or words"),
        ("list of lists", lambda x: [[1], [1, 2]], "lists that are not equally long"),
        ("list of words", lambda x: sorted(x.split())[::-1], "' where '"),
        ("table", lambda x: [*x], "It returns a list where a dict is expected."),
        ("table", lambda x: {"least": 0}, "It has 1 entries; expected 3."),
        ("text", lambda x: x.split(), "It returns a list where a text (a str) is expected."),
        ("word", lambda x: 3, "It returns an int where a name (a str) is expected."),
        ("truth", lambda x: x % 3, "It returns an int where True or False is expected."),
    ],
)
def test_a_result_of_another_kind_reads_what_is_expected(name, answer, sentence):
    kind, reference, _, mistake = RESULTS[name]
    assert sentence in judged(exercise(kind, name.partition(" ")[0], reference, mistake), answer).sentence


def test_a_table_says_which_of_its_entries_is_wrong_and_passes_those_that_are_nearly_right():
    def honest(x):
        return {"mean": sum(x.values()) / len(x) * (1 + 1e-6), "sum": sum(x.values())}

    one = exercise("numbers", "table", lambda x: {"mean": sum(x.values()) / len(x), "sum": sum(x.values())})
    assert judged(one, honest).right
    sentence = judged(one, lambda x: honest(x) | {"sum": 3}).sentence
    assert "it has 'sum: 3' where 'sum: " in sentence
    assert not judged(one, lambda x: {"mean": honest(x)["mean"], "Sum": honest(x)["sum"]}).right


RETURNED = {  # kind of result -> reference, a test of a property as an author would write it
    "text": (lambda x: f"<{x}>", lambda cases, outputs: all(text.startswith("<") for text in outputs.values())),
    "word": (lambda x: f"n{x}", lambda cases, outputs: outputs["plain"][1:] == str(cases["plain"]["x"])),
    "table": (
        lambda x: {"once": x, "sign": "+", "a: b": 2 * x},
        lambda cases, outputs: outputs["plain"] == {"a: b": 2 * cases["plain"]["x"], "once": cases["plain"]["x"], "sign": "+"},
    ),
}


@pytest.mark.parametrize("result", RETURNED)
def test_a_property_gets_words_and_tables_in_pythons_own_types(result):
    from stylelab.exercises import Property

    reference, holds = RETURNED[result]
    one = exercise("whole", result, reference, properties=[Property("own types", "It should have them.", holds)])
    assert judged(one, reference).right
    wrong = judged(one, lambda x: {"once": x, "sign": "-", "a: b": x} if result == "table" else f"[{x}]")
    assert [part.wrong for part in wrong.parts][1:] == ["It should have them."]


def test_of_texts_the_place_is_shown_where_they_part_on_one_line():
    one = exercise("list", "text", lambda x: "".join(f"number {each};\n" for each in x))
    sentence = judged(one, lambda x: "".join(f"number {each}\n" for each in x)).sentence
    assert re.search(r"gives 'number (\d+)\\nnumber .*\.\.\.' where 'number \1;\\nnumber .*\.\.\.' is right", sentence)
    sentence = judged(one, lambda x: one.reference(x)[:-2] + "!").sentence
    assert re.search(r"gives '\.\.\..*number (\d+)!' where '\.\.\..*number \1;\\n' is right", sentence)
    of_an_array = exercise("array", "text", lambda x: f"{x.size} of {x.sum():.2f}")
    assert judged(of_an_array, lambda x: f"{x.size} at {x.sum():.2f}").sentence.startswith("It gives '6 at ")


def test_the_words_of_a_case_are_in_a_sentence_that_does_not_show_the_case():
    from dataclasses import replace

    cases = {"plain": {"x": 7}, "plain: a negative number": {"x": -7}}
    one = replace(exercise("whole", "whole", lambda x: abs(x), lambda x: x), cases=lambda rng: cases)
    assert judged(one, lambda x: x).sentence == "Right for one input, but not for a negative number: That is the mistake."
    assert (
        judged(one, lambda x: max(x, 3)).sentence == "Right for one input, but not for another: f(-7) gives 3 where 7 is right."
    )


def test_a_property_that_cannot_be_looked_at_does_not_hold():
    from stylelab.exercises import Property

    doubles = Property(
        "is a number", "The text should be a number.", lambda cases, outputs: int(str(outputs["plain: another"])) > 0
    )
    one = exercise("whole", "text", lambda x: str(2 * x), lambda x: str(x), properties=[doubles])
    assert judged(one, lambda x: f"{x + x}").right
    wrong = judged(one, lambda x: f"twice {x}")
    assert [part.wrong for part in wrong.parts][1:] == ["The text should be a number."]


@pytest.mark.parametrize(
    "answer", [lambda x: x, lambda x: np.zeros((2, 2)), lambda x: x.T @ x * 0], ids=["argument", "zeros", "nothing"]
)
def test_an_answer_that_does_no_work_earns_nothing(answer):
    kind, reference, _, mistake = RESULTS["array"]
    assert judged(exercise(kind, "array", reference, mistake), answer).points == 0
