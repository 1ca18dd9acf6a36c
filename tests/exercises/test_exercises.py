"""The checks are checked: right answers of several kinds pass, and each known mistake is called by its name."""

import importlib
import json
import re
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from stylelab import exercises
from stylelab.errors import InputError
from stylelab.exercises.checking import definition
from stylelab.exercises.checking import serialise as travel

IDS = tuple(exercises.EXERCISES)


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


@pytest.fixture
def said(capsys):
    """What was printed since it was last asked."""
    return lambda: capsys.readouterr().out.strip()


@pytest.mark.parametrize("exercise", IDS)
def test_right_answers_of_every_kind_are_used_from_there_on(exercise, sl, answers, said):
    found = {name: sl.check(exercise, answer) is answer for name, answer in answers.RIGHT[exercise].items()}
    assert len(found) >= 3 and all(found.values()), f"{found}\n{said()}"


@pytest.mark.parametrize("exercise", IDS)
def test_each_wrong_answer_gets_the_right_hint_and_the_library_goes_on(exercise, sl, answers, said):
    surprises = []
    for answer, words in answers.WRONG[exercise]:
        kept = sl.check(exercise, answer) is answer
        sentence = said()
        if kept or not re.search(words, sentence):
            surprises.append(f"'{words}' was expected: {sentence}")
        assert sentence.startswith(f"{exercise}: not yet. ") and "\n" not in sentence
    assert len(answers.WRONG[exercise]) >= 6
    assert not surprises, "\n".join(surprises)


def test_a_right_answer_that_no_transfer_could_use_is_called_right_and_not_used(sl, answers, said):
    for exercise, answer in answers.UNUSABLE.items():
        assert sl.check(exercise, answer) is not answer
        assert said().startswith(f"{exercise}: right, but TensorFlow cannot make a graph of it")


def test_an_open_answer_is_not_called_wrong(sl, answers, said):
    for answer in answers.EMPTY:
        library = sl.check("gram_matrix", answer)
        assert library is sl.gram_matrix
        assert said() == "gram_matrix: not attempted yet. Until it is right, the lesson continues with stylelab's own."


def test_an_error_in_an_answer_is_told_with_its_line(sl, said):
    def gram_matrix(activation):
        broken = 1
        return broken.shape

    sl.check("gram_matrix", gram_matrix)
    line = gram_matrix.__code__.co_firstlineno + 2
    assert f"Line {line} stops with AttributeError: 'int' object has no attribute 'shape'" in said()


def test_an_unknown_exercise_gets_the_nearest_name(sl):
    with pytest.raises(InputError, match="did you mean 'gram_matrix'"):
        sl.check("gram_matrx", lambda activation: activation)


def test_a_result_given_instead_of_the_function_is_named(sl, said):
    sl.check("gram_matrix", 3.0)
    assert "pass `gram_matrix` itself, without calling it" in said()


def test_the_library_passes_its_own_exercises(sl, said):
    from_library = {exercise: sl.check(exercise, None) for exercise in IDS}
    assert [sl.check(exercise, function) is function for exercise, function in from_library.items()] == [True] * len(IDS)


