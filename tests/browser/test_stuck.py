"""A student who guesses and who is stuck, in a real browser: JupyterLab on loopback, headless Chromium, a notebook of our own."""

import json
import os
import re

import browsing
import nbformat
import pytest

from stylelab.languages import RECORD

pytestmark = [pytest.mark.plain, pytest.mark.slow, pytest.mark.skipif(browsing.CHROMIUM is None, reason="there is no Chromium")]
CELLS = {
    "start": "import stylelab.torch as sl\nfrom stylelab import page, progress",
    "guess_choice": 'page.predict("choice", "What changes?", ["nothing", "the diagonal"])',
    "guess_number": 'page.predict("number", "How large is it?", unit="dB")',
    "guess_words": 'page.predict("words", "What will you see?")',
    "guess_skipped": 'page.predict("skipped", "Which one?", ["this", "that"])',
    "answer": "def total_cost(content, style, alpha, beta):\n    return content + style",
    "check": 'total_cost = sl.check("total_cost", total_cost)',
    "hint": 'sl.hint("total_cost")',
    "solution": 'sl.solution("total_cost")',
    "progress": "progress()",
}
INDEX = {name: index for index, name in enumerate(CELLS)}
SHUT_DOWN = "async () => { await panel.context.save(); await panel.sessionContext.shutdown(); }"
DONE = """index => {
    const model = lesson.widgets[index].model;
    return Number.isInteger(model.executionCount) && model.executionState !== 'running';
}"""


@pytest.fixture(scope="module", params=["en", "zh"])
def language(request):
    return request.param


@pytest.fixture(scope="module")
def folder(language, tmp_path_factory):
    return tmp_path_factory.mktemp("home") / "lessons"


@pytest.fixture(scope="module")
def page(folder, language, tmp_path_factory):
    """JupyterLab in a folder with one notebook, in a language."""
    folder.mkdir()
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    for name, source in CELLS.items():
        marks = {"name": name} | ({"check": "total_cost"} if name == "check" else {})
        notebook.cells.append(nbformat.v4.new_code_cell(source, metadata={"stylelab": marks}))
    nbformat.write(notebook, folder / "00_own_torch.ipynb")
    (folder / RECORD).write_text(json.dumps({"language": language}))
    home = tmp_path_factory.mktemp("user")
    with browsing.jupyterlab(folder, home, env=browsing.environment(home)) as (address, _):
        with browsing.browsing(tmp_path_factory.mktemp("profile")) as browser:
            page = browsing.listen(browser.new_page())
            page.goto(f"{address}/lab")
            page.wait_for_function("() => window.jupyterapp")
            page.evaluate(browsing.OPEN, "00_own_torch.ipynb")
            yield page


def cell(page, name):
    """The element of a cell, scrolled into view."""
    page.evaluate(browsing.SHOW, INDEX[name])
    return page.evaluate_handle("index => lesson.widgets[index].node", INDEX[name]).as_element()


