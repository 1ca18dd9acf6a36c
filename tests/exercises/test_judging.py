"""What an answer earns: nothing without work, a part only if it holds in two draws, and never more for garbage.

The answers here are NumPy, channels last: functions (case, shape of the right output) -> output. `NumPyLab` takes the place of
a framework.
"""

import copy
import json
import os
import pickle
from dataclasses import asdict, replace
from functools import cache

import numpy as np
import pytest

from stylelab import exercises
from stylelab.exercises.checking import call, definition, serialise, verdict

pytestmark = pytest.mark.plain
EACH = pytest.mark.parametrize("exercise", exercises.EXERCISES.values(), ids=exercises.EXERCISES)


class NumPyLab:
    """NumPy as if it were a framework. Its gradient is right whatever the answer does, as a forger's would be."""

    name, noun, advice = "NumPy", "tensor", {}

    def __init__(self, exercise):
        self.exercise = exercise

    def give(self, kind, value):
        return np.array(value)  # a loss is passed as its weights

    def take(self, kind, tensor):
        return np.array(tensor, dtype=float)

    def is_tensor(self, value):
        return isinstance(value, np.ndarray)

    def recorded(self, function, given, names):
        def pull(weights):
            return {name: self.right_gradient(name, given, weights) for name in self.exercise.differentiable}

        return None, pull

    def right_gradient(self, name, given, weights):
        ((low, high),) = verdict.slopes(self.exercise, name, given, [weights])
        rest = iter((low + high) / 2)
        shaped = lambda value: np.reshape([next(rest) for _ in range(np.size(value))], np.shape(value))  # noqa: E731
        value = given[name]
        return {layer: shaped(inner) for layer, inner in value.items()} if isinstance(value, dict) else shaped(value)


@pytest.fixture(autouse=True)
def remembered_slopes(monkeypatch):
    """Finite differences take most of the time here, and are asked for with the same inputs again and again."""
    known, measure = {}, verdict.slopes

    def slopes(exercise, name, case, weights):
        asked = [pickle.dumps((exercise.id, name, case, weight)) for weight in weights]
        if missing := {key: weight for key, weight in zip(asked, weights, strict=True) if key not in known}:
            known.update(zip(missing, measure(exercise, name, case, list(missing.values())), strict=True))
        return [known[key] for key in asked]

    monkeypatch.setattr(verdict, "slopes", slopes)


@cache
def inputs(exercise_id, seed):
    return exercises.EXERCISES[exercise_id].inputs(seed)


def respondent_of(exercise, answer):
    """What an interview needs of an answer."""

    def function(*given):
        case = dict(zip(exercise.arguments, given, strict=True))
        output = answer(case, right_shape(exercise, case))
        if exercise.result == "word":
            return str(output)
        return float(output) if exercise.result in ("number", "whole") else np.array(output, dtype=float)

    return call.Respondent(exercise, function, NumPyLab(exercise))


def draws_of(exercise, answer, seeds=(0, 1), forged=lambda respondent: respondent):
    """(cases, Answer) for each seed."""
    respondent = forged(respondent_of(exercise, answer))
    return [(cases, call.interview(exercise, respondent, cases)) for cases in (inputs(exercise.id, seed) for seed in seeds)]


def right_shape(exercise, case):
    if exercise.result in ("image", "activation") or "activation" not in exercise.arguments and exercise.result == "matrix":
        return next(np.shape(case[name]) for name, kind in exercise.arguments.items() if kind == exercise.result)
    if exercise.result == "matrix":
        batch, *_, filters = case["activation"].shape
        return batch, filters, filters
    return ()


def verdict_on(exercise, answer, seeds=(0, 1)):
    return exercises.judge_draws(exercise, draws_of(exercise, answer, seeds))


def earned(found):
    """The names of the parts that a verdict gives points for."""
    return {part.name for part in found.parts if part.wrong is None}


def right(exercise):
    return lambda case, shape: exercise.expected(case)


def mistaken(exercise, wrong):
    """What a student gives who makes this mistake; the right output where it cannot be made."""

    def answer(case, shape):
        with np.errstate(all="ignore"):
            output = wrong(**definition.double(case))
        return exercise.expected(case) if output is None else output

    return answer


@EACH
def test_the_right_answer_earns_every_point(exercise):
    found = verdict_on(exercise, right(exercise))
    assert (found.stage, found.sentence, found.points) == ("right", "", exercise.points)


