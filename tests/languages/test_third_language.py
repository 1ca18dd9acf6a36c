"""A third language is a folder, without code. This one is written from right to left, and hardly anything of it is translated."""

import json

import pytest

from lessons.make.translations import texts
from stylelab import languages
from stylelab.cli import run
from stylelab.cli.start import start
from stylelab.exercises.checking.check import FALLBACK, OPEN, RIGHT, USED, tell
from stylelab.exercises.quizzes import QUIZZES, form
from stylelab.languages import sentences
from stylelab.tools.course.assemble import sources
from stylelab.tools.course.build import build
from stylelab.tools.studio import form as studio
from stylelab.tools.studio import serve

pytestmark = pytest.mark.plain
SOURCE = sources(["03"])[0]
TITLE = "# 3 · الأسلوب هو ما يبقى\n\n{{badges}}"
MARK = "*(لم يُترجَم بعد.)*"
SPOKEN = {"right": "صحيح", "Paint": "ارسم", "up to date": "محدّث", "stylelab studio": "استوديو stylelab"}


@pytest.fixture(autouse=True)
def arabic(tmp_path, monkeypatch):
    """The folder of the language, and a student's who speaks it."""
    here = tmp_path / "languages"
    for part in ("lessons", "sentences"):
        (here / "ar" / part).mkdir(parents=True)
    about = {"name": "العربية", "direction": "rtl", "open_in": "افتح", "untranslated": MARK}
    (here / "ar" / "language.json").write_text(json.dumps(about), encoding="utf-8")
    (here / "ar" / "sentences" / "studio.json").write_text(json.dumps(SPOKEN), encoding="utf-8")
    monkeypatch.setattr("stylelab.languages.units.HERE", here)
    title = languages.Unit(languages.mark_of(texts(SOURCE)["title"]), TITLE)
    languages.write_units(here / "ar" / "lessons" / f"{SOURCE.stem}.md", {"title": title})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STYLELAB_LANGUAGE", "ar")
    sentences.phrases.cache_clear()
    yield
    sentences.phrases.cache_clear()


def markdown(path) -> list[str]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]


def test_a_lesson_is_built_with_a_mark_where_it_is_still_english(tmp_path):
    source = tmp_path / "lessons" / "source" / SOURCE.name
    source.parent.mkdir(parents=True)
    source.write_bytes(SOURCE.read_bytes())
    path = build(source, "torch", "ar", run=False)
    assert path == tmp_path / "lessons" / "ar" / f"{SOURCE.stem}_torch.ipynb"
    title, second, *_ = markdown(path)
    assert title.startswith('<div dir="rtl">\n\n# 3 · الأسلوب') and "▶ افتح Colab" in title and title.endswith("</div>")
    assert second.startswith(f'<div dir="rtl">\n\n{MARK}\n\n</div>\n\n## 3.1 Which')  # English itself is not turned round


def test_a_student_gets_it_and_is_told_so_as_far_as_that_is_translated(tmp_path, monkeypatch):
    monkeypatch.delenv("STYLELAB_LANGUAGE")
    start(tmp_path / "mine", "torch", "ar")
    assert MARK in markdown(tmp_path / "mine" / "00_start_here_torch.ipynb")[0]
    told = start(tmp_path / "mine", "torch").splitlines()
    assert told[1:] == ["  10 محدّث", f"open them with: jupyter lab {tmp_path / 'mine'}"]
    assert languages.current_language(tmp_path / "mine") == "ar"


def test_checks_say_what_is_translated_and_english_otherwise(capsys):
    tell("gram_matrix", RIGHT, USED)
    tell("gram_matrix", OPEN, FALLBACK)
    assert capsys.readouterr().out.splitlines() == [f"gram_matrix: صحيح, {USED}", f"gram_matrix: not attempted. {FALLBACK}"]
    assert languages.html_direction() == ' dir="auto"'
    assert "direction: rtl" in form(QUIZZES["03"]).children[-1].value


def test_the_studio_begins_at_the_right(monkeypatch):
    offered = studio.choices()
    assert (offered["language"], offered["direction"], offered["phrases"]) == ("ar", "rtl", SPOKEN)
    page = serve.texts()
    assert (page["direction"], page["title"]) == ("rtl", "استوديو stylelab")
    assert page["about"] == "Paint one image in the style of another."


def test_help_that_is_not_translated_is_the_english_one(monkeypatch, capsys):
    shown = []
    for language in ("ar", "en"):
        monkeypatch.setenv("STYLELAB_LANGUAGE", language)
        assert run(["transfer", "--help"]) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]
