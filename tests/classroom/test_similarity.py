"""The similarity report: the form of an answer, nearly equal answers, weights, pairs and groups."""

import ast
import csv
import itertools
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stylelab.tools.classroom.marking.model import ExerciseMark, Mark
from stylelab.tools.classroom.marking.model_answers import library_source
from stylelab.tools.classroom.reports import similarity, tables
from stylelab.tools.classroom.reports.pages import similarity_page
from stylelab.tools.classroom.reports.similarity import compare, nearly_equal, weight, words_of
from stylelab.tools.classroom.sandbox.inside import form as form_file
from stylelab.tools.classroom.sandbox.inside.form import canonical

GRAM = '''
def gram_matrix(activation):
    """F F^T / (H W)."""
    b, c, h, w = activation.shape
    rows = activation.reshape(b, c, h * w)  # one row for each filter
    product = rows @ rows.transpose(1, 2)
    return product / (h * w)
'''
RENAMED = """
def gram( x : "tensor" ) -> object :
        '''Mine.'''
        (n, k, high, wide) = x.shape
        # all mine
        flat = x.reshape(n,k,
            high*wide)
        together: object = (flat @ flat.transpose(1, 2)); pass
        return together/(high * wide)
"""
OTHER = """
def gram_matrix(activation):
    return torch.einsum('bihw,bjhw->bij', activation, activation) / activation[0, 0].numel()
"""
SHORT = "def gram_matrix(a):\n    return a.flatten(2) @ a.flatten(2).mT"
pytestmark = pytest.mark.plain


def mark(student: str, lesson: str = "03_style_reconstruction", **answers: str) -> Mark:
    exercises = tuple(ExerciseMark(name, "", "right", "", (), form=form) for name, form in answers.items())
    return Mark(student, f"{student}.ipynb", lesson, "torch", "0", exercises)


def names(found) -> list[tuple[str, str]]:
    return [(pair.first, pair.second) for pair in found.pairs]


# --- the form of an answer


def test_names_comments_hints_and_layout_make_no_difference():
    assert canonical(GRAM) == canonical(RENAMED) != ""


@pytest.mark.parametrize(
    "changed",
    [
        GRAM.replace("transpose(1, 2)", "transpose(2, 1)"),
        GRAM.replace("product / (h * w)", "product / h * w"),
        GRAM.replace("rows @", "activation @"),
        GRAM.replace(".reshape", ".view"),
        GRAM.replace("@", "*"),
        OTHER,
    ],
)
def test_a_different_computation_makes_a_difference(changed):
    assert canonical(changed) != canonical(GRAM)


def test_a_form_contains_none_of_the_students_names_and_comments():
    found = canonical(GRAM)
    assert not {"gram_matrix", "activation", "rows", "product", "F F^T", "filter"} & set(found.replace("(", " ").split())
    assert "gram" not in found and "activation" not in found and ".reshape(" in found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(a, b): return a + b", "def g(b, a): return b + a"),
        ("import numpy as np\nf = lambda x: np.sum(x)", "import numpy as xp\nh = lambda y: xp.sum(y)"),
        ("def f(x):\n return [i for i in x]", "def f(y):\n return [k for k in y]"),
        ("def h(size): return size\ndef f(x): return h(size=x)", "def g(n): return n\ndef f(x): return g(n=x)"),
        ("def f(x, dim): return x.sum(dim=dim)", "def f(x, axis): return x.sum(dim=axis)"),
        ("try:\n 1\nexcept ValueError as e:\n print(e)", "try:\n 1\nexcept ValueError as error:\n print(error)"),
        ("def f(x):\n match x:\n  case [a, *b]: return b", "def f(x):\n match x:\n  case [c, *d]: return d"),
        ("class A:\n def f(self): return self.x", "class B:\n def f(me): return me.x"),
        ("%time\nx = 1", "y = 1\n!ls"),
        ("global_name = 1\ndef f():\n global global_name", "g = 1\ndef f():\n global g"),
        ("x = 'a'", 'y = "a"'),
        ("x: int = 1\nz: int", "x = 1"),
        ("def f():\n 'only words'", "def f():\n pass"),
    ],
)
def test_two_spellings_have_one_form(one, other):
    assert canonical(one) == canonical(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(x): return max(x)", "def f(x): return min(x)"),
        ("def f(x): return x.sum(dim=1)", "def f(x): return x.sum(axis=1)"),
        ("x = 1", "x = 2"),
        ("def f(a, b): return a - b", "def f(a, b): return b - a"),
    ],
)
def test_two_meanings_have_two_forms(one, other):
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize(
    "source",
    ["", "  \n", "def f(:", "\0", "x = '\ud800'", "(" * 5000, "-" * 30_000 + "1", "x" * 60_000, "# only words", "'''docs'''"],
)
def test_source_without_a_form_gives_an_empty_text_and_no_error(source):
    assert canonical(source) in ("", "v1 = '\\ud800'")


