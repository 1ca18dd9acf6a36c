"""What an answer earns: nothing without work, a part only where it holds in two draws, and never more for garbage.

Answers are NumPy here, channels last, asked through a stand-in for the frameworks' `Lab`.
"""

import copy
import json
from dataclasses import asdict
from functools import cache

import numpy as np
import pytest

from stylelab import exercises
from stylelab.exercises.checking import definition, serialise
from stylelab.exercises.checking import verdict as judging

pytestmark = pytest.mark.plain
ALL = tuple(exercises.EXERCISES.values())
IDS = tuple(exercises.EXERCISES)
EACH = pytest.mark.parametrize("exercise", ALL, ids=IDS)
SEEDS = ((0, 1), (70, 81))


class Lab:
    """NumPy as if it were a framework. What it gives as gradient is right whatever the answer does, as a forger's would be."""

    name, advice = "NumPy", {}

    def __init__(self, exercise):
        self.exercise = exercise

    def give(self, kind, value):
        if kind == "loss":
            return lambda image, target: np.sum(value * (image - target) ** 2) / 2
        return np.array(value)

    def take(self, kind, tensor):
        return np.array(tensor, dtype=float)

    def is_tensor(self, value):
        return isinstance(value, np.ndarray)

    def gradients(self, function, given, names):
        return {self.exercise.differentiable: right_gradient(self.exercise, given)}


def right_gradient(exercise, case):
    """Something as large as what it belongs to, as steep as the right gradient in the direction that is looked at."""
    value = case[exercise.differentiable]
    even = {layer: np.ones(each.shape) for layer, each in value.items()} if isinstance(value, dict) else np.ones(np.shape(value))
    measured, expected = judging.slopes(exercise, case, even)
    factor = expected / measured
    return {layer: factor * each for layer, each in even.items()} if isinstance(even, dict) else factor * even


@cache
def inputs(exercise_id, seed):
    return exercises.EXERCISES[exercise_id].inputs(seed)


def asked(exercise, answer, seeds=(0, 1)):
    """(cases, Answer) for each seed. `answer(case, shape)` has a case's arguments and the shape of the right output."""
    draws = []
    for seed in seeds:
        cases = inputs(exercise.id, seed)

        def function(*given):
            case = dict(zip(exercise.arguments, given, strict=True))
            return shaped(exercise, answer(case, right_shape(exercise, case)))

        draws.append((cases, exercises.ask(exercise, function, Lab(exercise), cases)))
    return draws


def right_shape(exercise, case):
    if exercise.result == "image":
        return next(np.shape(case[name]) for name, kind in exercise.arguments.items() if kind == "image")
    if exercise.result == "matrix":
        batch, *_, filters = case["activation"].shape
        return batch, filters, filters
    return ()


def shaped(exercise, made):
    if exercise.result == "word":
        return str(made)
    return float(made) if exercise.result in ("number", "whole") else np.array(made, dtype=float)


def verdict(exercise, answer, seeds=(0, 1)):
    return judging.judge_draws(exercise, asked(exercise, answer, seeds))


def right(exercise):
    return lambda case, shape: exercise.expected(weighed(exercise, case))


def weighed(exercise, case):
    """A case as the reference wants it: the loss as its weights, found from the gradient of its sum."""
    if "loss" not in exercise.arguments.values():
        return case
    shape, zeros = case["image"].shape, np.zeros(case["image"].size)
    picked = [2 * case["loss"](unit.reshape(shape), zeros.reshape(shape)) for unit in np.eye(case["image"].size)]
    return case | {"loss": np.array(picked).reshape(shape)}


@EACH
def test_the_right_answer_earns_every_point(exercise):
    found = verdict(exercise, right(exercise))
    assert (found.stage, found.sentence, found.points) == ("right", "", exercise.points)


def fits(made, shape):
    """Whatever it is, in the shape that is asked for."""
    return np.resize(np.asarray(made, dtype=float), shape)


def arrays_of(case):
    """Every array, number and word among the arguments."""
    for value in case.values():
        inner = value.values() if isinstance(value, dict) else [value]
        yield from (each for each in inner if isinstance(each, np.ndarray | float | int | str))


def handing_back(which):
    """The argument of that place, whatever it is; a number or a word in the shape that is asked for."""

    def answer(case, shape):
        found = [*arrays_of(case)]
        each = found[which % len(found)] if found else 1
        if isinstance(each, str) or np.size(each) == int(np.prod(shape)):
            return each if isinstance(each, str) else np.reshape(each, shape)
        return fits(each, shape)

    return answer