def test_nbgrader_sees_a_wrong_answer_as_an_error(sl, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    with pytest.raises(AssertionError, match="not attempted yet"):
        sl.check("gram_matrix", None)
    with pytest.raises(AssertionError, match="stylelab's own"):
        sl.check("gram_matrix", sl.gram_matrix)


def test_an_answer_comes_within_a_second(sl, answers):
    slowest = 0.0
    for exercise, kinds in answers.RIGHT.items():
        for answer in kinds.values():
            sl.check(exercise, answer)  # TensorFlow builds its kernels at the first call
            slowest = max(slowest, min(seconds(sl.check, exercise, answer) for _ in range(2)))
    assert slowest < 1


def seconds(function, *arguments) -> float:
    """Processor time of a call, which other programs on the machine do not lengthen."""
    began = time.process_time()
    function(*arguments)
    return time.process_time() - began


def test_an_answer_that_stops_at_some_inputs_keeps_the_points_of_the_others(sl, answers):
    exercise = exercises.EXERCISES["layer_name"]
    verdict = verdict_on(sl, exercise, lambda name: "conv{}_{}".format(*re.findall(r"\d", name)))
    assert {part.name: part.wrong is None for part in verdict.parts} == {
        "value": True, "knows relu4_2": True, "keeps conv4_2": True,
        "counts convolutions": False, "1 is the first": False, "16 is the last": False,
    }  # fmt: skip
    assert verdict.stage == "error" and "with TypeError" in verdict.sentence and not verdict.right


def test_a_wrong_value_with_a_name_is_told_before_an_error_at_another_input(sl):
    exercise = exercises.EXERCISES["layer_name"]
    verdict = verdict_on(sl, exercise, lambda name: "conv{1}_{0}".format(*re.findall(r"\d", name)))
    assert "swapped" in verdict.sentence


def test_cases_and_answers_travel_as_arrays_and_json_and_are_worth_the_same(sl, answers, tmp_path):
    for exercise_id, wrong in answers.WRONG.items():
        exercise = exercises.EXERCISES[exercise_id]
        cases = sent(tmp_path, *travel.pack(exercise.inputs(1)), travel.unpack)
        for answer in (*answers.RIGHT[exercise_id].values(), wrong[0][0], wrong[-1][0]):
            here = exercises.ask(exercise, answer, check_module(sl).Lab(), cases)
            there = sent(tmp_path, *travel.pack_answer(here), travel.unpack_answer)
            verdicts = exercises.judge(exercise, exercise.inputs(1), here), exercises.judge(exercise, cases, there)
            assert verdicts[0] == verdicts[1], exercise_id


def sent(folder, arrays, plain, unpack):
    """What a process would read that another wrote: an npz file without pickles, and JSON."""
    np.savez(folder / "arrays.npz", **arrays)
    with np.load(folder / "arrays.npz", allow_pickle=False) as stored:
        return unpack({name: stored[name] for name in stored}, json.loads(json.dumps(plain)))


def check_module(sl):
    return importlib.import_module(f"{sl.__name__}.exercises.check")


def verdict_on(sl, exercise, answer):
    cases = exercise.inputs()
    return exercises.judge(exercise, cases, exercises.ask(exercise, answer, check_module(sl).Lab(), cases))


@pytest.mark.plain
def test_what_is_neither_array_nor_json_does_not_travel():
    for tree in ({"a": object()}, np.array([None]), {"a": {1, 2}}):
        with pytest.raises(TypeError, match="cannot serialise"):
            travel.pack(tree)


@pytest.mark.plain
@pytest.mark.parametrize("exercise", exercises.EXERCISES.values(), ids=IDS)
def test_other_seeds_give_other_inputs_and_the_reference_keeps_every_property(exercise):
    firsts = []
    for seed in range(20):
        cases = exercise.inputs(seed)
        outputs = right_outputs(exercise, cases)
        assert [each.name for each in exercise.properties if not exercise.holds(each, cases, outputs)] == []
        firsts.append(str(outputs[next(iter(cases))]))
    assert len(set(firsts)) > 5


def right_outputs(exercise, cases):
    return {name: exercise.expected(case) for name, case in cases.items()}


@pytest.mark.plain
@pytest.mark.parametrize("exercise", exercises.EXERCISES.values(), ids=IDS)
def test_no_mistake_gives_the_right_value(exercise):
    for seed in range(20):
        case = next(iter(exercise.inputs(seed).values()))
        right = exercise.expected(case)
        assert [hint for hint, wrong in exercise.wrong_answers() if exercise.explains(wrong, case, right)] == []


@pytest.mark.plain
@pytest.mark.parametrize("exercise", exercises.EXERCISES.values(), ids=IDS)
def test_each_mistake_is_called_by_its_own_name(exercise):
    for seed in (0, 1):
        cases = exercise.inputs(seed)
        for hint, wrong in exercise.wrong_answers():
            outputs = {name: output for name, case in cases.items() if (output := output_of(wrong, case)) is not None}
            if exercise.result == "word":  # spelled otherwise in one branch of the function, right in the others
                outputs = right_outputs(exercise, cases) | outputs
            assert exercise.recognise(cases, outputs) == hint, f"seed {seed}"


def output_of(wrong, case):
    with np.errstate(all="ignore"):
        output = wrong(**definition.double(case))
    return None if output is None else definition.as_array(output)


@pytest.mark.plain
@pytest.mark.parametrize("exercise", exercises.EXERCISES.values(), ids=IDS)
def test_hints_are_whole_sentences(exercise):
    for hint in (*exercise.mistakes, *(prop.hint for prop in exercise.properties)):
        assert hint[0].isupper() or hint[0] in "'`" or hint.startswith(("deprocess(", "dx")), hint
        assert hint[-1] in ".?)" and len(hint) < 200, hint


@pytest.mark.plain
@pytest.mark.parametrize("exercise", exercises.EXERCISES.values(), ids=IDS)
def test_a_wrong_answer_earns_less_than_the_right_one(exercise):
    cases = exercise.inputs()
    right = exercises.Answer(outputs=right_outputs(exercise, cases), gradients={exercise.differentiable: None})
    wrong = exercises.Answer(outputs={name: spoilt(each) for name, each in right.outputs.items()}, gradients=right.gradients)
    marks = [exercises.judge(exercise, cases, answer).points for answer in (right, wrong)]
    assert marks[1] < marks[0] == exercise.points - bool(exercise.differentiable)


def spoilt(output):
    return np.asarray(f"{output}x") if output.dtype.kind == "U" else output + 1