def test_the_form_needs_only_the_standard_library():
    code = (
        f"import sys; sys.path = [p for p in sys.path if 'site-packages' not in p]; exec(open({form_file.__file__!r}).read())\n"
    )
    code += "assert canonical('def f(x): return x') == 'def v1(v2):\\n    return v2'\nassert 'stylelab' not in sys.modules"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True, timeout=60)
    assert "stylelab" not in Path(form_file.__file__).read_text().partition('"""')[2].partition('"""')[2]


# --- comparing


def test_only_the_pair_with_the_same_answer_is_found():
    found = compare([mark("Ada", g=canonical(GRAM)), mark("Bo", g=canonical(RENAMED)), mark("Cy", g=canonical(OTHER))])
    assert names(found) == [("Ada", "Bo")]
    (match,) = found.pairs[0].matches
    assert (match.exercise, match.alike, match.shared, match.of) == ("g", 1, 2, 3)


def test_a_students_own_submissions_are_no_pair():
    form = canonical(GRAM)
    assert compare([mark("Ada", g=form), mark("Ada", "other", g=form)]).pairs == ()


def test_answers_that_were_not_attempted_are_never_compared():
    found = compare([mark("Ada", g=""), mark("Bo", g=""), mark("Cy", g=" \n")])
    assert found.pairs == () and found.forms == () and found.answered == {}


def test_answers_to_different_exercises_are_never_compared():
    assert compare([mark("Ada", g=canonical(GRAM)), mark("Bo", h=canonical(GRAM))]).pairs == ()


def test_an_answer_with_one_line_more_is_nearly_the_same():
    longer = GRAM.replace("    return", "    product = product + 0\n    return")
    found = compare([mark("Ada", g=canonical(GRAM)), mark("Bo", g=canonical(longer)), mark("Cy", g=canonical(OTHER))])
    assert names(found) == [("Ada", "Bo")] and 0.75 <= found.pairs[0].matches[0].alike < 1


def test_a_rare_answer_weighs_more_than_a_common_one_and_a_long_one_more_than_a_short_one():
    assert weight(50, 2, 100) > weight(50, 20, 100) > weight(50, 100, 100) > 0
    assert weight(100, 2, 100) > weight(10, 2, 100)


def test_pairs_that_share_several_rare_answers_come_first():
    marks = [mark(f"S{i}", a=canonical(SHORT), b=f"v{i} + {i}", c=canonical(GRAM).replace("1, 2", f"{i}, 2")) for i in range(20)]
    marks += [mark("Ada", a=canonical(SHORT), b=canonical(GRAM), c=canonical(OTHER))]
    marks += [mark("Bo", a=canonical(SHORT), b=canonical(GRAM), c=canonical(OTHER))]
    found = compare(marks)
    assert names(found) == [("Ada", "Bo")]
    assert {match.exercise for match in found.pairs[0].matches} == {"a", "b", "c"}


def test_a_short_answer_of_the_whole_class_lists_no_pair():
    assert compare([mark(f"S{i}", g=canonical(SHORT)) for i in range(30)]).pairs == ()