def run(page, name) -> str:
    """Run a cell, and what a reader sees below it then."""
    page.evaluate("index => { lesson.widgets[index].model.sharedModel.execution_count = null; }", INDEX[name])
    cell(page, name).wait_for_selector(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    page.wait_for_function(DONE, arg=INDEX[name])
    return seen(page, name)


def seen(page, name) -> str:
    return cell(page, name).query_selector(".jp-OutputArea").inner_text()


def stored(page, folder) -> dict:
    """What our functions left in the saved notebook: cell -> their part of the last output's metadata that has one."""
    page.evaluate("async () => await panel.context.save()")
    cells = nbformat.read(folder / "00_own_torch.ipynb", as_version=4).cells
    said = {
        each.metadata.get("stylelab", {}).get("name"): [output.get("metadata", {}).get("stylelab") for output in each.outputs]
        for each in cells
    }
    return {name: found[-1] for name, ours in said.items() if (found := [*filter(None, ours)])}


WORDS = {
    "en": {"guess": "Your guess:", "skip": "Skip", "commit": "This is my guess", "number": "Write a number, or skip it."},
    "zh": {"guess": "你的猜测：", "skip": "跳过", "commit": "这是我的猜测", "number": "请写一个数，或者跳过。"},
}


def test_guesses_are_made_in_the_notebook_and_still_there_after_a_reload(page, folder, language):
    words = WORDS[language]
    run(page, "start")
    run(page, "guess_choice")
    choice = cell(page, "guess_choice")
    choice.wait_for_selector("input[type=radio]")
    choice.query_selector_all("input[type=radio]")[1].click()
    press(page, "guess_choice", words["commit"])
    wait(page, "guess_choice", words["guess"])
    run(page, "guess_number")
    for text, said in (("many", words["number"]), ("12", words["guess"])):
        cell(page, "guess_number").wait_for_selector("input[type=text]").fill(text)
        press(page, "guess_number", words["commit"])
        wait(page, "guess_number", said)
    run(page, "guess_words")
    cell(page, "guess_words").wait_for_selector("input[type=text]").fill("strokes & <i>dots</i>")
    press(page, "guess_words", words["commit"])
    wait(page, "guess_words", "strokes & <i>dots</i>")
    run(page, "guess_skipped")
    press(page, "guess_skipped", words["skip"])
    page.wait_for_function("cell => !cell.querySelector('button')", arg=cell(page, "guess_skipped"))
    said = stored(page, folder)
    assert said["guess_choice"] == {"prediction": "choice", "guess": "the diagonal", "skipped": False}
    assert (said["guess_number"]["guess"], said["guess_words"]["guess"]) == ("12", "strokes & <i>dots</i>")
    assert said["guess_skipped"] == {"prediction": "skipped", "guess": None, "skipped": True}

    page.evaluate(SHUT_DOWN)
    page.reload()
    page.wait_for_function("() => window.jupyterapp")
    page.evaluate(browsing.OPEN, "00_own_torch.ipynb")
    for name, text in (("guess_choice", "the diagonal"), ("guess_number", "12"), ("guess_words", "strokes & <i>dots</i>")):
        wait(page, name, words["guess"])
        wait(page, name, text)
    run(page, "start")
    assert words["guess"] in run(page, "guess_number") and cell(page, "guess_number").query_selector("input[type=text]") is None


def press(page, name, label):
    cell(page, name).wait_for_selector(f"button:has-text('{label}')").click()


def wait(page, name, text):
    page.wait_for_function("([cell, text]) => cell.innerText.includes(text)", arg=[cell(page, name), text])


def test_a_stuck_student_reads_three_hints_and_then_the_solution(page, folder, language):
    run(page, "start")
    read = [run(page, name) for name in ("answer", "check", "hint", "hint", "hint", "solution")]
    assert 'sl.hint("total_cost")' in read[1]
    assert [
        len(re.findall(r"^\d\.", text, re.MULTILINE)) or text.count("\n") for text in read[2:5]
    ] and "alpha * content" in read[4]
    assert "alpha * content" not in read[3] and "return" not in read[5]  # it was one try alone
    for number in (2, 3):
        page.evaluate(
            "([index, text]) => lesson.widgets[index].model.sharedModel.setSource(text)",
            [INDEX["answer"], f"def total_cost(content, style, alpha, beta):\n    return content / {number} + style"],
        )
        run(page, "answer"), run(page, "check")
    text = run(page, "solution")
    assert "content / 3 + style" in text and "return alpha * content + beta * style" in text
    said = stored(page, folder)
    assert said["hint"]["hints"] == 3 and said["solution"]["solution"] is True and said["check"]["wrong"] == 3
    text = run(page, "progress")
    assert "total_cost" in text
    if language == "zh":
        for english in ("hint", "answer", "wrong", "Your", "guess"):
            for text in (read[1], *read[2:5], run(page, "solution"), run(page, "progress")):
                assert english not in re.sub(r'sl\.\w+\("\w+"\)|guess_\w+', "", text), text


def test_a_notebook_run_again_from_the_start_uses_no_more_hints(page, folder, language):
    page.evaluate("async () => await panel.sessionContext.restartKernel()")
    assert page.evaluate(browsing.RUN_ABOVE, INDEX["solution"]) == []
    assert stored(page, folder)["hint"]["hints"] == 3


def test_nothing_was_complained_of(page):
    assert [line for line in page.complaints if "stylelab" in line or "TypeError" in line] == []
    assert page.elsewhere == [] or os.environ.get("CI")
