"""The exercises and their check: right answers of several kinds pass, and each common mistake gets its own hint.

Each exercise brings its own tests: its reference, the library's answer and its mistakes are run here, in NumPy and in the
framework. Answers as students write them are in answers_lesson_NN.py.
"""

import ast
import importlib
import io
import json
import math
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from stylelab import encoders, exercises
from stylelab.errors import InputError
from stylelab.exercises import common
from stylelab.exercises.checking import call, check, definition, serialise

IDS = tuple(exercises.EXERCISES)
EACH = pytest.mark.parametrize("exercise", exercises.EXERCISES.values(), ids=IDS)
FALLBACK = "Until it is right, the lesson continues with stylelab's own."


@pytest.fixture(scope="session")
def answers(framework, sl):
    """RIGHT, WRONG, EMPTY and UNUSABLE of all modules answers_lesson_*.py, without what only the other framework has."""
    both = SimpleNamespace(RIGHT={}, WRONG={}, EMPTY=[], UNUSABLE={})
    for path in sorted(Path(__file__).parent.glob("answers_lesson_*.py")):
        module = importlib.import_module(path.stem)
        for exercise, kinds in module.RIGHT.items():
            both.RIGHT[exercise] = {kind: answer for kind, answer in kinds.items() if kind.rpartition(": ")[0] in ("", framework)}
        for exercise, wrong in module.WRONG.items():
            both.WRONG[exercise] = [(answer, words) for answer, words, *only in wrong if only in ([], [framework])]
        both.EMPTY += getattr(module, "EMPTY", [])
        both.UNUSABLE |= getattr(module, "UNUSABLE", {}) if framework == "tensorflow" else {}
    return both


@pytest.fixture(scope="session")
def half(framework, sl):
    """The module `check` of the framework, which has LIBRARY and Lab."""
    return importlib.import_module(f"stylelab.{framework}.exercises.check")


@pytest.fixture
def printed(capsys):
    """A function that returns what was printed since its last call."""
    return lambda: capsys.readouterr().out.strip()


def draws_of(lab, exercise, answer):
    return [(cases, exercises.ask(exercise, answer, lab, cases)) for cases in (exercise.inputs(0), exercise.inputs(1))]


def output_of(wrong, case):
    """What a mistake gives in NumPy, or None."""
    try:
        with np.errstate(all="ignore"):
            output = wrong(**definition.double(case))
    except ValueError:  # shapes that do not fit
        return None
    return None if output is None else definition.as_array(output)


def right_outputs(exercise, cases):
    return {name: exercise.expected(case) for name, case in cases.items()}


# every exercise by itself


@EACH
def test_the_librarys_own_answer_earns_every_point(exercise, half):
    found = exercises.judge_draws(exercise, draws_of(half.Lab(), exercise, half.LIBRARY[exercise.id]))
    assert found.right and found.points == exercise.points, found


@EACH
def test_every_mistake_gets_its_hint_in_this_framework(exercise, half):
    class Lab(half.Lab):
        """It remembers the numbers behind a loss or a kernel."""

        weights = {}

        def give(self, kind, value):
            given = super().give(kind, value)
            if kind in ("loss", "kernel"):
                self.weights[given] = value
            return given

    lab = Lab()

    def to_numpy(kind, value):
        if kind in ("loss", "kernel"):
            return lab.weights[value]
        if isinstance(value, dict):
            return {layer: to_numpy(definition.BY_LAYER.get(kind, kind), inner) for layer, inner in value.items()}
        return lab.take(kind, value) if lab.is_tensor(value) else value

    def lifted(wrong):
        """The mistake as a function of tensors."""

        def function(*given):
            arguments = zip(exercise.arguments.items(), given, strict=True)
            case = {name: to_numpy(kind, value) for (name, kind), value in arguments}
            output = output_of(wrong, case)
            output = exercise.expected(case) if output is None else output
            if exercise.result == "word":
                return str(output)
            if exercise.result in ("number", "whole"):
                return float(output)
            return lab.give("image" if output.ndim == 4 else "matrix", output)

        return function

    for hint, wrong in exercise.wrong_answers():
        found = exercises.judge_draws(exercise, draws_of(lab, exercise, lifted(wrong)))
        assert found.sentence == hint