def summed_up(how):
    """One number of the first array."""
    return lambda case, shape: fits(
        how(next((each for each in arrays_of(case) if isinstance(each, np.ndarray)), np.ones(2))), shape
    )


def even_arguments(case):
    """Whether it is an input that is easily recognised: two arguments agree, or one is the same everywhere."""
    arrays = [each for each in arrays_of(case) if isinstance(each, np.ndarray) and each.ndim]
    alike = any(np.array_equal(a, b) for index, a in enumerate(arrays) for b in arrays[:index])
    return alike or any(np.ptp(each) == 0 for each in arrays)


def counter():
    calls = []
    return lambda case, shape: fits(calls.append(1) or len(calls), shape)


def noise(low, high, fixed=False):
    def answer(case, shape):
        return np.random.default_rng(3 if fixed else None).uniform(low, high, shape)

    return answer


def stored(exercise):
    """The right output to some other input."""
    output = exercise.expected(next(iter(exercise.inputs(99).values())))
    return lambda case, shape: output if exercise.result == "word" else fits(output, shape)


TRIVIAL = {
    "zeros": lambda case, shape: np.zeros(shape),
    "ones": lambda case, shape: np.ones(shape),
    "0.37": lambda case, shape: np.full(shape, 0.37),
    "2": lambda case, shape: np.full(shape, 2),
    "20": lambda case, shape: np.full(shape, 20),
    "nan": lambda case, shape: np.full(shape, np.nan),
    "inf": lambda case, shape: np.full(shape, np.inf),
    "huge": lambda case, shape: np.full(shape, 1e300),
    "first argument": handing_back(0),
    "second argument": handing_back(1),
    "third argument": handing_back(2),
    "last argument": handing_back(-1),
    "clipped argument": lambda case, shape: np.clip(handing_back(0)(case, shape), 0, 1),
    "sum": summed_up(np.sum),
    "mean": summed_up(np.mean),
    "largest": summed_up(np.max),
    "size": summed_up(np.size),
    "random": noise(0, 1),
    "random around 0": noise(-1, 1),
    "random but fixed": noise(0, 1, fixed=True),
    "counter": counter(),
    "a single 1": lambda case, shape: np.eye(1, int(np.prod(shape))).reshape(shape),
    "unit matrices": lambda case, shape: np.broadcast_to(np.eye(*shape[-2:]) if shape else 1, shape),
    "0 where easily recognised": lambda case, shape: np.full(shape, 0 if even_arguments(case) else 1),
    "argument where easily recognised": lambda case, shape: handing_back(0 if even_arguments(case) else 1)(case, shape),
}  # fmt: skip
NAMES = {
    "": lambda case, shape: "",
    "conv1_1": lambda case, shape: "conv1_1",
    "conv4_2": lambda case, shape: "conv4_2",
    "argument": lambda case, shape: case["name"],
    "argument or the first": lambda case, shape: case["name"] if isinstance(case["name"], str) else "conv1_1",
    "argument or known": lambda case, shape: {1: "conv1_1", 16: "conv5_4"}.get(case["name"], case["name"]),
    "random": lambda case, shape: f"conv{np.random.default_rng().integers(1, 6)}_{np.random.default_rng().integers(1, 3)}",
}  # fmt: skip


@EACH
@pytest.mark.parametrize("seeds", SEEDS, ids=str)
def test_an_answer_without_work_earns_nothing(exercise, seeds):
    trivial = NAMES if exercise.result == "word" else TRIVIAL
    earned = {}
    for name, answer in {**trivial, "of another input": stored(exercise)}.items():
        found = verdict(exercise, answer, seeds)
        earned |= {name: [part.name for part in found.parts if part.wrong is None]} if found.points else {}
        assert found.sentence and all(part.wrong for part in found.parts if part.wrong is not None)
    assert earned == {}


def slipping(exercise, mistake):
    """What a student gives who makes this mistake; right where it cannot be made."""

    def answer(case, shape):
        weights = weighed(exercise, case)
        with np.errstate(all="ignore"):
            wrong = mistake(**definition.double(weights))
        return exercise.expected(weights) if wrong is None else wrong

    return answer


def earned_in_every_draw(exercise, draws):
    """The names of the parts that hold in each draw, with nothing taken away for idleness."""
    held = [{part.name for part in exercises.judge(exercise, *draw).parts if part.wrong is None} for draw in draws]
    return set.intersection(*held)


