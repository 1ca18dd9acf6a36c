"""A guess before the answer: asked for, kept, shown again, and read from the notebook by nobody else."""

import json

import pytest

from stylelab import page
from stylelab.exercises.checking import record

pytestmark = pytest.mark.plain
QUESTION = "What changes when `x` is moved?"
CHOICES = ["nothing", "the diagonal"]


@pytest.fixture
def shown(monkeypatch):
    """What predict displays: .widget, .html and .metadata, the last two as they are now."""

    class Shown:
        def __call__(self, widget, html, text, metadata):
            self.widget, self.text = widget, text
            self.update(html, metadata)
            return self.update

        def update(self, html, metadata):
            self.html, self.metadata = html, metadata[record.KEY]

        def parts(self):
            """The question, the field and the two buttons, and what is said; the middle is gone after a guess."""
            first, *middle, last = self.widget.children
            return first, *middle, last

    shown = Shown()
    monkeypatch.setattr(page, "display_widget", shown)
    return shown


def press(shown, value, button=0):
    """Fill in a value and press 'This is my guess', or 'Skip'."""
    _, field, row, _ = shown.parts()
    if value is not None:
        field.value = value
    row.children[button].click()
    return shown.widget.children[-1].value


def test_a_choice_is_kept_in_the_output_and_in_the_record(shown, noted):
    page.predict("moved", QUESTION, CHOICES)
    assert shown.metadata == {"prediction": "moved"} and "<li>nothing</li>" in shown.html and shown.text == QUESTION
    assert "<code>x</code>" in shown.html
    assert press(shown, "the diagonal") == "Your guess: <b>the diagonal</b> Now run the next cell."
    assert shown.metadata == {"prediction": "moved", "guess": "the diagonal", "skipped": False}
    assert "Your guess: <b>the diagonal</b>" in shown.html and len(shown.widget.children) == 2
    assert [*json.loads(noted.read_text()).values()] == [{"guess": "the diagonal", "skipped": False}]


def test_run_again_the_cell_shows_the_guess_and_another_lessons_of_the_same_name_does_not(shown):
    page.predict("moved", QUESTION, CHOICES)
    press(shown, "nothing")
    page.predict("moved", QUESTION, CHOICES)
    assert shown.metadata["guess"] == "nothing" and len(shown.widget.children) == 2
    page.predict("moved", "Another question?", CHOICES)
    assert "guess" not in shown.metadata and len(shown.widget.children) == 4


@pytest.mark.parametrize(
    ("unit", "refused", "taken", "said"),
    [("dB", "ten", " 10 ", "Write a number, or skip it."), ("", "", "-1/4", "Write a number, or skip it."),
     (None, "  ?", "red & <b>blue</b>", "Write something, or skip it.")],
)  # fmt: skip
def test_a_number_and_words_are_taken_and_nothing_is_not(shown, noted, unit, refused, taken, said):
    page.predict("size", "How large?", unit=unit)
    assert press(shown, refused) == said and "guess" not in shown.metadata and not noted.exists()
    assert "<b>blue" not in press(shown, taken)
    assert shown.metadata["guess"] == taken and "<b>blue" not in shown.html


def test_without_a_choice_it_asks_for_one_and_it_can_be_skipped(shown):
    page.predict("moved", QUESTION, CHOICES)
    assert press(shown, None) == "Choose one, or skip it."
    assert press(shown, None, button=1) == "Skipped. Run the next cell."
    assert shown.metadata == {"prediction": "moved", "guess": None, "skipped": True}
    page.predict("moved", QUESTION, CHOICES)
    assert "Skipped." in shown.html


def test_a_long_guess_is_cut(shown):
    page.predict("why", "Why?")
    press(shown, "x" * 1000)
    assert len(shown.metadata["guess"]) == 300


def test_a_guess_is_kept_in_english_and_shown_in_the_readers_language(shown, monkeypatch):
    monkeypatch.setenv("STYLELAB_LANGUAGE", "zh")
    page.predict("moved", "Which entries of G change when filter 2 is moved alone?", ["none of them", "all four"])
    assert "哪些" in shown.html and "none of them" not in shown.html
    assert "你的猜测：" in press(shown, "all four") and "all four" not in shown.html
    assert shown.metadata["guess"] == "all four"


def test_a_spoilt_record_is_read_as_no_guess(shown, noted):
    for text in ("", "[1]", json.dumps({f"prediction moved: {QUESTION}": "x"})):
        noted.write_text(text)
        page.predict("moved", QUESTION, CHOICES)
        assert len(shown.widget.children) == 4
