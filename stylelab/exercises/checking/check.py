"""Tell a student in one sentence how good an answer is, and choose the function that the lesson continues with."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext, redirect_stderr
from dataclasses import dataclass
from types import FrameType

from stylelab.base.course import NEVER, chosen_course
from stylelab.base.files import printable
from stylelab.exercises.checking import record
from stylelab.exercises.checking.call import Lab, ask, give, unnamed
from stylelab.exercises.checking.definition import Exercise
from stylelab.exercises.checking.no_work import is_try
from stylelab.exercises.checking.reach import OUT_OF_REACH, PACKAGE, innermost, own_function, refusal
from stylelab.exercises.checking.verdict import judge, judge_draws
from stylelab.languages import html_direction, joined, say

SEEDS = (0, 1)  # public; a grader draws from a secret
LONGEST = 2000  # letters in a sentence
FALLBACK = "Until it is right, the lesson continues with stylelab's own."
COURSES_FALLBACK = "Until it is right, the lesson continues with the course's own."  # in a course of an instructor's own
USED = "in shape, value and every property. The lesson continues with yours."
SECONDS, DRAWS = 10, 3  # a grader's limit, unless it is set otherwise; it asks three times
SLOW = "But it is slow: grading will take about {:.0f} of the {} seconds that an answer has. Look for a loop that can be one operation."
STUCK = 'Stuck? Run `sl.hint("{}")` in a cell of its own.'
UNUSABLE = "but {} The lesson continues with stylelab's own."
COURSES_UNUSABLE = "but {} The lesson continues with the course's own."
REPLACED = (
    "That is stylelab's own function, which took the place of yours after an earlier check: run the cell that defines `{}` again, "
    "then this one."
)
COURSES_REPLACED = (
    "That is the course's own function, which took the place of yours after an earlier check: run the cell that defines `{}` again, "
    "then this one."
)
NUMPY_ANSWERS = "stylelab.exercises.own"  # the module of a course's references, as functions


@dataclass(frozen=True)
class Stage:
    """How far an answer is, and how a notebook marks it: white on the colour has a contrast of 4.5:1, the colour on JupyterLab's
    light and dark pages one of 3:1."""

    name: str
    icon: str
    colour: str


RIGHT = Stage("right", "✓", "#1a7f37")
PARTLY = Stage("partly right", "◐", "#8a6100")
WRONG = Stage("wrong", "✗", "#b45309")
COULD_NOT_RUN = Stage("could not run", "!", "#cf222e")
OPEN = Stage("not attempted", "…", "#616e7c")

_last: dict[str, tuple[Callable, str, str]] = {}  # exercise -> the answer that was checked last, its outcome, and what was said

# inline styles only: JupyterLab removes everything else from a notebook that has been copied and not yet run
FEEDBACK = (
    '<div{{ direction }} style="border-left: 5px solid {{ stage.colour }}; padding: 2px 0 2px 12px; margin: 4px 0; max-width: 56em; '
    'overflow-wrap: break-word">'
    '<span style="background-color: {{ stage.colour }}; color: #ffffff; font-weight: bold; padding: 1px 8px; border-radius: 9px; '
    'white-space: nowrap"><span aria-hidden="true">{{ stage.icon }}</span> {{ name }}</span> '
    "<code>{{ exercise }}</code>: {{ with_code(sentence) }}</div>"
)


def check_answer(exercise: Exercise, function: Callable, lab: Lab, library: Mapping[str, Callable]) -> Callable:
    """Judge a function on two public draws, say in one sentence how good it is, and return what the lesson continues with.

    Args:
        library: exercise id -> the library's own function.

    Returns:
        `function` if it is right, otherwise the library's own.

    Raises:
        AssertionError: the answer is wrong, missing or the library's, and nbgrader is running the notebook. The library's own
            function is then already in place, under the exercise's name.
    """
    own, stage = library[exercise.id], WRONG
    try:
        with redirect_stderr(sys.stdout) if under_nbgrader() else nullcontext():  # it takes all points for a warning
            stage, sentence, note = _judged(exercise, function, lab, library)
    finally:  # nbgrader interrupts an answer without an end
        if under_nbgrader() and stage is not RIGHT:
            _put_in_place(exercise.id, function, own)
    _last[exercise.id] = (function, stage.name, _without_fallback(sentence))
    record.note_check(exercise.id)
    wrong = stage not in (RIGHT, OPEN) and not under_nbgrader() and not record.is_off()
    known = record.entry(exercise.id)
    if wrong and not own_function(function, frozenset(library)) and not refusal(function) and is_try(exercise, function, lab):
        known = record.note_wrong(exercise.id, function)
    after = chosen_course().help.hints_after
    if wrong and exercise.hints and after != NEVER and len(known["wrong"]) >= int(after):
        note = STUCK.format(exercise.id)
    tell(exercise.id, stage, f"{sentence} {note}".rstrip(), record.summary(known, stage.name))
    return function if sentence is USED else own


def under_nbgrader() -> bool:
    """Whether nbgrader is running the notebook, to mark or to validate it."""
    return bool(os.environ.get("NBGRADER_EXECUTION"))


def _put_in_place(name: str, function: Callable, own: Callable) -> None:
    """Bind the library's function in the notebook where `name` is bound to what was checked: an error stops the assignment."""
    frame: FrameType | None = sys._getframe()
    while frame and (frame.f_globals.get("__name__") or "").partition(".")[0] == PACKAGE:
        frame = frame.f_back
    if frame and frame.f_globals.get(name, frame) is function:
        frame.f_globals[name] = own