def does_no_work(exercise, draws):
    """Whether every first output is an argument, possibly clipped, or the same number everywhere, or negligibly small."""
    for cases, answer in draws:
        case = next(iter(cases.values()))
        output, right = next(iter(answer.outputs.values())), exercise.expected(case)
        arguments = [np.asarray(value, dtype=float) for value in arrays_of(case)]
        unchanged = any(np.array_equal(output, given) for value in arguments for given in (value, np.clip(value, 0, 1)))
        even = output.ndim and np.ptp(output) == 0
        if not unchanged and not even and np.abs(output).max() > 1e-6 * np.abs(right).max():
            return False
    return True


@EACH
def test_a_known_mistake_keeps_the_parts_that_hold_in_both_draws_unless_it_does_no_work(exercise):
    for hint, mistake in exercise.wrong_answers():
        draws = asked(exercise, slipping(exercise, mistake))
        held = earned_in_every_draw(exercise, draws)
        earned = {part.name for part in judging.judge_draws(exercise, draws).parts if part.wrong is None}
        idle = exercise.result != "word" and held != earned and does_no_work(exercise, draws)
        expected = set() if idle else held
        assert earned == expected and ("value" not in earned or exercise.result == "word"), hint


KEPT = {
    ("gram_matrix", "The normalisation is forgotten"): {"symmetric", "quadratic", "ignores positions"},
    ("content_loss", "That is the sum"): {"zero at the target", "quadratic"},
    ("total_variation", "That is the mean"): {"zero for one colour", "proportional", "ignores brightness"},
    ("one_step", "The image leaves its range"): {"lowers the loss", "rests at the target"},
    ("style_loss", "The sum is divided by the number of layers"): {
        "zero at the target",
        "linear in the weights",
        "any number of layers",
    },
    ("receptive_field", "Strides are left out"): {"one layer", "two of stride 1"},
    ("layer_name", "The spelling is different"): {"counts convolutions", "1 is the first", "16 is the last"},
    ("decayed_rate", "The rate jumps"): {"whole at the start", "one factor in 100"},
    ("blend", "The noise is missing"): {"weight of the image"},
}


@pytest.mark.parametrize(("slip", "parts"), KEPT.items(), ids=lambda value: " ".join(value) if isinstance(value, tuple) else "")
def test_an_honest_slip_keeps_its_partial_credit(slip, parts):
    exercise = exercises.find_exercise(slip[0])
    hint, mistake = next(pair for pair in exercise.wrong_answers() if pair[0].startswith(slip[1]))
    found = verdict(exercise, slipping(exercise, mistake))
    assert {part.name for part in found.parts if part.wrong is None} == parts
    assert found.stage == "value" and found.sentence == hint


def right_for(exercise, seed):
    """Right for the inputs of one seed, and off by one for all others."""
    known = [json.dumps(serialise.pack(case)[1]) + str(exercise.expected(case)) for case in exercise.inputs(seed).values()]

    def answer(case, shape):
        case = weighed(exercise, case)
        output = exercise.expected(case)
        if json.dumps(serialise.pack(case)[1]) + str(output) in known:
            return output
        return f"{output}x" if exercise.result == "word" else output + 1

    return answer


@EACH
def test_what_is_right_in_one_draw_alone_earns_nothing_for_it(exercise):
    for seed in (0, 1):
        found = verdict(exercise, right_for(exercise, seed))
        assert found.stage == "value" and found.parts[0].wrong == found.sentence
        assert found.sentence.startswith("Right for one input, but not for another") == (seed == 0)
        assert found.points <= exercise.points - exercise.value_points


def test_an_answer_for_one_shape_is_told_the_other():
    exercise = exercises.EXERCISES["gram_matrix"]
    size = np.prod(exercise.inputs(0)["plain"]["activation"].shape[1:3])
    found = verdict(exercise, lambda case, shape: exercise.expected(case) * np.prod(case["activation"].shape[1:3]) / size)
    batch, height, width, filters = exercise.inputs(1)["plain"]["activation"].shape
    assert found.sentence.startswith(
        f"Right for one input, but not for another, of {height} x {width} positions and {filters} filters in a batch of {batch}: "
    )
    assert {part.name for part in found.parts if part.wrong is None} == {"symmetric", "quadratic", "ignores positions"}


def test_nothing_given_for_a_second_input_is_not_called_open():
    exercise = exercises.EXERCISES["blend"]
    (cases, answer), (others, _) = asked(exercise, right(exercise))
    found = judging.judge_draws(exercise, [(cases, answer), (others, exercises.Answer())])
    assert found.stage == "value" and found.points == 0 and found.sentence.endswith("nothing is returned.")


@EACH
def test_sizes_differ_from_seed_to_seed(exercise):
    sizes = {str([np.shape(each) for each in arrays_of(next(iter(exercise.inputs(seed).values())))]) for seed in range(20)}
    assert len(sizes) >= 4 or not {"activation", "image", "activations"} & set(exercise.arguments.values())