def test_an_answer_of_many_students_is_listed_as_a_form_and_not_as_pairs():
    others = [mark(f"T{i}", g=f"v{i} + {i}") for i in range(500)]
    for number, pairs in ((similarity.MOST_STUDENTS + 1, 0), (50, 0), (12, 12 * 11 // 2)):
        found = compare([*others, *(mark(f"S{i}", g=canonical(GRAM)) for i in range(number))])
        assert len(found.pairs) == pairs and len(found.forms) == 1 and len(found.forms[0].students) == number


UNUSUAL = """
def gram_matrix(activation):
    batch, channels, rows, columns = activation.shape
    pixels = rows * columns
    result = torch.zeros(batch, channels, channels)
    unrolled = activation.reshape(batch, channels, pixels)
    for image in range(batch):
        result[image] = unrolled[image] @ unrolled[image].T
    return result / pixels
"""
COPIED = """
def gram_matrix(x):
    n, c, high, wide = x.shape
    out = torch.zeros(n, c, c)
    area = high * wide
    flat = x.reshape(n, c, area)
    for i in range(n):
        out[i] = flat[i] @ flat[i].T  # mine
    return out / area
"""


def right_answers() -> dict[str, list[str]]:
    """Exercise of lesson 3 -> the forms of right answers, from the tests of the exercises."""
    tree = ast.parse((Path(__file__).parents[1] / "exercises/answers_lesson_03.py").read_text())
    functions = {node.name: ast.unparse(node) for node in tree.body if isinstance(node, ast.FunctionDef)}
    (right,) = (node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets) == "RIGHT")
    answers = zip(right.keys, (styles.values for styles in right.values), strict=True)
    return {name.value: [canonical(functions.get(text, text)) for text in map(ast.unparse, styles)] for name, styles in answers}


def class_of(number: int, seed: int) -> list[Mark]:
    """Students who write each answer in one of a few usual ways, the first most often."""
    rng, ways = random.Random(seed), right_answers()
    odds = {name: [1 / place for place in range(1, len(forms) + 1)] for name, forms in ways.items()}
    picks = ({name: rng.choices(forms, odds[name])[0] for name, forms in ways.items()} for _ in range(number))
    return [mark(f"S{i:03}", **answers) for i, answers in enumerate(picks)]


def copied(student: str, answer: str, like: Mark) -> Mark:
    answers = {exercise.exercise: exercise.form for exercise in like.exercises}
    return mark(student, **answers | {"gram_matrix": canonical(answer)})


@pytest.mark.slow
@pytest.mark.parametrize("number", [13, 30, 200])
def test_usual_answers_list_hardly_a_pair_and_a_copy_is_on_top(number):
    """Of 78 pairs among 13 students, 67 were once listed, most of them for answers that everybody had."""
    for seed in range(6):
        usual = class_of(number, seed)
        assert len(compare(usual).pairs) <= 2
        found = compare([copied("S000", UNUSUAL, usual[0]), *usual[1:-1], copied("Zoë", COPIED, usual[-1])])
        assert names(found)[0] == ("S000", "Zoë") and len(found.pairs) <= 3
        (gram,) = (match for match in found.pairs[0].matches if match.exercise == "gram_matrix")
        assert gram.alike == 0.99 and f"written by 2 of {number}" in gram.description and gram.rare > 30


@pytest.mark.parametrize("number", [3, 6, 13, 200])
def test_what_the_whole_class_wrote_says_nothing(number):
    same = [mark(f"S{i}", g=canonical(GRAM), h=canonical(UNUSUAL), k=canonical(SHORT)) for i in range(number)]
    assert compare(same).pairs == () and all(form.rare == 0 for form in compare(same).forms)


def test_what_the_library_itself_answers_says_nothing():
    library = canonical(library_source("torch", "style_loss"))
    others = [mark(f"S{i}", style_loss=f"v{i} + {i}") for i in range(11)]
    assert compare([*others, mark("Ada", style_loss=library), mark("Bo", style_loss=library)]).pairs == ()
    assert compare([*others, mark("Ada", style_loss=canonical(UNUSUAL)), mark("Bo", style_loss=canonical(COPIED))]).pairs != ()


def test_students_who_are_linked_make_a_group():
    marks = (
        [mark(name, g=canonical(GRAM)) for name in "abc"]
        + [mark(name, g=canonical(OTHER)) for name in "de"]
        + [mark("f", g="v1")]
    )
    assert compare(marks).groups == (("a", "b", "c"), ("d", "e"))


def test_the_order_of_submissions_makes_no_difference():
    marks = [mark(f"S{i}", g=canonical(GRAM) + f"\nv9 = {i % 5}", h=canonical(SHORT)) for i in range(15)]
    assert compare(marks) == compare(marks[::-1])


def test_texts_are_nearly_equal_exactly_when_they_share_three_quarters_of_their_word_runs():
    rng = random.Random(0)
    texts = [" ".join(rng.choice("abcdefgh") for _ in range(80)) for _ in range(40)]
    texts += [text.replace("a", "b", 1) for text in texts] + [texts[0] + " b", "a b c"]
    runs = [set(zip(*(words_of(text)[start:] for start in range(similarity.RUN)), strict=False)) for text in texts]
    expected = {}
    for i, j in itertools.combinations(range(len(texts)), 2):
        alike = len(runs[i] & runs[j]) / len(runs[i] | runs[j])
        if alike >= similarity.NEAR:
            expected[i, j] = alike
    found = nearly_equal(texts)
    assert len(found) >= 40 and {(i, j): alike for i, j, alike in found} == expected
    assert found == sorted(found, key=lambda pair: (-pair[2], pair[0], pair[1]))


def test_blocks_of_the_matrix_and_the_limit_on_pairs_change_no_order(monkeypatch):
    rng = random.Random(1)
    texts = [" ".join(["a b c d e f g"] * 8 + [rng.choice("hij")] * rng.randrange(4)) for _ in range(50)]
    found = nearly_equal(texts)
    monkeypatch.setattr(similarity, "BLOCK", 7)
    assert nearly_equal(texts) == found
    monkeypatch.setattr(similarity, "MOST_COMPARED", 30)
    assert nearly_equal(texts) == found[:30] and nearly_equal([]) == []


def test_hostile_forms_are_compared_in_a_bounded_time():
    huge = ["v1 " * 300_000, "\0" * 1000, "\ud800" * 500, "=1+1", "<script>" * 2000, "(" * 100_000]
    alike = ["v1 + " * 60 + f"x{i}" for i in range(600)]
    marks = [mark(f"S{i}", g=form) for i, form in enumerate([*huge, *huge, *alike])]
    start = time.process_time()
    found = compare(marks)
    assert time.process_time() - start < 60  # far less than a second on an idle machine
    assert ("S0", "S6") in names(found)


# --- the table and the page


def test_the_table_can_be_read_back_and_contains_no_formula():
    found = compare([mark("=Ada", g=canonical(GRAM)), mark("Bo", g=canonical(RENAMED))])
    (row,) = csv.DictReader(tables.csv_text(tables.similarity(found)).splitlines())
    assert (row["rank"], row["student"], row["other"], row["same"], row["near"]) == ("1", "'=Ada", "Bo", "1", "0")
    assert row["exercises"].startswith("g (same, ") and "written by 2 of 2" in row["exercises"] and float(row["weight"]) > 0


def test_the_page_says_that_it_is_not_a_verdict_and_links_to_both_students():
    found = compare([mark("Ada <b>", g=canonical(GRAM)), mark("Bo", g=canonical(RENAMED)), mark("Cy", g=canonical(OTHER))])
    page = similarity_page(found, {"Ada <b>": "Ada_b", "Bo": "Bo"})
    assert "not a verdict" in page and "Ada &lt;b&gt;" in page and "<b>" not in page
    assert 'href="feedback/Ada_b.html"' in page and 'href="feedback/Bo.html"' in page and "2 of 3 students" in page
    assert "1 pair of students" in page


def test_the_page_of_a_class_without_pairs():
    page = similarity_page(compare([mark("Ada", g=canonical(GRAM))]), {})
    assert "No two students share" in page and "every answer is different" in page