@pytest.mark.plain
@EACH
def test_other_seeds_give_other_inputs_and_the_reference_has_every_property(exercise):
    firsts = []
    for seed in range(20):
        cases = exercise.inputs(seed)
        outputs = right_outputs(exercise, cases)
        assert [prop.name for prop in exercise.properties if not exercise.holds(prop, cases, outputs)] == []
        firsts.append(str(outputs[next(iter(cases))]))
    assert len(set(firsts)) > 5


@pytest.mark.plain
@EACH
def test_no_mistake_gives_the_right_value(exercise):
    for seed in range(20):
        case = next(iter(exercise.inputs(seed).values()))
        right = exercise.expected(case)
        assert [hint for hint, wrong in exercise.wrong_answers() if exercise.explains(wrong, case, right)] == []


@pytest.mark.plain
@EACH
def test_every_mistake_is_recognised_as_itself(exercise):
    for seed in (0, 1):
        cases = exercise.inputs(seed)
        for hint, wrong in exercise.wrong_answers():
            outputs = {name: output for name, case in cases.items() if (output := output_of(wrong, case)) is not None}
            if exercise.result == "word":  # wrong in one branch of the function, right in the others
                outputs = right_outputs(exercise, cases) | outputs
            assert exercise.recognise(cases, outputs) == hint, f"seed {seed}"


@pytest.mark.plain
@EACH
def test_an_exercise_knows_mistakes_and_says_what_is_wrong_in_whole_sentences(exercise):
    assert len(list(exercise.wrong_answers())) >= 4
    for hint in (*exercise.mistakes, *(prop.hint for prop in exercise.properties)):
        assert hint[0].isupper() or hint[0] in "'`" or hint.startswith(("deprocess(", "dx")), hint
        assert hint[-1] in ".?)" and len(hint) < 200, hint


@pytest.mark.plain
@EACH
def test_a_wrong_answer_earns_less_than_the_right_one(exercise):
    cases = exercise.inputs()
    right = exercises.Answer(outputs=right_outputs(exercise, cases))
    spoilt = {name: np.asarray(f"{out}x") if out.dtype.kind == "U" else out + 1 for name, out in right.outputs.items()}
    wrong = exercises.Answer(outputs=spoilt)
    marks = [exercises.judge(exercise, cases, answer).points for answer in (right, wrong)]
    assert marks[1] < marks[0] == exercise.points - bool(exercise.differentiable)


# the loss that an answer receives


@pytest.mark.parametrize("target", ["image", "activation", None])
def test_the_loss_of_a_check_is_the_networks_and_unlike_in_its_arguments(half, target):
    lab, rng = half.Lab(), np.random.default_rng(5)
    weights, image = common.random_loss(rng, target), common.random_image(rng, (2, 5, 4, 3))
    other = common.random_image(rng, (2, 5, 4, 4 if target == "activation" else 3))
    loss, (one, two) = lab.give("loss", weights), (lab.give("image", array) for array in (image, other))
    assert float(loss(one, two)) == pytest.approx(common.loss_value(image, other, weights), rel=1e-5)
    slopes = lab.recorded(loss, {"image": one, "target": two}, ("image", "target"))[1](np.ones(()))
    found = {name: slope if slope is None else lab.take("image", slope) for name, slope in slopes.items()}
    np.testing.assert_allclose(found["image"], common.gradient(image, other, weights), rtol=1e-4, atol=1e-5)
    if target == "image":
        np.testing.assert_allclose(found["target"], common.target_gradient(image, other, weights), rtol=1e-4, atol=1e-5)
        given = {"image": one, "target": two}
        swapped = lab.recorded(lambda image, target: loss(target, image), given, ("image",))[1](np.ones(()))["image"]
        np.testing.assert_allclose(
            lab.take("image", swapped), common.swapped_gradient(image, other, weights), rtol=1e-4, atol=1e-5
        )
        for wrong in (common.target_gradient, common.swapped_gradient):
            assert min(np.abs(sign * wrong(image, other, weights) - found["image"]).max() for sign in (1, -1)) > 0.1


# what a lesson gives an answer