@pytest.mark.slow
@EACH
def test_no_common_mistake_is_right_at_any_draw(exercise):
    for seed in range(30):
        cases = exercise.inputs(seed)
        first = cases[next(iter(cases))]
        lucky = [hint for hint, wrong in exercise.wrong_answers() if exercise.explains(wrong, first, exercise.expected(first), 1)]
        assert not lucky, seed


# answers without work


def resized(value, shape):
    return np.resize(np.asarray(value, dtype=float), shape)


def values_of(case):
    """Every array, number and word among the arguments."""
    for value in case.values():
        inner = value.values() if isinstance(value, dict) else [value]
        yield from (one for one in inner if isinstance(one, np.ndarray | float | int | str))


def handed_back(index):
    """The argument at this index, whatever it is; a number or a word in the right shape."""

    def answer(case, shape):
        values = [*values_of(case)]
        value = values[index % len(values)] if values else 1
        if isinstance(value, str) or np.size(value) == int(np.prod(shape)):
            return value if isinstance(value, str) else np.reshape(value, shape)
        return resized(value, shape)

    return answer


def reduced(how):
    """One number of the first array."""

    def answer(case, shape):
        return resized(how(next((value for value in values_of(case) if isinstance(value, np.ndarray)), np.ones(2))), shape)

    return answer


def is_recognisable(case):
    """Whether two arguments agree, or one is the same everywhere."""
    arrays = [value for value in values_of(case) if isinstance(value, np.ndarray) and value.ndim]
    equal = any(np.array_equal(one, other) for index, one in enumerate(arrays) for other in arrays[:index])
    return equal or any(np.ptp(array) == 0 for array in arrays)


def counter():
    calls = []
    return lambda case, shape: resized(calls.append(1) or len(calls), shape)


def noise(low, high, seed=None):
    return lambda case, shape: np.random.default_rng(seed).uniform(low, high, shape)


def for_another_input(exercise):
    output = exercise.expected(next(iter(exercise.inputs(99).values())))
    return lambda case, shape: output if exercise.result == "word" else resized(output, shape)


TRIVIAL = {
    **{str(number): lambda case, shape, number=number: np.full(shape, number)
       for number in (0, 1, 0.37, 2, 20, np.nan, np.inf, 1e300)},
    "first argument": handed_back(0),
    "second argument": handed_back(1),
    "third argument": handed_back(2),
    "last argument": handed_back(-1),
    "clipped argument": lambda case, shape: np.clip(handed_back(0)(case, shape), 0, 1),
    **{how.__name__: reduced(how) for how in (np.sum, np.mean, np.max, np.size)},
    "random": noise(0, 1),
    "random around 0": noise(-1, 1),
    "random but fixed": noise(0, 1, seed=3),
    "counter": counter(),
    "a single 1": lambda case, shape: np.eye(1, int(np.prod(shape))).reshape(shape),
    "unit matrices": lambda case, shape: np.broadcast_to(np.eye(*shape[-2:]) if shape else 1, shape),
    "0 if recognisable": lambda case, shape: np.full(shape, 0 if is_recognisable(case) else 1),
    "argument if recognisable": lambda case, shape: handed_back(0 if is_recognisable(case) else 1)(case, shape),
}  # fmt: skip
WORDS = {
    "": lambda case, shape: "",
    "conv1_1": lambda case, shape: "conv1_1",
    "conv4_2": lambda case, shape: "conv4_2",
    "argument": lambda case, shape: case["name"],
    "argument or the first": lambda case, shape: case["name"] if isinstance(case["name"], str) else "conv1_1",
    "argument or known": lambda case, shape: {1: "conv1_1", 16: "conv5_4"}.get(case["name"], case["name"]),
    "random": lambda case, shape: f"conv{np.random.default_rng().integers(1, 6)}_{np.random.default_rng().integers(1, 3)}",
}


@EACH
@pytest.mark.parametrize("seeds", [(0, 1), (70, 81)], ids=str)
def test_an_answer_without_work_earns_nothing(exercise, seeds):
    trivial = WORDS if exercise.result == "word" else TRIVIAL
    for name, answer in {**trivial, "for another input": for_another_input(exercise)}.items():
        found = verdict_on(exercise, answer, seeds)
        assert found.points == 0, (name, earned(found))
        assert found.sentence and all(part.wrong for part in found.parts)