def _judged(exercise: Exercise, function: Callable, lab: Lab, library: Mapping[str, Callable]) -> tuple[Stage, str, str]:
    """The stage, the sentence, and a note to add if it is nearly too slow for a grader."""
    draws, verdicts = [], []
    for seed in SEEDS:  # up to the first draw that is not right, like the sentence of a grader's verdict
        cases = exercise.inputs(seed)
        began = time.process_time()
        draws.append((cases, ask(exercise, function, lab, cases)))
        spent = DRAWS * (time.process_time() - began)
        verdicts.append(judge(exercise, *draws[-1]))
        if not verdicts[-1].right:
            break
    verdict = judge_draws(exercise, draws, verdicts)
    borrowed, refused = own_function(function, frozenset(library)), refusal(function)
    stage = COULD_NOT_RUN if verdict.stage == "error" else PARTLY if verdict.points else WRONG
    own = library[exercise.id]
    home = getattr(innermost(own), "__module__", None) or ""
    ours = home.partition(".")[0] == PACKAGE and home != NUMPY_ANSWERS
    fallback, unusable = (FALLBACK, UNUSABLE) if ours else (COURSES_FALLBACK, COURSES_UNUSABLE)
    sentence = f"{verdict.sentence} {fallback}"
    if function is own:
        stage, sentence = WRONG, (REPLACED if ours else COURSES_REPLACED).format(exercise.id)
    elif borrowed:
        stage, sentence = WRONG, f"{borrowed}: {OUT_OF_REACH}. {fallback}"
    elif refused:
        stage, sentence = WRONG, f"{refused} {fallback}"
    elif verdict.stage == "open":
        stage, sentence = OPEN, fallback
    elif verdict.right:
        given = give(exercise, lab, next(iter(draws[0][0].values())))
        obstacle = unnamed(exercise, function) or lab.obstacle(exercise, function, given)
        stage, sentence = RIGHT, unusable.format(obstacle) if obstacle else USED
    return stage, sentence, SLOW.format(spent, SECONDS) if stage is RIGHT and spent > SECONDS / 2 else ""


def _without_fallback(sentence: str) -> str:
    return sentence.removesuffix(FALLBACK).removesuffix(COURSES_FALLBACK).rstrip()


def last_answer(exercise: str, function: Callable | None) -> tuple[Callable | None, str, str]:
    """The answer that was checked last, its outcome and what was said about it; a function that is given takes its place."""
    checked, outcome, sentence = _last.get(exercise, (None, "", ""))
    return (checked, outcome, sentence) if function is None or function is checked else (function, "", "")


def tell(exercise: str, stage: Stage, sentence: str, summary: Mapping[str, object] | None = None) -> None:
    """Display one sentence about an answer in a notebook, and print it elsewhere.

    Args:
        summary: what is submitted with it.

    Raises:
        AssertionError: the answer is not right, and nbgrader is running the notebook.
    """
    sentence = printable(sentence, LONGEST)  # an error's text may be in it
    grading = under_nbgrader()
    if grading and stage is not RIGHT:
        raise AssertionError(_without_fallback(f"{exercise}: {stage.name}. {sentence}"))
    name, sentence = say(stage.name), say(sentence)
    text = joined(f"{exercise}: {name}{',' if stage is RIGHT else '.'}", sentence)
    if grading or not in_notebook():
        return show(text)
    from jinja2 import Template
    from markupsafe import Markup

    from stylelab.base.html import with_code

    html = Template(FEEDBACK, autoescape=True).render(
        exercise=exercise,
        stage=stage,
        name=name.capitalize(),
        sentence=sentence,
        with_code=with_code,
        direction=Markup(html_direction()),
    )
    show(text, html, {"exercise": exercise, **(summary or {})})


def in_notebook() -> bool:
    """Whether what is displayed ends up in a notebook, and not in a terminal or a pipe."""
    return hasattr(getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)(), "kernel")


def show(text: str, html: str = "", ours: Mapping[str, object] | None = None) -> None:
    """Display a text in a notebook, and print it elsewhere, and where nbgrader runs the notebook.

    Args:
        html: the same for a notebook.
        ours: what the output carries along in its metadata.
    """
    if under_nbgrader() or not in_notebook():
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        print(text.encode(encoding, "backslashreplace").decode(encoding))
        return
    from IPython.display import display

    display(
        {"text/plain": text} | ({"text/html": html} if html else {}), metadata={record.KEY: dict(ours)} if ours else {}, raw=True
    )
