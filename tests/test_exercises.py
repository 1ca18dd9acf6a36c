"""The checks are checked: right answers of several kinds pass, and each known mistake is called by its name."""

import importlib.util
import re
import time
from pathlib import Path

import numpy as np
import pytest

from stylelab import exercises
from stylelab.errors import InputError

IDS = tuple(exercises.EXERCISES)


@pytest.fixture(scope="session")
def answers(framework, sl):
    """The module answers_torch.py or answers_tensorflow.py, with what answers_plain.py has for both."""
    plain, module = read("answers_plain"), read(f"answers_{framework}")
    for exercise in plain.RIGHT:
        module.RIGHT[exercise] = plain.RIGHT[exercise] | module.RIGHT.get(exercise, {})
        module.WRONG[exercise] = plain.WRONG[exercise] + module.WRONG.get(exercise, [])
    return module


def read(name: str):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
        assert said() == "gram_matrix: not attempted yet. Until it is right, the lesson goes on with stylelab's own."


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
    assert "give `gram_matrix` itself, without calling it" in said()


def test_the_library_passes_its_own_exercises(sl, said):
    from_library = {exercise: sl.check(exercise, None) for exercise in IDS}
    assert [sl.check(exercise, function) is function for exercise, function in from_library.items()] == [True] * len(IDS)


def test_nbgrader_sees_a_wrong_answer_as_an_error(sl, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    with pytest.raises(AssertionError, match="not attempted yet"):
        sl.check("gram_matrix", None)
    assert sl.check("gram_matrix", sl.gram_matrix) is sl.gram_matrix


def test_an_answer_comes_within_a_second(sl, answers):
    slowest = 0.0
    for exercise, kinds in answers.RIGHT.items():
        for answer in kinds.values():
            sl.check(exercise, answer)  # TensorFlow builds its kernels at the first call
            began = time.process_time()
            sl.check(exercise, answer)
            slowest = max(slowest, time.process_time() - began)
    assert slowest < 1


@pytest.mark.plain
@pytest.mark.parametrize("exercise", exercises.EXERCISES.values(), ids=IDS)
def test_other_seeds_give_other_inputs_and_the_reference_keeps_every_property(exercise):
    for seed in range(5):
        cases = exercise.inputs(seed)
        outputs = {name: exercise.expected(case) for name, case in cases.items()}
        assert [each.name for each in exercise.properties if not each.holds(cases, outputs)] == []
    first, second = (exercise.expected(next(iter(exercise.inputs(seed).values()))) for seed in (0, 1))
    assert not np.allclose(first, second)


@pytest.mark.plain
@pytest.mark.parametrize("exercise", exercises.EXERCISES.values(), ids=IDS)
def test_no_mistake_is_mistaken_for_the_right_answer(exercise):
    for seed in range(5):
        case = next(iter(exercise.inputs(seed).values()))
        assert exercise.recognise(case, exercise.expected(case)) is None


@pytest.mark.plain
@pytest.mark.parametrize("exercise", exercises.EXERCISES.values(), ids=IDS)
def test_a_wrong_answer_earns_less_than_the_right_one(exercise):
    cases = exercise.inputs()
    right = exercises.Answer(outputs={name: exercise.expected(case) for name, case in cases.items()})
    right.gradients = {exercise.differentiable: None}
    wrong = exercises.Answer(outputs={name: output + 1 for name, output in right.outputs.items()}, gradients=right.gradients)
    marks = [exercises.judge(exercise, cases, answer).points for answer in (right, wrong)]
    assert marks[1] < marks[0] == exercise.points - bool(exercise.differentiable)