FUZZED = (
    "gram_matrix",
    "style_loss",
    "psnr",
    "one_step",
    "reconstruct",
    "layer_name",
    "receptive_field",
    "balance",
    "total_cost",
)
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
    """An array, or what was never one."""
    if rng.random() < 0.3:
        return rng.normal(scale=10.0 ** rng.integers(-3, 200), size=rng.integers(0, 5, rng.integers(0, 5)))
    return np.asarray(GARBAGE[rng.integers(len(GARBAGE))])


def mutated(rng, answer):
    """The tree of an answer with up to three things in it that are not as they were."""
    tree = copy.deepcopy(asdict(answer))
    for _ in range(rng.integers(0, 4)):
        part = str(rng.choice(["outputs", "outputs", "shapes", "trouble", "changed", "drifts", "gradients", "gradients"]))
        if isinstance(tree.get(part), dict) and rng.random() < 0.9:
            mutate(rng, part, tree[part])
        elif rng.random() < 0.2:
            tree.pop(part, None)
        else:
            tree[part] = ODD[rng.integers(len(ODD))]
    return tree


def mutate(rng, part, entries):
    names = [*entries, "plain", "strange", "x" * 5000]
    one, other = (names[rng.integers(len(names))] for _ in range(2))
    match int(rng.integers(4)):
        case 0:
            entries.pop(one, None)
        case 1 if one in entries and other in entries:
            entries[one], entries[other] = entries[other], entries[one]
        case 2:
            entries[one] = ODD[rng.integers(len(ODD))]
        case _:
            entries[one] = list(wild(rng).shape) if part == "shapes" else wild(rng)


def received(tree):
    """The answer that is read where the tree was sent; an empty one where it is refused."""
    try:
        arrays, plain = serialise.pack(tree)
    except TypeError:  # no process could have sent it
        return exercises.Answer()
    try:
        return serialise.unpack_answer(arrays, json.loads(json.dumps(plain)))
    except ValueError as error:
        assert str(error).startswith("not an answer") or "int" in str(error)
        return exercises.Answer()


@pytest.mark.parametrize("exercise", FUZZED)
def test_no_garbage_in_an_answer_raises_or_earns_more_than_the_answer_alone(exercise):
    rng, exercise = np.random.default_rng(11), exercises.EXERCISES[exercise]
    less = 0
    for answer in (right(exercise), slipping(exercise, next(exercise.wrong_answers())[1])):
        draws = asked(exercise, answer)
        alone = judging.judge_draws(exercise, draws).points
        for _ in range(100):
            found = judging.judge_draws(exercise, [(cases, received(mutated(rng, each))) for cases, each in draws])
            assert found.points <= alone and len(found.sentence) < 2000
            assert all(part.wrong is None or len(part.wrong) < 2000 for part in found.parts)
            less += found.points < alone
    assert less > 50  # it was not for want of garbage


@pytest.mark.parametrize("exercise", FUZZED)
def test_outputs_of_garbage_earn_nothing(exercise):
    rng, exercise = np.random.default_rng(12), exercises.EXERCISES[exercise]
    draws = asked(exercise, right(exercise))
    for value in GARBAGE:
        for shaped_right in (False, True):
            spoilt = []
            for cases, answer in draws:
                tree = asdict(answer) | {"drifts": False}
                for name, output in tree["outputs"].items():
                    small = shaped_right and np.size(value) == 1
                    tree["outputs"][name] = np.full(output.shape, value) if small else np.asarray(value)
                spoilt.append((cases, received(tree)))
            assert judging.judge_draws(exercise, spoilt).points == 0, value
    for _ in range(20):
        noisy = [(cases, noised(rng, answer)) for cases, answer in draws]
        assert judging.judge_draws(exercise, noisy).points == 0


def noised(rng, answer):
    """Other noise for every output; one that claims to give the same again."""
    outputs = {name: np.asarray(f"conv{rng.integers(6, 9)}_1") if each.dtype.kind == "U" else rng.normal(-5, 3, each.shape)
               for name, each in answer.outputs.items()}  # fmt: skip
    return exercises.Answer(outputs=outputs, gradients=answer.gradients)


def test_arguments_that_are_said_to_be_changed_earn_nothing_for_the_rest():
    rng, exercise = np.random.default_rng(13), exercises.EXERCISES["content_loss"]
    draws = [(cases, noised(rng, answer)) for cases, answer in asked(exercise, right(exercise))]
    for _, answer in draws:
        answer.changed = ("activation",)
    assert judging.judge_draws(exercise, draws).points == 0


