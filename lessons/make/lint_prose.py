"""Check a lesson's text: the parts of the template and their lengths, exercises, the quiz, links."""

import ast
import re
from collections.abc import Collection, Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from lessons.make.lint_outputs import code_cells
from lessons.make.sentences import LAYER, SHOWN_BY
from stylelab.base.course import find_lessons
from stylelab.exercises import quizzes
from stylelab.tools.course.assemble import ANSWER, GUESS, PROMPT

CODE_CELLS, CELL_LINES, LINE, WORDS, IDEA_WORDS = (15, 26), 15, 115, (1200, 1800), 150
TEMPLATE = {
    "a claim as its title": r"^# \d+ · \S",
    "a link to Colab": r"colab\.research\.google\.com/github/",
    "a link to Binder": r"mybinder\.org/v2/",
    "objectives": r"\*\*You will\*\*",
    "minutes": r"\*\*Time\*\* \d+ min",
    "what it needs": r"\*\*Needs\*\*",
    "what changes without a GPU": r"[Ww]ithout a GPU",
    "a prediction": r"\*\*Predict",
    "something to try": r"\*\*Try it",
    "a quiz": r"^## Quiz",
    "a recap": r"^## What to remember",
    "ways to go further": r"^## Going further",
    "references": r"^## References",
}
TELLS = re.compile(
    r"\b(?:than|equal\w*|stays?|no longer|not|never|none|more|less|fewer|most|least|still|without|vanish\w*|lost|gone)\b",
    re.IGNORECASE,
)
TIED = re.compile(r"\b(?:exercise|prediction|question|section|quiz)s?\b")  # an objective names one of these


def faults(notebook: NotebookNode, path: Path) -> list[str]:
    """Everything that is wrong with the text of the lesson whose notebook is at `path`, one line each."""
    checks = (_template(notebook), _objectives(notebook), _predictions(notebook), _size(notebook), _links(notebook, path))
    return [fault for check in (*checks, _exercises(notebook), _quiz(notebook, path)) for fault in check]


def _template(notebook: NotebookNode) -> Iterator[str]:
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    yield from (f"lacks {what}" for what, pattern in TEMPLATE.items() if not re.search(pattern, prose, re.MULTILINE))
    objectives = len(re.findall(r"^\d\. ", notebook.cells[0].source, re.MULTILINE))
    if not 3 <= objectives <= 5:
        yield f"has {objectives} objectives: write three to five"
    recap = prose.partition("## What to remember")[2].partition("\n## ")[0]
    if len(re.findall(r"^\d\. ", recap, re.MULTILINE)) != objectives:
        yield "its recap does not mirror its objectives, one for one"


def _objectives(notebook: NotebookNode) -> Iterator[str]:
    """Each objective names the exercise or question that tests it, and that one exists."""
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for objective in re.findall(r"^\d\. .*", notebook.cells[0].source, re.MULTILINE):
        if not TIED.search(objective):
            yield f"an objective names no exercise or question: '{objective[:60]}'"
        named = re.search(r"exercises? ([\d., and]+)", objective)
        for number in re.findall(r"\d+\.\d+", named[1] if named else ""):
            if f"### Exercise {number} " not in prose:
                yield f"an objective names exercise {number}, which does not exist"