def test_a_guess_at_names_earns_nothing_whatever_the_seed():
    exercise = exercises.EXERCISES["layer_name"]
    for guess in ("conv1_1", "conv4_3", "conv5_4"):
        answer = lambda case, shape, guess=guess: case["name"] if isinstance(case["name"], str) else guess  # noqa: E731
        assert [verdict_on(exercise, answer, (seed, seed + 1)).points for seed in range(0, 60, 2)] == [0] * 30


# partial credit


def does_no_work(exercise, draws):
    """Whether every first output is an argument, possibly clipped, or the same number everywhere, or negligibly small."""
    for cases, answer in draws:
        case, output = next(iter(cases.values())), next(iter(answer.outputs.values()))
        arguments = [np.asarray(value, dtype=float) for value in values_of(case)]
        unchanged = any(np.array_equal(output, given) for value in arguments for given in (value, np.clip(value, 0, 1)))
        even = output.ndim and np.ptp(output) == 0
        if not unchanged and not even and np.abs(output).max() > 1e-6 * np.abs(exercise.expected(case)).max():
            return False
    return True


@EACH
def test_a_common_mistake_keeps_a_point_in_seven_unless_it_does_no_work(exercise):
    for hint, wrong in exercise.wrong_answers():
        draws = draws_of(exercise, mistaken(exercise, wrong))
        held = set.intersection(*(earned(exercises.judge(exercise, *draw)) for draw in draws))
        found = exercises.judge_draws(exercise, draws)
        assert earned(found) <= held, hint
        if "value" in held:  # of a word, other kinds of which are wrong
            assert exercise.result == "word" and earned(found) == held
            continue
        worked = exercise.result != "word" and not does_no_work(exercise, draws)
        assert found.points == min(len(held), exercise.points // 7) or (found.points == 0 and not worked), hint


KEPT = {
    ("gram_matrix", "The normalisation is forgotten"): {"symmetric"},
    ("content_loss", "That is the sum"): set(),
    ("total_variation", "That is the mean"): {"zero for one colour"},
    ("one_step", "The image leaves its range"): set(),
    ("layer_name", "The spelling is different"): {"counts convolutions"},
    ("decayed_rate", "The rate jumps"): set(),
}


@pytest.mark.parametrize(("mistake", "parts"), KEPT.items(), ids=[" ".join(mistake) for mistake in KEPT])
def test_an_honest_mistake_keeps_a_point_in_seven(mistake, parts):
    exercise = exercises.find_exercise(mistake[0])
    hint, wrong = next(pair for pair in exercise.wrong_answers() if pair[0].startswith(mistake[1]))
    found = verdict_on(exercise, mistaken(exercise, wrong))
    assert (earned(found), found.stage, found.sentence) == (parts, "value", hint)


@EACH
def test_what_is_right_in_one_draw_alone_earns_nothing(exercise):
    if exercise.result == "word":
        pytest.skip("every draw has every name")
    for seed in (0, 1):
        known = [str(serialise.pack(case)) for case in exercise.inputs(seed).values()]

        def answer(case, shape, known=known):
            output = exercise.expected(case)
            if str(serialise.pack(case)) in known:
                return output
            return f"{output}x" if exercise.result == "word" else output + 1

        found = verdict_on(exercise, answer)
        assert found.stage == "value" and found.parts[0].wrong == found.sentence
        assert found.sentence.startswith("Right for one input, but not for another") == (seed == 0)
        assert found.points <= exercise.points - exercise.value_points


def test_an_answer_for_one_shape_is_told_which_other_shape_fails():
    exercise = exercises.EXERCISES["style_layer_loss"]
    size = np.prod(exercise.inputs(0)["plain"]["activation"].shape[1:3])
    found = verdict_on(exercise, lambda case, shape: exercise.expected(case) * np.prod(case["activation"].shape[1:3]) / size)
    batch, height, width, filters = exercise.inputs(1)["plain"]["activation"].shape
    assert found.sentence.startswith(
        f"Right for one input, but not for another, of {height} x {width} positions and {filters} filters in a batch of {batch}: "
    )
    assert earned(found) == set()


def test_no_output_for_a_second_input_does_not_make_an_answer_open():
    exercise = exercises.EXERCISES["blend"]
    (cases, answer), (others, _) = draws_of(exercise, right(exercise))
    found = exercises.judge_draws(exercise, [(cases, answer), (others, exercises.Answer())])
    assert found.stage == "value" and found.points == 0 and found.sentence.endswith("nothing is returned.")


def test_a_gradient_of_another_shape_earns_nothing():
    exercise = exercises.EXERCISES["gram_matrix"]
    draws = draws_of(exercise, right(exercise))
    for _, answer in draws:
        answer.gradients["plain"][1]["activation"] = answer.gradients["plain"][1]["activation"].flat[0].reshape(())
    assert exercises.judge_draws(exercise, draws).points == exercise.points - 1


# inputs


@EACH
def test_sizes_differ_from_seed_to_seed(exercise):
    sizes = {str([np.shape(value) for value in values_of(next(iter(inputs(exercise.id, seed).values())))]) for seed in range(20)}
    assert len(sizes) >= 4 or not {"activation", "image", "activations"} & set(exercise.arguments.values())


@EACH
def test_no_input_is_the_same_for_every_seed(exercise):
    if exercise.result == "word":
        pytest.skip("every draw has every name")
    drawn = [inputs(exercise.id, seed) for seed in range(12)]
    for name in drawn[0]:
        largest = [
            [str(value if isinstance(value, str | int) else np.max(value)) for value in values_of(cases[name])] for cases in drawn
        ]
        contents = {str(serialise.pack(cases[name])) for cases in drawn}
        assert len(contents) > 1 or exercise.arguments == {"layers": "pairs"}
        for values in zip(*largest, strict=False):
            # a share of one half, a clipped image that ends at 1, no step or one, black noise and a black image may be fixed
            assert len(set(values)) > 1 or values[0] in ("0.0", "0.5", "1.0", "0", "1", "4", "5"), name


# the same for notebook and grader


def spoilt_where(exercise, where):
    """Right but for the cases in which `where` holds."""

    def answer(case, shape):
        output = exercise.expected(case)
        spoil = "conv9_9" if exercise.result == "word" else output + 1
        return spoil if where(case) else output

    return answer


def batch_of(case):
    return next((len(value) for value in values_of(case) if isinstance(value, np.ndarray) and value.ndim == 4), 0)


def first_alone(exercise):
    """Right for the first image of a batch, whose output all others get."""

    def answer(case, shape):
        output = exercise.expected(case)
        return np.broadcast_to(output[:1], output.shape) if np.ndim(output) and len(output) > 1 else output

    return answer


def partly_right(exercise):
    """Answers that are right for some inputs only, by name."""
    names = [case["name"] for case in inputs(exercise.id, 0).values()] if exercise.result == "word" else []
    return {
        **{f"not {name}": spoilt_where(exercise, lambda case, name=name: case["name"] == name) for name in names},
        **{f"{hint} {index}": mistaken(exercise, wrong) for index, (hint, wrong) in enumerate(exercise.wrong_answers())},
        "not one image": spoilt_where(exercise, lambda case: batch_of(case) == 1),
        "not several images": spoilt_where(exercise, lambda case: batch_of(case) > 1),
        "the first image's": first_alone(exercise),
        "not zeros": spoilt_where(exercise, lambda case: any(np.size(value) and not np.any(value) for value in values_of(case))),
        "not a stride of 3": spoilt_where(exercise, lambda case: any(3 == stride for _, stride in case.get("layers", ()))),
        "not more than six layers": spoilt_where(exercise, lambda case: len(case.get("layers", ())) > 6),
    }


DRAWS = 50 if "NUMBER" in os.environ else 10  # all of them take half an hour: make test-long


@pytest.mark.slow
@EACH
def test_an_answer_that_is_right_for_some_inputs_is_marked_alike_at_every_draw(exercise):
    """The notebook's draws are the first two. A property may hold by chance; more than that may not depend on the draw."""
    silent = replace(exercise, mistakes={})  # marks need no sentences
    different = {}
    for name, answer in partly_right(exercise).items():
        draws = draws_of(exercise, answer, range(DRAWS))
        verdicts = [exercises.judge_draws(silent, draws[at : at + 2]) for at in range(0, DRAWS, 2)]
        points = [found.points for found in verdicts]
        if len({found.right for found in verdicts}) > 1 or max(points) - min(points) > 1:
            different[name] = points
    assert not different


# garbage from a process that a student controls

FUZZED = [
    "gram_matrix", "style_loss", "psnr", "one_step", "reconstruct", "layer_name", "receptive_field", "balance", "total_cost",
    "mmd", "wasserstein", "masked_gram", "match_colours",
]  # fmt: skip
GARBAGE = (
    np.nan, np.inf, -np.inf, 0.0, -1.0, 1e300, -1e-300, 7, True, "nan", "conv1_1", "x" * 100_000, np.zeros(0), np.zeros((0, 3)),
    np.zeros((3, 0, 2)), np.zeros(1_000_001), np.ones((1,) * 30), np.full((2, 3), np.nan), np.array(["a", "b"]),
    np.array([True, False]), np.arange(5), np.float16(3), np.uint8([[1]]), np.array(np.inf),
)  # fmt: skip
ODD = (
    None, [], {}, "", "x" * 200_000, 5, -1, True, ["a"], [None], ["type", "words " * 30_000], ["open", ""], ["error", "\x00\n"],
    ["nonsense", "x"], ["error", 5], ["error", "a", "b"], [[], []], {"plain": 3}, {"plain": None}, {"array": "array0"}, {"": {}},
    {"plain": [1, 2]}, {"plain": [-1]}, {"plain": ["a"]}, {"plain": [2.5]}, {str(n): 1 for n in range(500)}, [["a"] * 5000] * 3,
    float("nan"), float("inf"), 10**400,
)  # fmt: skip


def wild(rng):
    """A random array, or something else."""
    if rng.random() < 0.3:
        return rng.normal(scale=10.0 ** rng.integers(-3, 200), size=rng.integers(0, 5, rng.integers(0, 5)))
    return np.asarray(GARBAGE[rng.integers(len(GARBAGE))])


def mutated(rng, reply):
    """A reply as a dict, in a quarter of all cases with some random changes."""
    tree = copy.deepcopy(asdict(reply))
    for _ in range(rng.integers(1, 4) if rng.random() < 0.25 else 0):
        part = str(rng.choice(["output", "output", "shape", "trouble", "changed", "gradients", "gradients"]))
        if part == "gradients" and rng.random() < 0.9:
            mutate(rng, tree.get(part))
        elif rng.random() < 0.1:
            tree.pop(part, None)
        elif part == "output" and rng.random() < 0.7:
            tree[part] = wild(rng)
        else:
            tree[part] = ODD[rng.integers(len(ODD))]
    return tree


def mutate(rng, entries):
    if not isinstance(entries, dict):
        return
    names = [*entries, "image", "strange", "x" * 5000]
    one, other = (names[rng.integers(len(names))] for _ in range(2))
    match int(rng.integers(4)):
        case 0:
            entries.pop(one, None)
        case 1 if one in entries and other in entries:
            entries[one], entries[other] = entries[other], entries[one]
        case 2:
            entries[one] = ODD[rng.integers(len(ODD))]
        case _:
            entries[one] = wild(rng)


def received(tree):
    """The reply that arrives when this is sent; an empty one if it is refused."""
    try:
        arrays, plain = serialise.pack(tree)
    except TypeError:  # no process could have sent it
        return call.Reply()
    try:
        return serialise.unpack_reply(arrays, json.loads(json.dumps(plain)))
    except ValueError as error:
        assert str(error).startswith("not a reply") or "int" in str(error)
        return call.Reply()


class Forger:
    """A respondent whose replies are changed on the way."""

    def __init__(self, respondent, change):
        self.respondent, self.change = respondent, change

    def __getattr__(self, name):
        return lambda *arguments: self.change(getattr(self.respondent, name)(*arguments))


@pytest.mark.parametrize("exercise", FUZZED)
def test_no_garbage_in_a_reply_raises_or_earns_more_than_the_answer_alone(exercise):
    rng, exercise = np.random.default_rng(11), exercises.EXERCISES[exercise]
    less = 0
    for answer in (right(exercise), mistaken(exercise, next(exercise.wrong_answers())[1])):
        alone = exercises.judge_draws(exercise, draws_of(exercise, answer)).points
        for _ in range(60):
            forged = lambda respondent: Forger(respondent, lambda reply: received(mutated(rng, reply)))  # noqa: E731
            found = exercises.judge_draws(exercise, draws_of(exercise, answer, forged=forged))
            assert found.points <= alone and len(found.sentence) < 2000
            assert all(part.wrong is None or len(part.wrong) < 2000 for part in found.parts)
            less += found.points < alone
    assert less > 30  # there was enough garbage


@pytest.mark.parametrize("exercise", FUZZED)
def test_outputs_of_garbage_earn_nothing(exercise):
    rng, exercise = np.random.default_rng(12), exercises.EXERCISES[exercise]
    for value in GARBAGE:
        for in_shape in (False, True) if np.size(value) == 1 else (False,):

            def spoilt(reply, value=value, in_shape=in_shape):
                output = np.full(reply.output.shape, value) if in_shape else np.asarray(value)
                return received(asdict(reply) | {"output": output})

            draws = draws_of(exercise, right(exercise), forged=lambda respondent, spoilt=spoilt: Forger(respondent, spoilt))
            assert exercises.judge_draws(exercise, draws).points == 0, value
    for _ in range(20):
        draws = draws_of(exercise, right(exercise))
        assert exercises.judge_draws(exercise, [(cases, noisy(rng, answer)) for cases, answer in draws]).points == 0


def noisy(rng, answer):
    """Other noise for every output, in an answer that claims to be the same at every call."""
    outputs = {name: np.asarray(f"conv{rng.integers(6, 9)}_1") if output.dtype.kind == "U" else rng.normal(-5, 3, output.shape)
               for name, output in answer.outputs.items()}  # fmt: skip
    return exercises.Answer(outputs=outputs, weights=answer.weights, gradients=answer.gradients)


def test_an_answer_that_changes_its_arguments_earns_nothing_for_noise():
    rng, exercise = np.random.default_rng(13), exercises.EXERCISES["content_loss"]
    draws = [(cases, noisy(rng, answer)) for cases, answer in draws_of(exercise, right(exercise))]
    for _, answer in draws:
        answer.changed = ("activation",)
    assert exercises.judge_draws(exercise, draws).points == 0


def test_infinities_that_agree_prove_nothing():
    exercise = exercises.EXERCISES["psnr"]
    draws = draws_of(exercise, right(exercise))
    for (_, answer), value in zip(draws, (np.inf, -np.inf), strict=True):
        answer.outputs |= {"plain": np.asarray(value), "swapped": np.asarray(value)}
    found = exercises.judge_draws(exercise, draws)
    assert earned(found) == set() and "not finite" in found.sentence


REFUSED = {
    "a list": [1, 2],
    "an array alone": {"array": "array0"},
    "an array that is missing": {"dict": {"output": {"array": "array9"}}},
    "a list in place of a name": {"dict": {"outputs": {"array": [1]}}},
    "a dict without its mark": {"output": {}},
    "too deep": json.loads("[" * 500 + "]" * 500),
}


@pytest.mark.parametrize("plain", REFUSED.values(), ids=REFUSED)
def test_anything_but_a_reply_is_refused(plain):
    with pytest.raises(ValueError, match="not a reply"):
        serialise.unpack_reply({"array0": np.zeros(2)}, plain)


WRONG_PARTS = (
    {"output": 3}, {"output": {"deeper": np.zeros(1)}}, {"output": [1.0]}, {"shape": 5}, {"shape": [-1]}, {"shape": [True]}, {"shape": ["2"]},
    {"shape": [1] * 65}, {"shape": None}, {"trouble": "open"}, {"trouble": ["right", ""]}, {"trouble": ["open", None]},
    {"trouble": [["open"], ""]}, {"changed": "activation"}, {"changed": [1]}, {"changed": None}, {"gradients": {"activation": 3}},
    {"gradients": {"activation": {"conv1_1": "x"}}}, {"gradients": {str(n): None for n in range(65)}}, {"gradients": {"x" * 101: None}},
    {"gradients": []}, {"points": 100}, {"extra": None},
)  # fmt: skip


@pytest.mark.parametrize("part", WRONG_PARTS, ids=lambda part: str(part)[:60])
def test_a_reply_with_a_part_of_the_wrong_type_is_refused(part):
    arrays, plain = serialise.pack(asdict(call.Reply()) | part)
    with pytest.raises(ValueError, match="not a reply"):
        serialise.unpack_reply(arrays, json.loads(json.dumps(plain)))


def test_long_sentences_and_unprintable_letters_are_cut():
    reply = call.Reply(trouble=("error", "first\nsecond\x1b[31m " + "x" * 1_000_000), changed=("a" * 5000,))
    there = serialise.unpack_reply(*serialise.pack_reply(reply))
    assert len(there.trouble[1]) <= serialise.LONG and there.trouble[1].startswith("first second [31m xxx")
    assert there.trouble[1].endswith("...") and len(there.changed[0]) <= serialise.WORD