def test_infinities_that_agree_prove_nothing():
    exercise = exercises.EXERCISES["psnr"]
    draws = asked(exercise, right(exercise))
    for (_, answer), value in zip(draws, (np.inf, -np.inf), strict=True):
        answer.outputs |= {"plain": np.asarray(value), "swapped": np.asarray(value)}
    found = judging.judge_draws(exercise, draws)
    assert {part.name for part in found.parts if part.wrong is None} == {"a tenth is 20 dB"}
    assert "not finite" in found.sentence


def test_a_gradient_of_another_shape_counts_for_nothing():
    exercise = exercises.EXERCISES["gram_matrix"]
    draws = asked(exercise, right(exercise))
    for _, answer in draws:
        answer.gradients["activation"] = answer.gradients["activation"].flat[0].reshape(())
    assert judging.judge_draws(exercise, draws).points == exercise.points - 1


def test_a_guess_at_names_earns_nothing_whatever_the_seed():
    exercise = exercises.EXERCISES["layer_name"]
    for guess in ("conv1_1", "conv4_3", "conv5_4"):
        answer = lambda case, shape, guess=guess: case["name"] if isinstance(case["name"], str) else guess  # noqa: E731
        assert [verdict(exercise, answer, (seed, seed + 1)).points for seed in range(0, 60, 2)] == [0] * 30


@EACH
def test_no_input_is_the_same_for_every_seed(exercise):
    drawn = [exercise.inputs(seed) for seed in range(12)]
    for name in drawn[0]:
        largest = [
            [str(each) if isinstance(each, str | int) else np.max(each) for each in arrays_of(cases[name])] for cases in drawn
        ]
        assert len({str(each) for each in largest}) > 1 or exercise.arguments == {"layers": "pairs"}
        for values in zip(*largest, strict=False):
            # half is half for any losses; a clipped image ends at 1; no step or one, of any image; black noise and a black image are recognised easily: what is asked of them is half of the work
            assert len(set(values)) > 1 or values[0] in (0.0, 0.5, 1.0, "0", "1"), name


REFUSED = {
    "no dict": [1, 2],
    "an array alone": {"array": "array0"},
    "an array that is not there": {"dict": {"outputs": {"dict": {"plain": {"array": "array9"}}}}},
    "a name that is no name": {"dict": {"outputs": {"array": [1]}}},
    "a dict without its mark": {"outputs": {}},
    "too deep": json.loads("[" * 500 + "]" * 500),
}


@pytest.mark.parametrize("plain", REFUSED.values(), ids=REFUSED)
def test_what_is_no_answer_is_refused(plain):
    with pytest.raises(ValueError, match="not an answer"):
        serialise.unpack_answer({"array0": np.zeros(2)}, plain)


WRONG_PARTS = (
    {"outputs": None}, {"outputs": {"plain": 3}}, {"outputs": {str(n): np.zeros(1) for n in range(65)}}, {"outputs": {"x" * 101: np.zeros(1)}},
    {"outputs": {"plain": {"deeper": np.zeros(1)}}}, {"shapes": {"plain": 5}}, {"shapes": {"plain": [-1]}}, {"shapes": {"plain": [True]}},
    {"shapes": {"plain": ["2"]}}, {"shapes": {"plain": [1] * 65}}, {"trouble": "open"}, {"trouble": ["right", ""]},
    {"trouble": ["open", None]}, {"trouble": [["open"], ""]}, {"changed": "activation"}, {"changed": [1]}, {"changed": None},
    {"drifts": 0}, {"drifts": None}, {"gradients": {"activation": 3}}, {"gradients": {"activation": {"conv1_1": "x"}}},
    {"gradients": []}, {"points": 100}, {"extra": None},
)  # fmt: skip


@pytest.mark.parametrize("part", WRONG_PARTS, ids=lambda part: str(part)[:60])
def test_a_part_that_no_answer_has_is_refused(part):
    arrays, plain = serialise.pack(asdict(exercises.Answer()) | part)
    with pytest.raises(ValueError, match="not an answer"):
        serialise.unpack_answer(arrays, json.loads(json.dumps(plain)))


def test_long_sentences_and_strange_letters_are_cut():
    answer = exercises.Answer(trouble=("error", "first\nsecond\x1b[31m " + "x" * 1_000_000), changed=("a" * 5000,))
    there = serialise.unpack_answer(*serialise.pack_answer(answer))
    assert len(there.trouble[1]) <= serialise.LONG and there.trouble[1].startswith("first second [31m xxx")
    assert there.trouble[1].endswith("...") and len(there.changed[0]) <= serialise.WORD