def _predictions(notebook: NotebookNode) -> Iterator[str]:
    """Each prediction is asked and guessed before its cells, whose outputs are folded, and the next text begins with its answer."""
    asked: NotebookNode | None = None  # the cell that asks for a prediction
    guesses: list[ast.Call] = []  # what has followed it
    code: list[NotebookNode] = []
    names: set[str] = set()
    for cell in [*notebook.cells, nbformat.v4.new_markdown_cell()]:
        if cell.cell_type == "code" and _is_guess(cell):
            yield from _guess(cell, asked, [*guesses, *code], names)
            guesses += _calls(cell, ("predict",))
            continue
        if cell.cell_type == "code":
            code.append(cell)
            covered = not cell.outputs or cell.outputs[0].get("data") == {}  # else JupyterLab shows its first line
            if asked and not (covered and cell.metadata.get("jupyter", {}).get("outputs_hidden")):
                yield f"cell {cell.id} shows its output although cell {asked.id} asks for a prediction of it"
            continue
        answered, prompts = ANSWER.match(cell.source), PROMPT.findall(ANSWER.sub("", cell.source))
        if asked:
            yield from _answered(asked, guesses, code, answered[1] if answered else "")
        elif answered:
            yield f"cell {cell.id} answers a prediction that nobody asked for"
        if len(prompts) > 1:
            yield f"cell {cell.id} asks for {len(prompts)} predictions: one at a time"
        asked, guesses, code = cell if prompts else None, [], []


def _is_guess(cell: NotebookNode) -> bool:
    """Whether a student commits to a prediction in this code cell."""
    return cell.metadata.get("stylelab", {}).get("name", "").startswith(GUESS)


def _guess(cell: NotebookNode, asked: NotebookNode | None, before: list, names: set[str]) -> Iterator[str]:
    """What is wrong with a cell for a guess; `before` is the code between it and the text that asks."""
    if asked is None or before:
        yield f"cell {cell.id} does not follow immediately on a text that asks for a prediction"
    if cell.metadata.get("jupyter", {}).get("outputs_hidden"):
        yield f"cell {cell.id} hides the question for a guess"
    calls = _calls(cell, ("predict",))
    name = getattr(calls[0].args[0], "value", "") if len(calls) == 1 and calls[0].args else ""
    if cell.metadata.stylelab.name != f"{GUESS}{name}":
        yield f'cell {cell.id} should call page.predict once, with its own name: page.predict("{cell.metadata.stylelab.name[len(GUESS) :]}", ...)'
    if name in names:
        yield f"two predictions have the name '{name}'"
    names.add(name)


def _answered(asked: NotebookNode, guesses: list[ast.Call], code: list[NotebookNode], answer: str) -> Iterator[str]:
    """What is missing between a text that asks for a prediction and the next text, and what gives the answer away."""
    if not guesses:
        yield f"cell {asked.id} asks for a prediction, but no cell asks for the guess: page.predict(...)"
    if not code:
        yield f"cell {asked.id} asks for a prediction that no code follows"
    if not answer:
        yield f"cell {asked.id} asks for a prediction, but the next text does not begin with its answer"
    listed = [each for call in guesses for given in call.args[2:] for each in ast.walk(given) if isinstance(each, ast.Constant)]
    choices = [str(each.value) for each in listed if not LAYER.fullmatch(str(each.value))]
    news = _numbers(answer) - _numbers(asked.source)
    for cell in code:
        for alt in _alts(cell):
            named = [each for each in choices if re.search(rf"\b{re.escape(each)}\b", alt)]
            if TELLS.search(alt) or _numbers(alt) & news or 0 < len(named) < len(choices):
                yield f"cell {cell.id}: an alt text gives away the answer to a prediction: '{alt}'"


def _numbers(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.]*_)", text))


def _calls(cell: NotebookNode, names: Collection[str]) -> list[ast.Call]:
    """The calls of methods and functions of modules with these names."""
    calls = (node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call))
    return [call for call in calls if getattr(call.func, "attr", "") in names]


def _alts(cell: NotebookNode) -> Iterator[str]:
    """The words in a cell's code that say what an image shows."""
    told = [each for call in _calls(cell, SHOWN_BY) for each in call.args[1:]]
    for node in ast.walk(ast.parse(cell.source)):
        names = (
            [getattr(target, "id", "") for target in node.targets] if isinstance(node, ast.Assign) else [getattr(node, "arg", "")]
        )
        if "alt" in names and isinstance(node, ast.Assign | ast.keyword):
            told.append(node.value)
    for each in told:
        yield "".join(text.value for text in ast.walk(each) if isinstance(text, ast.Constant) and isinstance(text.value, str))