@pytest.mark.plain
def test_a_lesson_passes_no_argument_by_a_name_that_its_exercise_does_not_list():
    for source in Path("lessons/source").glob("0*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            exercise = isinstance(node, ast.Call) and exercises.EXERCISES.get(getattr(node.func, "id", ""))
            if exercise:
                given = {keyword.arg for keyword in node.keywords if keyword.arg}
                assert given <= set(exercise.by_name), f"{source.name}: {ast.unparse(node)}"


def test_lesson_04_calls_every_right_total_cost_as_its_check_does(framework, half, answers, printed):
    lesson = json.loads(Path(f"lessons/04_style_transfer_{framework}.ipynb").read_text())
    (cell,) = (cell for cell in lesson["cells"] if cell["metadata"].get("stylelab", {}).get("name") == "cost_numbers")
    library = {"torch": "torch", "tensorflow": "tf"}[framework]
    for answer in (half.LIBRARY["total_cost"], *answers.RIGHT["total_cost"].values()):
        exec("".join(cell["source"]), {"np": np, library: sys.modules[framework], "total_cost": answer})  # noqa: S102
        assert printed().startswith("J = 35.347\nJ = 70.693")


def test_a_right_answer_without_a_name_that_the_lesson_uses_is_not_used(sl, half, answers, printed):
    own, answer = half.LIBRARY["reconstruct"], next(iter(answers.RIGHT["reconstruct"].values()))
    assert sl.check("reconstruct", lambda a, b, c, d, e: answer(a, b, c, d, e)) is own
    assert "right, but the lesson calls it with `learning_rate=`" in printed()
    assert sl.check("reconstruct", lambda *a, **names: answer(*a, **names)) is not own


def test_a_right_answer_that_fails_on_the_lessons_device_is_not_used(framework, half, monkeypatch):
    if framework == "tensorflow":
        pytest.skip("it moves tensors between devices by itself")
    import torch

    from stylelab.torch import tensors

    def on_the_processor(activation, target):
        return (activation - target + torch.zeros(activation.shape)).square().mean()

    exercise, lab = exercises.EXERCISES["content_loss"], half.Lab()
    given = call.give(exercise, lab, exercise.inputs()["plain"])
    assert lab.obstacle(exercise, on_the_processor, given) is None
    monkeypatch.setattr(tensors, "find_device", lambda name=None: torch.device("meta"))
    assert "fails on this machine's device 'meta'" in lab.obstacle(exercise, on_the_processor, given)
    assert lab.obstacle(exercise, half.LIBRARY["content_loss"], given) is None
    assert lab.obstacle(exercises.EXERCISES["preprocess"], on_the_processor, given) is None


# gradients where a formula has none


@pytest.mark.plain
@EACH
def test_the_gradient_is_asked_for_where_neighbours_are_equal_or_arguments_agree_or_are_0(exercise):
    names = [name for name in exercise.differentiable if exercise.arguments[name] != "scalar"]
    if not names:
        pytest.skip("no gradient, or none of an image")
    kinks = []
    for case in exercise.inputs().values():
        value = case[names[0]]
        arrays = [np.asarray(array) for array in (value.values() if isinstance(value, dict) else [value])]
        kinks += ["zeros"] * any(0 in array for array in arrays)
        minimum = np.abs(exercise.expected(case)).max() < 1e-6
        kinks += ["flat, or at the minimum"] * int(minimum or any(np.ptp(array) == 0 for array in arrays))
    assert len(set(kinks)) == 2


# answers as students write them


@pytest.mark.parametrize("exercise", IDS)
def test_right_answers_of_every_kind_are_used_from_then_on(exercise, sl, answers, printed):
    used = {name: sl.check(exercise, answer) is answer for name, answer in answers.RIGHT.get(exercise, {}).items()}
    assert all(used.values()), f"{used}\n{printed()}"


@pytest.mark.parametrize("exercise", IDS)
def test_each_wrong_answer_gets_the_right_hint_and_the_library_takes_over(exercise, sl, answers, printed):
    surprises = []
    for answer, words in answers.WRONG.get(exercise, []):
        kept = sl.check(exercise, answer) is answer
        sentence = printed()
        if kept or not re.search(words, sentence):
            surprises.append(f"'{words}' was expected: {sentence}")
        assert re.match(rf"{exercise}: (wrong|partly right|could not run)\. ", sentence) and "\n" not in sentence
    assert not surprises, "\n".join(surprises)


@pytest.mark.slow
@pytest.mark.parametrize("exercise", IDS)
def test_a_grader_with_other_inputs_agrees_with_the_notebook(exercise, half, answers):
    exercise = exercises.EXERCISES[exercise]
    written = {name: (answer, True) for name, answer in answers.RIGHT.get(exercise.id, {}).items()}
    written |= {words: (answer, False) for answer, words in answers.WRONG.get(exercise.id, [])}
    surprises = []
    for seed in (19, 20):
        cases = exercise.inputs(seed)
        for name, (answer, right) in written.items():
            if exercises.judge(exercise, cases, exercises.ask(exercise, answer, half.Lab(), cases)).right != right:
                surprises.append((seed, name))
    assert not surprises


def test_there_are_enough_answers_of_students(answers):
    written = {exercise: len(kinds) for exercise, kinds in answers.RIGHT.items()}
    assert len(written) >= 18 and min(written.values()) >= 3 and min(map(len, answers.WRONG.values())) >= 6


def numbers_in(given) -> int:
    """How many numbers, or words, an answer is given."""
    if isinstance(given, (list, tuple)):
        return sum(map(numbers_in, given))
    return sum(map(numbers_in, given.values())) if isinstance(given, dict) else np.size(given)


def test_an_answer_is_called_seldom_and_with_few_numbers(sl, answers):
    """So a check is over at once, in eager loops too; its seconds are a figure of the bench."""
    called, right = [], answers.RIGHT["gram_matrix"]["einsum"]

    def counted(activation):
        called.append(math.prod(activation.shape))
        return right(activation)

    assert sl.check("gram_matrix", counted) is counted
    assert max(called) == 360 and len(called) <= 25
    for name, exercise in exercises.EXERCISES.items():
        sizes = [numbers_in(case) for case in exercise.inputs(1).values()]
        assert 3 <= len(sizes) <= 64 and max(sizes) <= 720 and sum(sizes) <= 4500, (name, sizes)


def test_answers_survive_the_way_between_processes(half, answers, tmp_path):
    for exercise_id, wrong in answers.WRONG.items():
        exercise = exercises.EXERCISES[exercise_id]
        cases = sent(tmp_path, *serialise.pack(exercise.inputs(1)), serialise.unpack)
        for answer in (*answers.RIGHT[exercise_id].values(), wrong[0][0], wrong[-1][0]):
            here = call.Respondent(exercise, answer, half.Lab()).call(next(iter(cases.values())))
            there = sent(tmp_path, *serialise.pack_reply(here), serialise.unpack_reply)
            assert str(here) == str(there), exercise_id


def sent(folder, arrays, plain, unpack):
    """What a process would read that another one wrote: an npz file without pickles, and JSON."""
    np.savez(folder / "arrays.npz", **arrays)
    with np.load(folder / "arrays.npz", allow_pickle=False) as stored:
        return unpack({name: stored[name] for name in stored}, json.loads(json.dumps(plain)))


@pytest.mark.plain
@pytest.mark.parametrize(
    "tree", [{"a": object()}, np.array([None]), {"a": {1, 2}}], ids=["an object", "an array of objects", "a set"]
)
def test_only_arrays_and_json_are_serialised(tree):
    with pytest.raises(TypeError, match="cannot serialise"):
        serialise.pack(tree)


# what a student reads


def test_a_right_answer_that_a_transfer_could_not_use_is_called_right_but_not_used(sl, answers, printed):
    for exercise, answer in answers.UNUSABLE.items():
        assert sl.check(exercise, answer) is not answer
        assert printed().startswith(f"{exercise}: right, but TensorFlow cannot make a graph of it")


def test_an_open_answer_is_not_called_wrong(sl, answers, printed):
    for answer in answers.EMPTY:
        assert sl.check("gram_matrix", answer) is sl.gram_matrix
        assert printed() == f"gram_matrix: not attempted. {FALLBACK}"


def test_an_error_in_an_answer_is_reported_with_its_line(sl, printed):
    def gram_matrix(activation):
        broken = 1
        return broken.shape

    sl.check("gram_matrix", gram_matrix)
    line = gram_matrix.__code__.co_firstlineno + 2
    assert f"Line {line} stops with AttributeError: 'int' object has no attribute 'shape'" in printed()


def test_an_unknown_exercise_gets_the_nearest_name(sl):
    with pytest.raises(InputError, match="did you mean 'gram_matrix'"):
        sl.check("gram_matrx", lambda activation: activation)


def test_a_result_in_place_of_the_function_is_noticed(sl, printed):
    sl.check("gram_matrix", 3.0)
    assert "pass `gram_matrix` itself, without calling it" in printed()


def test_the_librarys_function_is_not_taken_for_the_students(sl, printed):
    assert sl.check("gram_matrix", sl.gram_matrix) is sl.gram_matrix
    assert "That is stylelab's own function" in printed()
    assert sl.check("gram_matrix", lambda activation: sl.gram_matrix(activation)) is sl.gram_matrix
    assert "stylelab's own functions are out of reach while an answer is graded" in printed()
    LAYERS = encoders.LAYERS  # noqa: N806  as a cell with `from stylelab.encoders import LAYERS` has it
    sl.check("layer_name", lambda name: LAYERS[name - 1])
    assert "stylelab.encoders" in printed()


def test_nbgrader_sees_a_wrong_answer_as_an_error(sl, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    with pytest.raises(AssertionError, match="not attempted"):
        sl.check("gram_matrix", None)
    with pytest.raises(AssertionError, match="stylelab's own"):
        sl.check("gram_matrix", sl.gram_matrix)


CHECKED = 'name = sl.check("gram_matrix", name)'
NOT_RIGHT = r"^gram_matrix: (not attempted|wrong|could not run)\."


def run_cell(source, notebook):
    """Compiled first, as IPython does: a KeyboardInterrupt out of exec() of text makes Python end with status 130, much later."""
    exec(compile(source, "<cell>", "exec"), notebook)  # noqa: S102


@pytest.mark.parametrize("answer", [None, lambda activation: activation, lambda activation: activation.nonsense])
def test_under_nbgrader_the_librarys_function_is_in_place_when_the_check_raises(sl, monkeypatch, answer):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    for name, put in (("gram_matrix", sl.gram_matrix), ("mine", answer)):  # of another name, nothing is known
        notebook = {"sl": sl, name: answer}
        with pytest.raises(AssertionError, match=NOT_RIGHT):
            run_cell(CHECKED.replace("name", name), notebook)
        assert notebook[name] is put and (name == "gram_matrix" or "gram_matrix" not in notebook)
        with pytest.raises(AssertionError, match=NOT_RIGHT):  # once more, as in another cell
            run_cell(CHECKED.replace("name", name), notebook)


def test_under_nbgrader_an_answer_without_an_end_is_replaced_when_it_is_interrupted(sl, monkeypatch):
    def interrupted(activation):
        raise KeyboardInterrupt

    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    notebook = {"sl": sl, "gram_matrix": interrupted}
    with pytest.raises(KeyboardInterrupt):
        run_cell(CHECKED.replace("name", "gram_matrix"), notebook)
    assert notebook["gram_matrix"] is sl.gram_matrix


def test_under_nbgrader_a_warning_costs_nothing(sl, monkeypatch, capsys):
    def gram_matrix(activation):
        print("careful", file=sys.stderr)
        return sl.gram_matrix(activation)

    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with pytest.raises(AssertionError, match="stylelab.*gram_matrix"):
        sl.check("gram_matrix", gram_matrix)
    printed = capsys.readouterr()
    assert "careful" in printed.out and not printed.err


class Visible(HTMLParser):
    """The elements of some HTML, its text, and the text inside `code`."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.code, self.open = [], "", [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.open[-1] == "code":
            self.code.append(data)


@pytest.fixture
def displayed(monkeypatch):
    """What a notebook displays: MIME bundles."""
    ipython = pytest.importorskip("IPython")
    bundles = []
    monkeypatch.setattr(ipython, "get_ipython", lambda: SimpleNamespace(kernel=True))
    monkeypatch.setattr(ipython.display, "display", lambda bundle, raw, metadata: bundles.append(bundle))
    return bundles


def total_cost(content, style, alpha, beta):
    return alpha * content + beta * style


def forgotten(content, style, alpha, beta):
    return content + style


def open_answer(content, style, alpha, beta):
    raise NotImplementedError


@pytest.mark.parametrize(("answer", "word"), [(total_cost, "✓ Right"), (forgotten, "✗ Wrong"), (open_answer, "… Not attempted")])
def test_a_notebook_displays_what_a_terminal_prints_and_marks_how_far_it_is(sl, displayed, printed, monkeypatch, answer, word):
    sl.check("total_cost", answer)
    (bundle,) = displayed
    assert printed() == "" and set(bundle) == {"text/plain", "text/html"}
    visible = Visible(bundle["text/html"])
    sentence = re.sub(r"^total_cost: (right,|wrong\.|not attempted\.) ", "", bundle["text/plain"])
    assert visible.text == f"{word} total_cost: {sentence}".replace("`", "") and visible.code[0] == "total_cost"
    assert {name for _, attributes in visible.tags for name in attributes} == {"style", "aria-hidden"}
    displayed.clear()
    monkeypatch.setattr("IPython.get_ipython", lambda: None)  # a terminal
    sl.check("total_cost", answer)
    assert printed() == bundle["text/plain"] and displayed == []


def test_while_nbgrader_runs_a_notebook_its_checks_print(sl, displayed, printed, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    sl.check("total_cost", total_cost)
    assert printed().startswith("total_cost: right, in shape") and displayed == []


def test_feedback_can_be_read_in_light_and_dark_pages():
    def light(colour):
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        return np.dot([v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts], (0.2126, 0.7152, 0.0722))

    def contrast(one, other):
        low, high = sorted((light(one), light(other)))
        return (high + 0.05) / (low + 0.05)

    stages = (check.RIGHT, check.PARTLY, check.WRONG, check.COULD_NOT_RUN, check.OPEN)
    for stage in stages:
        assert contrast(stage.colour, "#ffffff") >= 4.5 and contrast(stage.colour, "#111111") >= 3
    assert len({stage.colour for stage in stages}) == len({stage.icon for stage in stages}) == len(stages)


HOSTILE = "<img src=x onerror=a()></div></span>\"' {% if 7 %} `<script>` & $x$ \ud800 \x1b[31m \x00"


def test_a_students_words_are_text_in_a_notebook(sl, displayed, printed):
    def hostile(content, style, alpha, beta):
        raise ValueError(HOSTILE)

    sl.check("total_cost", hostile)
    sl.check("layer_name", lambda name: HOSTILE)
    for bundle in displayed:
        json.dumps(bundle, ensure_ascii=False).encode()  # as a kernel sends it
        visible = Visible(bundle["text/html"])
        assert {tag for tag, _ in visible.tags} == {"div", "span", "code"} and visible.open == []
        assert "<img src=x onerror=a()></div></span>" in visible.text and "<script>" in visible.code
        assert "{% if 7 %}" in visible.text and "$x$" in visible.text and "$x$" not in bundle["text/html"]
    assert len(displayed) == 2


def test_a_terminal_prints_a_students_words_without_control_characters(sl, printed):
    sl.check("layer_name", lambda name: HOSTILE)
    assert "`<script>` & $x$ ? ?[31m " in printed()


def test_a_terminal_that_knows_only_ascii_prints_a_students_words_too(sl, monkeypatch):
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", output)
    sl.check("layer_name", lambda name: "größe")
    output.flush()
    assert rb"gives 'gr\xf6\xdfe' where" in output.buffer.getvalue()


def test_an_answer_that_fails_for_some_inputs_keeps_the_points_of_the_others(half):
    exercise = exercises.EXERCISES["layer_name"]
    cases = exercise.inputs()

    def verdict(answer):
        return exercises.judge(exercise, cases, exercises.ask(exercise, answer, half.Lab(), cases))

    found = verdict(lambda name: "conv{}_{}".format(*re.findall(r"\d", name)))
    assert {part.name for part in found.parts if part.wrong is None} == {"value", "knows relu4_2", "keeps conv4_2"}
    assert found.stage == "error" and "with TypeError" in found.sentence and not found.right
    swapped = verdict(lambda name: "conv{1}_{0}".format(*re.findall(r"\d", name)))
    assert "swapped" in swapped.sentence  # a common mistake is reported before an error at another input