def _size(notebook: NotebookNode) -> Iterator[str]:
    code = [cell for cell in code_cells(notebook) if not _is_guess(cell)]
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    if not CODE_CELLS[0] <= len(code) <= CODE_CELLS[1]:
        yield f"has {len(code)} code cells: it should have {CODE_CELLS[0]} to {CODE_CELLS[1]}"
    for cell in code_cells(notebook):
        if len(cell.source.splitlines()) > CELL_LINES:
            yield f"cell {cell.id} has {len(cell.source.splitlines())} lines: at most {CELL_LINES}"
        if (longest := max(map(len, cell.source.splitlines()))) > LINE:
            yield f"cell {cell.id} has a line of {longest} characters, which a page would cut off: at most {LINE}"
    body = "\n".join(texts).partition("## References")[0]
    if not WORDS[0] <= _words(body) <= WORDS[1]:
        yield f"has {_words(body)} words: it should have {WORDS[0]} to {WORDS[1]}"
    for part in re.split(r"^#{2,3} ", body.partition("## What to remember")[0], flags=re.MULTILINE)[1:]:
        if _words(part) > IDEA_WORDS:
            yield f"section '{part.splitlines()[0]}' has {_words(part)} words: at most {IDEA_WORDS}"


def _words(text: str) -> int:
    """Words of prose: a formula counts as one word, an address and the line that folds an answer as none."""
    text = re.sub(r"<summary>.*?</summary>|</?details>", "", text)
    text = re.sub(r"\$\$.*?\$\$|\$.*?\$", " x ", text, flags=re.DOTALL)
    return len(re.findall(r"[^\W_]+(?:['’.-][^\W_]+)*", re.sub(r"\]\([^)]*\)", "]", text)))


def _links(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """Relative links lead to other lessons: a student's copy contains nothing else."""
    lessons = {lesson.name for lesson in find_lessons()}
    for cell in notebook.cells:
        for link in re.findall(r"\]\(([^)\s]+)\)", cell.source) if cell.cell_type == "markdown" else ():
            if not re.match(r"https://|#|attachment:", link) and link.partition("#")[0] not in lessons:
                there = (path.parent / link).exists()
                yield f"links to {link}, which {'is not in a copy of the lessons' if there else 'does not exist'}"


def _exercises(notebook: NotebookNode) -> Iterator[str]:
    """Every exercise is followed immediately by its check."""
    names = [(cell.metadata.stylelab.get("exercise"), cell.metadata.stylelab.get("check")) for cell in code_cells(notebook)]
    for (exercise, _), (_, check) in zip(names, [*names[1:], (None, None)], strict=True):
        if exercise and check != exercise:
            yield f"exercise {exercise} is not followed by its check"
    headings = sum(len(re.findall(r"^### Exercise ", cell.source, re.MULTILINE)) for cell in notebook.cells)
    if headings != sum(exercise is not None for exercise, _ in names):
        yield f"has {headings} headings 'Exercise' but another number of exercises"
    if not headings:
        yield "has no exercise"


def _quiz(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """The lesson shows its own quiz, which exists and has as many questions as the text says."""
    number = path.name.partition("_")[0]
    if not any(f'page.quiz("{number}")' in cell.source for cell in code_cells(notebook)):
        yield f'does not show its quiz: page.quiz("{number}")'
    if number not in quizzes.QUIZZES:
        yield f"has no quiz: write stylelab/exercises/quizzes/lesson_{number}.py"
        return
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    count = re.search(r"^(\w+) questions", prose.partition("## Quiz")[2], re.MULTILINE)
    words = {4: "Four", 5: "Five", 6: "Six"}
    if count and count[1] != words.get(len(quizzes.find_quiz(number))):
        yield f"says '{count[0]}', but the quiz has {len(quizzes.find_quiz(number))}"
