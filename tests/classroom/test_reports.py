"""The reports: every file is read back, and hostile text stays harmless."""

import ast
import csv
import json
import re
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import jsonschema
import pytest

from stylelab.errors import InputError
from stylelab.tools.classroom.marking.model import NOT_GRADED, STAGES, ExerciseMark, Line, Mark
from stylelab.tools.classroom.marking.record import Record, read_record
from stylelab.tools.classroom.reports import pages, write
from stylelab.tools.classroom.reports.gradebook import make_gradebook
from stylelab.tools.classroom.reports.late import Late
from stylelab.tools.classroom.reports.lessons import parse_lessons
from stylelab.tools.classroom.reports.manual import Entry
from stylelab.tools.classroom.reports.text import cell, file_names, number, plain

SEED = "0123456789abcdef" * 2
RECORD = Record(SEED, "0.1.0", "e" * 64, {"gram_matrix": 6, "style_loss": 4, "psnr": 5}, {"sandbox": "bwrap"})
DUE = datetime(2026, 11, 20, 23, 59, tzinfo=UTC)
LATE = Late(DUE, per_day=10, cap=50)
STYLE, CONTENT = "03_style_reconstruction", "02_content"
FORM = "def v1(v2):\n    return v2 @ v2.mT"
HOSTILE = [
    "<script>alert(1)</script>", "</title><img src=x onerror=alert(1)>", "\"><svg onload='alert(1)'>", "a\nb\rc\td", "a\0b",
    "half \ud800 a character", "\u202egnp.exe", "x" * 10_000, "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1", "a;=1", "'",
    '"quoted", "twice"', "..", "../../etc/passwd", "C:\\x", "con", "NUL.txt", "LPT1", "محمد علي", "李小龙", "e\u0301", "é", "🙂", "",
    "results.json", "a/b", "a\\b", "-rf", "{title}", "%s", "&amp;", "]]>", "--><!--", "Points Possible",
]  # fmt: skip
pytestmark = pytest.mark.plain

GRADESCOPE = {
    "type": "object",
    "required": ["score", "tests", "execution_time", "output", "visibility", "stdout_visibility"],
    "additionalProperties": False,
    "properties": {
        "score": {"type": "number", "minimum": 0},
        "execution_time": {"type": "number", "minimum": 0},
        "output": {"type": "string"},
        "output_format": {"enum": ["text", "html", "simple_format", "md", "ansi"]},
        "test_output_format": {"enum": ["text", "html", "simple_format", "md", "ansi"]},
        "test_name_format": {"enum": ["text", "html", "simple_format", "md", "ansi"]},
        "visibility": {"enum": ["hidden", "after_due_date", "after_published", "visible"]},
        "stdout_visibility": {"enum": ["hidden", "after_due_date", "after_published", "visible"]},
        "extra_data": {"type": "object"},
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["score", "max_score", "name", "output", "status"],
                "additionalProperties": False,
                "properties": {
                    "score": {"type": "number", "minimum": 0},
                    "max_score": {"type": "number", "minimum": 0},
                    "status": {"enum": ["passed", "failed"]},
                    "name": {"type": "string", "minLength": 1},
                    "number": {"type": "string", "pattern": r"^\d+\.\d+$"},
                    "output": {"type": "string"},
                    "visibility": {"enum": ["hidden", "after_due_date", "after_published", "visible"]},
                },
            },
        },
    },
}


def exercise(name: str, earned: int, stage: str | None = None, reason: str = "It is not symmetric.", **more) -> ExerciseMark:
    points = RECORD.exercises.get(name, 4)
    lost = None if earned == points else reason
    lines = (
        Line("value", 2, min(earned, 2), None if earned >= 2 else lost),
        Line("symmetric", points - 2, max(earned - 2, 0), lost),
    )
    stage = stage or ("right" if earned == points else "property")
    return ExerciseMark(name, f"What {name} asks.", stage, "" if stage == "right" else reason, lines, 0.25, **more)


def mark(student: str, gram: int = 6, lesson: str = STYLE, **more) -> Mark:
    items = {STYLE: (exercise("gram_matrix", gram), exercise("style_loss", 4)), CONTENT: (exercise("psnr", gram - 1),)}
    given = {"name": f"{student}_{lesson}.ipynb", "when": DUE, "seconds": 1.5} | more
    return Mark(student=student, lesson=lesson, framework="torch", digest="0" * 64, exercises=items[lesson], **given)


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with open(folder / name, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


class Page(HTMLParser):
    """A parsed page, with a list of its faults."""

    VOID = {"meta", "br", "img", "link", "input", "hr", "rect"}

    def __init__(self, path: Path):
        super().__init__(convert_charrefs=True)
        self.faults, self.open, self.ids, self.tags, self.links, self.headings, self.text = [], [], [], [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        self.faults += [f"<{tag}> is not closed" for tag in self.open]

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes]
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        self.faults += [f"{tag} twice has {name}" for name in names if names.count(name) > 1]
        self.faults += [f"{tag} has {name}" for name in names if name.startswith("on") or name in ("src", "srcset", "background")]
        if tag in self.VOID:
            return
        self.open.append(tag)
        if tag in ("h1", "h2", "h3", "h4"):
            self.headings.append(int(tag[1]))
        if tag == "th" and attributes.get("scope") not in ("row", "col"):
            self.faults.append("a header without scope")
        if "href" in attributes:
            self.links.append(attributes["href"])
        if "id" in attributes:
            self.ids.append(attributes["id"])

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag in self.VOID or not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing")

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open[-1:]):
            self.text.append(data)

    def check(self):
        tags = [tag for tag, _ in self.tags]
        attributes = dict(reversed(self.tags))
        assert self.faults == []
        assert attributes["html"].get("lang") == "en" and tags.count("title") >= 1 and tags.count("h1") == tags.count("main") == 1
        assert not {"script", "img", "iframe", "object", "link", "base", "form"} & set(tags)
        assert len(self.ids) == len(set(self.ids))
        assert self.headings[0] == 1 and all(b <= a + 1 for a, b in zip(self.headings, self.headings[1:], strict=False))
        assert all(link.startswith("#") or re.fullmatch(r"(feedback/)?[^:/]+\.html", link) for link in self.links)
        assert all(link[1:] in self.ids for link in self.links if link.startswith("#"))
        assert all(tag != "table" or self.tags[place + 1][0] == "caption" for place, (tag, _) in enumerate(self.tags))
        return " ".join("".join(self.text).split())


def read_page(path: Path) -> str:
    return Page(path).check()


# --- the folder as a whole


def test_one_call_writes_all_files_and_lists_them(tmp_path):
    written = write.write(tmp_path / "new" / "DIR", [mark("Ada"), mark("Bo")], RECORD)
    found = {str(path.relative_to(tmp_path / "new" / "DIR")) for path in (tmp_path / "new" / "DIR").rglob("*") if path.is_file()}
    assert found == set(written.files) | {"manual.csv"}
    assert found == {
        "grades.csv", "details.csv", "canvas.csv", "overview.html", "similarity.csv", "similarity.html", "record.json", "manual.csv", "class.csv",
        "feedback/Ada.html", "feedback/Bo.html", "gradescope/results.json", "gradescope/Ada/results.json", "gradescope/Bo/results.json",
    }  # fmt: skip


def test_the_same_marks_in_any_order_give_the_same_bytes(tmp_path):
    marks = [mark("Ada"), mark("Bo", 3), mark("Bo", 4, CONTENT), mark("Zoë", 2)]
    one = write.write(tmp_path / "one", marks, RECORD, late=LATE)
    write.write(tmp_path / "two", marks[::-1], RECORD, late=LATE)
    for name in one.files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_writing_again_keeps_changes_by_hand(tmp_path):
    write.write(tmp_path, [mark("Ada", 3)], RECORD)
    (tmp_path / "manual.csv").write_text("student,exercise,points,comment\nAda,gram_matrix,5,good idea\n")
    for _ in range(2):
        write.write(tmp_path, [mark("Ada", 3)], RECORD)
        assert rows(tmp_path, "grades.csv")[0]["final"] == "9"
    assert (tmp_path / "manual.csv").read_text().endswith("good idea\n")
    assert not list(tmp_path.rglob("*.part"))


def test_a_mistake_in_manual_csv_stops_before_anything_is_written(tmp_path):
    write.write(tmp_path, [mark("Ada", 3)], RECORD)
    before = (tmp_path / "grades.csv").read_bytes()
    (tmp_path / "manual.csv").write_text("student,exercise,points,comment\nAda,gram_matrix,lots,\n")
    with pytest.raises(InputError, match="line 2"):
        write.write(tmp_path, [mark("Ada", 6)], RECORD)
    assert (tmp_path / "grades.csv").read_bytes() == before


def test_a_folder_that_cannot_be_made_is_an_input_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot make folder"):
        write.write(tmp_path / "file" / "DIR", [mark("Ada")], RECORD)


def test_reports_for_an_empty_class(tmp_path):
    write.write(tmp_path, [], RECORD)
    assert rows(tmp_path, "grades.csv") == [] and "Students 0" in read_page(tmp_path / "overview.html").replace(
        "Students0", "Students 0"
    )
    assert json.loads((tmp_path / "gradescope/results.json").read_text()) == {"students": {}}


def test_the_seed_is_only_in_record_json_which_only_its_owner_can_read(tmp_path):
    written = write.write(tmp_path, [mark("Ada", 3), mark("Bo", 3)], RECORD)
    assert read_record(tmp_path) == RECORD
    assert stat.S_IMODE((tmp_path / "record.json").stat().st_mode) == 0o600
    assert [name for name in written.files if SEED in (tmp_path / name).read_text()] == ["record.json"]


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def test_pages_of_students_who_left_the_batch_are_removed(tmp_path):
    """They once stayed, ready to be sent to a student under an old name."""
    write.write(tmp_path, [mark("Ada"), mark("Bo"), mark("Cy")], RECORD)
    written = write.write(tmp_path, [mark("Ada"), mark("Bo Renamed")], RECORD)
    assert written.warnings == ("removed 4 pages of students who are no longer in this batch",)
    assert files_in(tmp_path) == set(written.files) | {"manual.csv"} and not (tmp_path / "gradescope/Cy").exists()
    alone = write.write(tmp_path, [mark("Ada")], RECORD)  # one student has no folder in gradescope/
    assert alone.warnings == ("removed 3 pages of students who are no longer in this batch",)
    assert files_in(tmp_path) == set(alone.files) | {"manual.csv"}
    assert write.write(tmp_path, [mark("Ada")], RECORD).warnings == ()


def test_an_instructors_own_files_are_never_removed(tmp_path):
    write.write(tmp_path, [mark("Ada"), mark("Bo"), mark("Cy")], RECORD)
    own = {
        "feedback/notes.html",
        "feedback/Dee.html",
        "gradescope/Cy/notes.txt",
        "gradescope/Eve/results.json",
        "feedback/Bo.html",
    }
    (tmp_path / "gradescope/Eve").mkdir()
    for name in own:  # one of them is a page that was changed
        (tmp_path / name).write_text("mine")
    (tmp_path / "feedback/Cy.html").unlink()
    (tmp_path / "feedback/Cy.html").symlink_to(tmp_path / "feedback/Dee.html")
    written = write.write(tmp_path, [mark("Ada")], RECORD)
    assert written.warnings == (
        "removed 3 pages of students who are no longer in this batch",
        "kept 2 pages of students who are no longer in this batch, changed by hand",
    )
    assert files_in(tmp_path) == set(written.files) | own | {"manual.csv", "feedback/Cy.html"}
    assert write.write(tmp_path, [mark("Ada")], RECORD).warnings == ()


def test_pages_that_a_killed_run_wrote_are_removed_by_the_next(tmp_path, monkeypatch):
    write.write(tmp_path, [mark("Bo")], RECORD)
    with monkeypatch.context() as patch:
        patch.setattr(write, "compare", lambda marks: 1 / 0)  # after the pages
        with pytest.raises(ZeroDivisionError):
            write.write(tmp_path, [mark("Cy"), mark("Bo", 3)], RECORD)
    written = write.write(tmp_path, [mark("Ada")], RECORD)
    assert files_in(tmp_path) == set(written.files) | {"manual.csv"}


@pytest.mark.parametrize("name", ["../precious.html", "feedback/../precious.html", "manual.csv", "feedback/../../precious.html"])
def test_a_record_cannot_have_any_other_file_removed(tmp_path, name):
    (tmp_path / "DIR").mkdir()
    for path in (tmp_path / "precious.html", tmp_path / "DIR/precious.html", tmp_path / "DIR/manual.csv"):
        path.write_text("student,exercise,points,comment\n")
    (tmp_path / "DIR/record.json").write_text(json.dumps({**RECORD.__dict__, "pages": {name: ""}}))
    assert write.write(tmp_path / "DIR", [mark("Ada")], RECORD).warnings == ()
    assert len(list(tmp_path.rglob("precious.html"))) == 2 and (tmp_path / "DIR/manual.csv").exists()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", "\0", '{"seed": 1}', json.dumps({**RECORD.__dict__, "seed": "x" * 32}), "[" * 100_000,
             json.dumps({**RECORD.__dict__, "exercises": {"psnr": "5"}}), json.dumps({**RECORD.__dict__, "more": 1}),
             json.dumps({**RECORD.__dict__, "pages": {"feedback/Ada.html": 1}})]
)  # fmt: skip
def test_a_damaged_record_is_an_input_error(tmp_path, text):
    (tmp_path / "record.json").write_text(text)
    with pytest.raises(InputError, match="not the record of a grading run"):
        read_record(tmp_path)


def test_a_missing_record_is_none(tmp_path):
    assert read_record(tmp_path) is None


# --- grades.csv and details.csv


def test_grades_have_a_row_per_student_and_add_up(tmp_path):
    marks = [mark("Ada", 3), mark("Ada", 4, CONTENT), mark("Bo", 6, when=DUE + timedelta(seconds=1))]
    write.write(tmp_path, marks, RECORD, late=LATE)
    ada, bo = rows(tmp_path, "grades.csv")
    assert ada["student"] == "Ada" and ada[f"{STYLE}/gram_matrix"] == "3" and ada[STYLE] == "7" and ada[f"{CONTENT}/psnr"] == "3"
    assert (ada["earned"], ada["late_days"], ada["final"], ada["points"], ada["percent"]) == ("10", "0", "10", "15", "66.67")
    assert bo[f"{CONTENT}/psnr"] == bo[CONTENT] == "" and bo[f"{STYLE}/late_days"] == bo["late_days"] == "1"
    assert (bo[STYLE], bo[f"{STYLE}/final"], bo["lost_late"], bo["final"]) == ("10", "9", "1", "9")


def test_tables_are_utf8_without_a_byte_order_mark(tmp_path):
    write.write(tmp_path, [mark("Zoë")], RECORD)
    for name in ("grades.csv", "details.csv", "similarity.csv", "canvas.csv"):
        assert not (tmp_path / name).read_bytes().startswith(b"\xef\xbb\xbf")
    assert rows(tmp_path, "grades.csv")[0]["student"] == "Zoë"


def test_details_give_the_reason_for_each_point_lost(tmp_path):
    noted = replace(
        mark("Ada", 1),
        exercises=(exercise("gram_matrix", 1, "value", "Every entry is twice too large.", notes=("Cell retyped.",)),),
    )
    write.write(tmp_path, [noted], RECORD, manual=[Entry(2, "Ada", "gram_matrix", adds=1, comment="Look at H W")])
    (row,) = rows(tmp_path, "details.csv")
    assert (row["student"], row["exercise"], row["points"], row["earned"], row["stage"]) == (
        "Ada",
        "gram_matrix",
        "6",
        "2",
        "value",
    )
    assert row["reason"] == "Every entry is twice too large." and row["seconds"] == "0.25" and row["notes"] == "Cell retyped."
    assert "value 1 of 2" in row["lost"] and "symmetric 0 of 4: Every entry" in row["lost"]
    assert row["by_hand"] == "set by hand from 1 to 2" and row["comment"] == "Look at H W"


def test_the_rows_of_details_add_up_after_a_change_by_hand_to_a_lesson(tmp_path):
    write.write(tmp_path, [mark("Ada", 3)], RECORD, manual=[Entry(2, "Ada", "03", adds=2, comment="well told")])
    found = rows(tmp_path, "details.csv")
    assert [(row["exercise"], row["points"], row["earned"]) for row in found] == [
        ("gram_matrix", "6", "3"),
        ("style_loss", "4", "4"),
        ("lesson", "0", "2"),
    ]
    assert found[2]["by_hand"] == "set by hand from 7 to 9" and found[2]["comment"] == "well told"


def test_a_file_that_cannot_be_graded_is_in_the_table_the_feedback_and_the_overview(tmp_path):
    broken = Mark("Bo", "bo.ipynb", "", "", "0" * 64, (), notes=("It is no JSON.",))
    write.write(tmp_path, [mark("Ada"), broken], RECORD)
    row = rows(tmp_path, "details.csv")[-1]
    assert (row["student"], row["stage"], row["reason"]) == ("Bo", "file", "It is no JSON.")
    assert "could not be graded" in read_page(tmp_path / "feedback/Bo.html")
    assert "Bo bo.ipynb It is no JSON." in read_page(tmp_path / "overview.html").replace("Bobo", "Bo bo").replace(
        "ipynbIt", "ipynb It"
    )


def test_what_stands_between_backticks_is_code_on_both_pages(tmp_path):
    done = exercise("gram_matrix", 0, "value", "Divide by `h * w`, not by `<n>`.", mistake="Divide by `h * w`, not by `<n>`.")
    write.write(tmp_path, [replace(mark("Ada"), exercises=(replace(done, title="Return `x @ x.T`."),))], RECORD)
    for name in ("overview.html", "feedback/Ada.html"):
        page = (tmp_path / name).read_text(encoding="utf-8")
        assert "Divide by <code>h * w</code>, not by <code>&lt;n&gt;</code>." in page and "`" not in page.partition("<body")[2]
    assert "Return <code>x @ x.T</code>." in (tmp_path / "feedback/Ada.html").read_text(encoding="utf-8")


def test_of_two_submissions_the_one_with_more_points_after_late_days_counts(tmp_path):
    early, late = mark("Ada", 5, name="a.ipynb"), mark("Ada", 6, name="b.ipynb", when=DUE + timedelta(days=2))
    written = write.write(tmp_path, [late, early], RECORD, late=LATE)
    assert [graded.mark.name for graded in written.book.students[0].submissions if graded.counts] == ["a.ipynb"]
    assert rows(tmp_path, "grades.csv")[0]["final"] == "9"
    assert "another submission" in read_page(tmp_path / "feedback/Ada.html")


def test_submissions_without_a_date_count_as_on_time_with_a_warning(tmp_path):
    written = write.write(tmp_path, [mark("Ada", when=None)], RECORD, late=LATE)
    assert any("have no date and count as on time" in warning and "Ada" in warning for warning in written.warnings)
    assert write.write(tmp_path, [mark("Ada", when=None)], RECORD).warnings == ()


@pytest.mark.parametrize(
    "value", ["=1", "+1", "-1", "@x", " =1", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠x", "\ufeff=1", "-2+3"]
)
def test_no_cell_is_a_formula(value):
    assert cell(value).lstrip()[0] in "'\ufffd" and not re.search(r"[\r\n\t]", cell(value))


def test_no_formula_starts_after_a_semicolon():
    assert cell("a;=1;b; @x") == "a;'=1;b; '@x"


@pytest.mark.parametrize(
    ("value", "text"), [(3.0, "3"), (-1.5, "-1.5"), (2 / 3, "0.67"), (-0.001, "0"), (100, "100"), (0.0, "0")]
)
def test_numbers_are_rounded_and_stay_numbers(value, text):
    assert cell(value) == number(value) == text


# --- hostile texts


def hostile_marks() -> list[Mark]:
    bad = [
        ExerciseMark(f"gram{text}", text, "value", text, (Line(text, 2, 1, text),), notes=(text,), form=text) for text in HOSTILE
    ]
    return [
        Mark(
            text,
            text,
            (STYLE, text)[place % 2],
            text,
            "0",
            (bad[place], exercise("style_loss", 3, reason=text)),
            DUE,
            1.0,
            (text,),
        )
        for place, text in enumerate(HOSTILE)
    ]


def test_hostile_text_is_harmless_in_every_file(tmp_path):
    by_hand = [Entry(2, text, "style_loss", adds=1, comment=text) for text in HOSTILE]
    written = write.write(tmp_path / "DIR", hostile_marks(), RECORD, manual=by_hand, late=LATE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["DIR"]
    for name in written.files:
        text = (tmp_path / "DIR" / name).read_bytes().decode("utf-8")
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text), name
        if name.endswith(".html"):
            read_page(tmp_path / "DIR" / name)
        if name.endswith(".csv"):
            cells = [value for row in csv.reader(text.splitlines()) for value in row]
            assert not [
                value for value in cells if re.match(r"\s*[=+\-@＝＋－＠]", value) and not re.fullmatch(r"-?[\d.]+", value)
            ]
    assert len(rows(tmp_path / "DIR", "grades.csv")) == len(HOSTILE)
    found = json.loads((tmp_path / "DIR/gradescope/results.json").read_text())["students"]
    assert len(found) == len(HOSTILE)


def test_a_script_in_any_text_comes_out_escaped(tmp_path):
    def script(field: str) -> str:
        return f"\"'><script>{field}</script>"

    lines = (Line(script("line"), 4, 1, script("wrong")), Line("other", 2, 0))
    form = script("form") + " v1 + v2" * 50
    exercises = tuple(
        ExerciseMark(
            script(f"exercise {stage}"), script("title"), stage, script("reason"), lines, 1.0, (script("exercise note"),), form
        )
        for stage in ("value", "time", script("stage"))
    )
    marks = [
        Mark(
            script(name), script("file"), script("lesson"), script("framework"), "0", exercises, DUE, 1.0, (script("note"),)
        )
        for name in ("Ada", "Bo")
    ]  # fmt: skip
    marks.append(Mark(script("Cy"), script("broken file"), "", "", "0", (), DUE, 0.0, (script("trouble"),)))
    manual = [
        Entry(2, script("Ada"), script("exercise value"), adds=1, comment=script("comment")),
        Entry(3, script("Ada"), script("lesson"), comment="Two lines\n" + script("lesson comment")),
        Entry(4, script("nobody"), "x", adds=1),
    ]
    written = write.write(tmp_path, marks, RECORD, manual=manual, late=LATE)
    pages_text = {name: (tmp_path / name).read_text() for name in written.files if name.endswith(".html")}
    assert len(pages_text) == 5 and not [name for name, text in pages_text.items() if re.search("<script", text, re.IGNORECASE)]
    fields = {"overview.html": ("Ada", "broken file", "exercise value", "reason", "trouble", "nobody"),
              "similarity.html": ("Ada", "Bo", "exercise value", "form")}  # fmt: skip
    ada = next(student for student in written.book.students if "Ada" in student.name)
    fields[f"feedback/{ada.file}.html"] = (
        "Ada", "file", "lesson", "framework", "exercise value", "title", "stage", "line", "wrong", "reason", "exercise note", "note",
        "comment", "lesson comment",
    )  # fmt: skip
    for name, expected in fields.items():
        text = pages_text[name].lower()
        for field in expected:
            assert f"&#34;&#39;&gt;&lt;script&gt;{field.lower()}&lt;/script&gt;" in text, (name, field)
        read_page(tmp_path / name)


def test_a_template_expression_in_a_name_is_not_evaluated(tmp_path):
    write.write(tmp_path, [mark("{{ 7 * 7 }}")], RECORD)
    assert "{{ 7 * 7 }}" in read_page(tmp_path / "overview.html")


def test_every_template_environment_of_the_package_escapes_and_no_template_turns_it_off():
    package = Path(__file__).parents[2] / "stylelab"
    environments = 0
    for path in (path for path in package.rglob("*.py") if "jinja2" in path.read_text(encoding="utf-8")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            function = getattr(node, "func", None)
            if isinstance(node, ast.Call) and getattr(function, "attr", getattr(function, "id", "")) in (
                "Environment",
                "Template",
            ):
                environments += 1
                given = {keyword.arg: keyword.value for keyword in node.keywords}
                assert isinstance(given.get("autoescape"), ast.Constant) and given["autoescape"].value is True, path
    assert environments >= 1 and pages.TEMPLATES.autoescape is True
    templates = [path for path in package.rglob("*.j2") if "voila" not in path.parts]  # Voilà renders its own with nbconvert
    assert len(templates) >= 5
    for path in templates:
        assert not re.search(r"\|\s*safe\b|autoescape|Markup", path.read_text(encoding="utf-8")), path


def test_file_names_are_valid_and_different_on_every_system():
    names = file_names(
        [*HOSTILE, "Ada", "ADA", "ada", "A.da", "Ada Lovelace", "Ada_Lovelace", "ﬁ", "fi", "x" * 9_999, "a" * 61, "a" * 62]
    )
    assert len({name.casefold() for name in names.values()}) == len(names)
    for name in names.values():
        assert re.fullmatch(r"[\w][\w.\-\u0300-\u036f]*", name) and not name.endswith((".", " ")) and len(name.encode()) <= 200
        assert name.split(".")[0].lower() not in ("con", "nul", "lpt1") and name != "results.json"


def test_a_file_name_depends_on_other_students_only_if_they_collide():
    assert file_names(["Ada Lovelace", "Zoë"]) == {"Ada Lovelace": "Ada_Lovelace", "Zoë": "Zoë"}
    assert file_names(["Ada", "ada"]) == file_names(["ada", "Ada"])


def test_plain_text_is_cut_to_its_maximum_length():
    assert len(plain("x" * 10_000, 50)) == 50 and len(plain("\0" * 10_000, 50)) == 50


# --- lessons that count


def lesson_of(*students: str, lesson: str = STYLE, stage: str | None = None) -> list[Mark]:
    """One mark of a lesson for each student; with `stage`, that of all exercises."""
    marks = [mark(student, 6 - place % 3, lesson) for place, student in enumerate(students)]
    if stage is None:
        return marks
    return [replace(each, exercises=tuple(exercise(done.exercise, 0, stage) for done in each.exercises)) for each in marks]


CLASS = [f"Student {number:02}" for number in range(12)]
STRAY = {
    "an untouched notebook": lesson_of("Student 03", lesson=CONTENT, stage="open"),
    "one without its cells": lesson_of("Student 03", lesson=CONTENT, stage="missing"),
    "everybody's untouched notebooks": lesson_of(*CLASS, lesson=CONTENT, stage="open"),
    "one that was attempted": lesson_of("Student 03", lesson=CONTENT),
    "an attempted one among untouched ones": lesson_of("Student 03", lesson=CONTENT)
    + lesson_of(*CLASS[5:], lesson=CONTENT, stage="open"),
    "one of a student who handed in nothing else": lesson_of("Zoë", lesson=CONTENT),
    "a damaged one": [replace(each, exercises=()) for each in lesson_of("Student 03", lesson=CONTENT)],
}


@pytest.mark.parametrize("stray", STRAY.values(), ids=STRAY)
def test_a_notebook_of_another_lesson_changes_nobodys_marks(tmp_path, stray):
    """One such notebook once took everybody from 100 to 51 percent."""
    before = write.write(tmp_path / "without", lesson_of(*CLASS), RECORD)
    written = write.write(tmp_path / "with", lesson_of(*CLASS) + stray, RECORD)
    for name in ("grades.csv", "canvas.csv"):
        found = [row for row in rows(tmp_path / "with", name) if "Zoë" not in row.values()]
        assert found == rows(tmp_path / "without", name)
    for each in set(CLASS) - {graded.student for graded in stray}:
        for name in (f"feedback/{each.replace(' ', '_')}.html", f"gradescope/{each.replace(' ', '_')}/results.json"):
            assert (tmp_path / "with" / name).read_bytes() == (tmp_path / "without" / name).read_bytes()
    assert pages.bins(written.book)[1:] == pages.bins(before.book)[1:]
    (line,) = written.warnings
    assert line.startswith("lesson 02 is left out of all points and percentages: ") and line.endswith("--lessons 02,03")
    assert "Lesson 2" not in read_page(tmp_path / "with/overview.html").partition("All students")[2]
    counted = write.write(tmp_path / "all", lesson_of(*CLASS) + stray, RECORD, lessons=[CONTENT, STYLE])
    assert set(counted.book.lessons) == {CONTENT, STYLE} and counted.warnings == ()


def test_the_student_of_a_notebook_that_does_not_count_is_told(tmp_path):
    late = lesson_of("Ada", lesson=CONTENT)[0]
    write.write(tmp_path, [*lesson_of("Ada", *CLASS), replace(late, when=DUE + timedelta(days=9))], RECORD, late=LATE)
    page = read_page(tmp_path / "feedback/Ada.html")
    assert "This lesson does not count." in page and "days late" not in page and "10 of 10 points (100%)" in page
    assert [row["counts"] for row in rows(tmp_path, "details.csv") if row["student"] == "Ada"] == ["no", "yes", "yes"]


@pytest.mark.parametrize(("first", "second", "counts"), [
    (1, 1, True), (2, 1, True), (3, 1, True), (4, 1, False), (9, 1, False), (10, 2, True), (19, 2, True), (20, 2, False),
    (40, 4, False), (39, 4, True), (200, 5, True), (200, 4, False), (12, 12, True),
])  # fmt: skip
def test_a_lesson_counts_unless_at_most_one_in_ten_and_fewer_than_five_attempted_it(tmp_path, first, second, counts):
    many = [f"Student {number:03}" for number in range(first)]
    written = write.write(tmp_path, lesson_of(*many) + lesson_of(*many[:second], lesson=CONTENT), RECORD)
    assert set(written.book.lessons) == ({CONTENT, STYLE} if counts else {STYLE})
    silent = counts and 3 * second > first
    assert len(written.warnings) == (not silent) and all(f"{second} of {first} students" in line for line in written.warnings)


def test_where_nobody_attempted_anything_all_lessons_count(tmp_path):
    marks = lesson_of("Ada", "Bo", stage="open") + lesson_of("Ada", "Bo", lesson=CONTENT, stage="open")
    written = write.write(tmp_path, marks, RECORD)
    assert set(written.book.lessons) == {CONTENT, STYLE} and written.warnings == ()


def test_what_was_not_graded_through_no_fault_of_the_student_is_an_attempt(tmp_path):
    marks = lesson_of(*CLASS) + lesson_of(*CLASS, lesson=CONTENT, stage="starved")
    assert set(write.write(tmp_path, marks, RECORD).book.lessons) == {CONTENT, STYLE}


def test_only_chosen_lessons_count_in_every_file(tmp_path):
    marks = lesson_of(*CLASS, lesson=CONTENT) + lesson_of("Student 03", "Zoë")
    written = write.write(tmp_path, marks, RECORD, lessons=[STYLE], late=LATE, manual=[Entry(2, "Zoë", "02", adds=1)])
    assert "not counted: 12 notebooks of other lessons (02), from Student 00, " in written.warnings[0]
    assert set(written.book.lessons) == {STYLE} and written.book.points == 10
    assert {row["percent"] for row in rows(tmp_path, "grades.csv")} == {"0", "100", "90"}
    assert not any(CONTENT in column for column in rows(tmp_path, "grades.csv")[0])
    assert list(rows(tmp_path, "canvas.csv")[0])[5:] == ["Lesson 3: Style reconstruction"]
    assert json.loads((tmp_path / "gradescope/Student_03/results.json").read_text())["extra_data"]["max_score"] == 10
    assert "psnr" not in read_page(tmp_path / "overview.html") and "psnr" not in read_page(tmp_path / "similarity.html")


def test_a_chosen_lesson_that_nobody_handed_in_is_named(tmp_path):
    written = write.write(tmp_path, lesson_of(*CLASS), RECORD, lessons=[CONTENT, STYLE])
    assert written.warnings == ("no one submitted lesson 02: it does not count",) and written.book.points == 10


@pytest.mark.parametrize(
    "text", ["03", "3", " 03 ", "03,03", STYLE, "3_style_reconstruction", f"{STYLE}_torch", "03_style", f"{STYLE}, 3"]
)
def test_a_lesson_is_chosen_by_number_or_name(text):
    assert parse_lessons(text) == (STYLE,)
    assert parse_lessons(f"{text},02") == (CONTENT, STYLE) and parse_lessons(None) is None


@pytest.mark.parametrize(
    "text", ["99", "", ",", "03;04", "03_content", "_", "_style", "003", "-3", "03,99", "three", "*", "3\n4x"]
)
def test_a_choice_that_is_no_lesson_is_one_line(text):
    with pytest.raises(InputError, match="unknown lesson '[^\n]*$"):
        parse_lessons(text)


# --- gradescope and canvas


def test_the_result_of_one_student_follows_gradescopes_schema(tmp_path):
    write.write(tmp_path, [mark("Ada", 3, when=DUE + timedelta(hours=1))], RECORD, late=LATE)
    found = json.loads((tmp_path / "gradescope/results.json").read_text())
    jsonschema.validate(found, GRADESCOPE)
    assert found["score"] == 6.3 and found["execution_time"] == 1.5 and found["extra_data"]["max_score"] == 10
    assert [(test["score"], test["max_score"], test["status"]) for test in found["tests"]] == [(3, 6, "failed"), (4, 4, "passed")]
    assert "It is not symmetric." in found["tests"][0]["output"] and "1 day late, minus 10%" in found["output"]
    assert list((tmp_path / "gradescope").iterdir()) == [tmp_path / "gradescope/results.json"]


def test_a_class_has_a_file_per_student_and_an_index_of_the_same_results(tmp_path):
    write.write(tmp_path, [mark("Ada"), mark("Zoë", 2)], RECORD)
    index = json.loads((tmp_path / "gradescope/results.json").read_text())["students"]
    assert list(index) == ["Ada", "Zoë"]
    for name, found in index.items():
        jsonschema.validate(found, GRADESCOPE)
        assert found == json.loads((tmp_path / "gradescope" / name / "results.json").read_text())


def test_canvas_csv_has_the_columns_of_canvas_and_points_possible_in_the_second_row(tmp_path):
    marks = [mark("Ada", 3, name="ada_4711_9_nb.ipynb"), mark("Bo", 6, CONTENT)]
    write.write(tmp_path, marks, RECORD)
    with open(tmp_path / "canvas.csv", encoding="utf-8", newline="") as stream:
        found = list(csv.reader(stream))
    titles = ["Lesson 2: Content", "Lesson 3: Style reconstruction"]
    assert found[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *titles]
    assert found[1] == ["    Points Possible", "", "", "", "", "5", "10"]
    assert found[2:] == [["Ada", "4711", "", "", "", "", "7"], ["Bo", "", "", "", "", "5", ""]]


def test_a_students_name_cannot_imitate_the_row_of_points_possible(tmp_path):
    write.write(tmp_path, [mark("My Points Possible")], RECORD)
    assert (tmp_path / "canvas.csv").read_text().count("Points Possible") == 1


EXPORT = """\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,Essay (11),3 Style reconstruction (12),Current Score
    Points Possible,,,,,10,20,(read only)
"Zeta, Zoë",103,s3,zz3,A,7,,50
"Lovelace, Ada",101,s1,al1@uni.example,A,8,1,80
"Turing, Alan",102,s2,at2,=1+1,9,2,90
"Test, Student",,,,A,,,
"""


def filled(folder: Path, marks, export: str = EXPORT):
    (folder / "export.csv").write_text(export, encoding="utf-8")
    written = write.write(folder / "DIR", marks, RECORD, canvas_export=folder / "export.csv")
    text = (folder / "DIR/canvas.csv").read_text(encoding="utf-8")
    return list(csv.reader(text.splitlines(), delimiter=";" if ";" in export else ",")), written.warnings


@pytest.mark.parametrize(
    "student", ["Ada Lovelace", "ADA  LOVELACE", "Lovelace, Ada", "lovelaceada", "al1", "AL1@uni.example", "s1"]
)
def test_a_gradebook_from_canvas_is_filled_in_by_name_or_login(tmp_path, student):
    found, warnings = filled(tmp_path, [mark(student, 3)])
    assert [row[:5] for row in found[2:5]] == [["Zeta, Zoë", "103", "s3", "zz3", "A"], ["Lovelace, Ada", "101", "s1", "al1@uni.example", "A"],
                                               ["Turing, Alan", "102", "s2", "at2", "'=1+1"]]  # fmt: skip
    assert [row[6] for row in found] == ["3 Style reconstruction (12)", "20", "", "14", "2", ""]
    assert [row[5] for row in found[1:5]] == ["10", "7", "8", "9"] and len(warnings) == 1 and "scaled" in warnings[0]


@pytest.mark.parametrize(
    "value", ["-2.50", "+3", "-1E-05", "-2,5", "-.5", "-1,234.50", "-7.00%", " -3 ", "-", "007", "1234567890123456789"]
)
def test_a_number_in_a_gradebook_from_canvas_comes_back_byte_for_byte(tmp_path, value):
    """A penalty of -2.50 once came back as '-2.50, which Canvas cannot read."""
    found, _ = filled(
        tmp_path, [mark("Ada Lovelace")], EXPORT.replace("A,7,", f'A,"{value}",').replace("103,s3", f'103,"{value}"')
    )
    assert (found[2][5], found[2][2]) == (value, value) and found[3][6] == "20"


@pytest.mark.parametrize("value", ["-2+3", "-1/2", "=1", "-cmd|' /C calc'!A0", "-A1", "+SUM(1)", "@x", "--1", "-e5", "\t-1+1"])
def test_a_formula_in_a_gradebook_from_canvas_becomes_text(tmp_path, value):
    found, _ = filled(
        tmp_path, [mark("Ada Lovelace")], EXPORT.replace("A,7,", f'A,"{value}",').replace("103,s3", f'103,"{value}"')
    )
    assert found[2][5] == found[2][2] != value and not found[2][5].lstrip().startswith(tuple("=+-@"))


@pytest.mark.parametrize("name", ["-Anna", "=cmd", "@ada", "+1", "-1"])
def test_a_name_that_starts_a_formula_is_safe_and_the_id_by_which_canvas_finds_it_is_unchanged(tmp_path, name):
    export = f"Student,ID,SIS User ID,SIS Login ID,Section,Lesson 3 (12)\nPoints Possible,,,,,10\n{name},102,=s,@l,A,\n{name},,,@l,A,\n"
    found, _ = filled(tmp_path, [mark(name, 6, name="anna_102_9_x.ipynb")], export)
    assert found[2] == [f"'{name}", "102", "'=s", "'@l", "A", "10"] and found[3][:4] == [f"'{name}", "", "", "@l"]
    write.write(tmp_path / "own", [mark(name, 6)], RECORD)
    assert rows(tmp_path / "own", "canvas.csv")[1]["Student"] == rows(tmp_path / "own", "grades.csv")[0]["student"] == f"'{name}"


def test_the_canvas_id_in_the_file_name_takes_precedence_over_the_name(tmp_path):
    found, _ = filled(tmp_path, [mark("Ada Lovelace", 6, name="turingalan_LATE_102_555_nb.ipynb")])
    assert [row[6] for row in found[2:5]] == ["", "1", "20"]


def test_students_without_a_row_of_their_own_in_the_gradebook_are_reported(tmp_path):
    found, warnings = filled(tmp_path, [mark("Grace Hopper"), mark("Alan Turing"), mark("at2")])
    assert any("Grace Hopper" in text for text in warnings) and any("at2" in text and "Alan Turing" in text for text in warnings)
    assert [row[6] for row in found[2:5]] == ["", "1", "2"]


def test_a_lesson_without_a_column_gets_a_new_one_with_a_warning(tmp_path):
    found, warnings = filled(tmp_path, [mark("Ada Lovelace", 4, CONTENT)])
    assert [row[-1] for row in found[:4]] == ["Lesson 2: Content", "5", "", "3"] and "new one" in warnings[0]


def test_a_gradebook_with_semicolons_and_two_columns_of_names_is_read(tmp_path):
    export = "LastName;FirstName;ID;SIS User ID;SIS Login ID;Section;Lesson 3 (12)\n    Points Possible;;;;;;10\nLovelace;Ada;101;;;A;\n"
    found, warnings = filled(tmp_path, [mark("Ada Lovelace", 6)], export)
    assert found[2] == ["Lovelace", "Ada", "101", "", "", "A", "10"] and warnings == ()


@pytest.mark.parametrize("text", ["", "a,b,c\n1,2,3\n", "Student,ID\n", "\0", b"\xff\xfe\x00"])
def test_a_file_that_is_not_a_gradebook_is_an_input_error(tmp_path, text):
    (tmp_path / "export.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match="export"):
        write.write(tmp_path / "DIR", [mark("Ada")], RECORD, canvas_export=tmp_path / "export.csv")


def test_a_missing_gradebook_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="cannot read the gradebook"):
        write.write(tmp_path / "DIR", [mark("Ada")], RECORD, canvas_export=tmp_path / "none.csv")


# --- feedback


def test_feedback_explains_the_points_for_every_exercise(tmp_path):
    noted = replace(mark("Ada", 3, when=DUE + timedelta(hours=30)), notes=("A cell was there twice: the first one counts.",))
    hand = [Entry(2, "Ada", "gram_matrix", sets=5, comment="Nice loop"), Entry(3, "Ada", "03", comment="Talk to me")]
    write.write(tmp_path, [noted, mark("Bo", 6, CONTENT)], RECORD, manual=hand, late=LATE)
    text = read_page(tmp_path / "feedback/Ada.html")
    for words in (
        "Feedback for Ada", "7.2 of 15 points (48%)", "Lesson 3: Style reconstruction (PyTorch): 7.2 of 10", "Due on 20 November 2026 at 23:59 (UTC), submitted 2 days late: minus 20%, so 7.2 of your 9 points count.",
        "gram_matrix: 5 of 6 points", "What gram_matrix asks.", "Partly right: lacks a property. It is not symmetric.", "value2 of 2right",
        "symmetric1 of 4see above", "set by hand from 3 to 5", "Comment: Nice loop", "Comment: Talk to me", "0.25 seconds",
        "style_loss: 4 of 4 points", "Right.", "A cell was there twice", "Not submitted: Lesson 2: Content.",
    ):  # fmt: skip
        assert words in text, words
    assert FORM not in text and "Bo" not in text


def test_feedback_does_not_show_the_normalised_answer(tmp_path):
    write.write(tmp_path, [replace(mark("Ada"), exercises=(exercise("gram_matrix", 6, form="SECRETFORM"),))], RECORD)
    assert "SECRETFORM" not in (tmp_path / "feedback/Ada.html").read_text()


def test_every_stage_has_a_colour_in_the_chart():
    assert set(pages.KIND_OF) == set(STAGES) - set(NOT_GRADED)


def test_an_unknown_stage_is_reported_as_it_is(tmp_path):
    write.write(tmp_path, [replace(mark("Ada"), exercises=(exercise("gram_matrix", 1, "<new>"),))], RECORD)
    assert "<new>" in read_page(tmp_path / "feedback/Ada.html").lower()


# --- not graded: a fault that is not the student's costs nothing anywhere

BUSY = "The machine was too busy or had too little memory to run it."


def not_graded(student: str, gram: str = "not graded", style: str = "not graded", **more) -> Mark:
    """A mark with answers that were not graded; 'right' are those that were."""
    stages = {"gram_matrix": gram, "style_loss": style}
    exercises = (exercise(name, (stage == "right") * RECORD.exercises[name], stage, BUSY) for name, stage in stages.items())
    return replace(mark(student, **more), exercises=tuple(exercises))


@pytest.mark.parametrize("stage", NOT_GRADED)
def test_what_is_not_graded_is_left_out_of_points_and_percent_and_counted_apart(tmp_path, stage):
    write.write(
        tmp_path, [not_graded("Ada", stage, "right", when=DUE + timedelta(hours=1)), mark("Ada", 4, CONTENT)], RECORD, late=LATE
    )
    (row,) = rows(tmp_path, "grades.csv")
    assert (row[f"{STYLE}/gram_matrix"], row[f"{STYLE}/style_loss"], row[STYLE], row[f"{STYLE}/final"]) == ("", "4", "4", "3.6")
    assert (row["final"], row["points"], row["not_graded"], row["percent"]) == ("6.6", "9", "6", "73.33")
    gram = rows(tmp_path, "details.csv")[1]
    assert [gram[name] for name in ("points", "earned", "stage", "reason", "lost")] == ["6", "", stage, BUSY, ""]


def test_a_student_of_whom_nothing_is_graded_has_no_percent_and_no_place_in_the_distribution(tmp_path):
    write.write(tmp_path, [not_graded("Ada"), mark("Bo")], RECORD)
    ada, bo = rows(tmp_path, "grades.csv")
    assert (ada[STYLE], ada[f"{STYLE}/final"], ada["points"], ada["percent"], bo["percent"]) == ("", "", "0", "", "100")
    made = make_gradebook([not_graded("Ada"), mark("Bo")], RECORD)
    assert pages.bins(made) == [0] * 9 + [1] and sum(sum(kinds.values()) for kinds in pages.losses(made).values()) == 0
    assert pages.reasons(made) == []
    assert "Mean100%" in read_page(tmp_path / "overview.html")


def test_what_is_not_graded_is_the_first_that_needs_a_look(tmp_path):
    late = replace(mark("Ada"), exercises=(exercise("gram_matrix", 0, "time"),))
    lost = Mark("Zoë", "zoe.ipynb", "", "", "", (), fault="'zoe.ipynb' cannot be read: input/output error")
    book = write.write(tmp_path, [late, not_graded("Mo", "not graded", "right"), lost], RECORD).book
    assert [(student.name, name, why) for student, _, name, why in pages.looks(book)] == [
        ("Mo", "gram_matrix", f"Not graded, look at it. {BUSY}"),
        ("Zoë", "", "Not graded, look at it. 'zoe.ipynb' cannot be read: input/output error"),
        ("Ada", "gram_matrix", "Out of time. It is not symmetric."),
    ]
    text = read_page(tmp_path / "overview.html")
    assert "Not all graded2" in text and text.index("Not graded, look at it.") < text.index("Out of time. It is")


def test_feedback_on_what_is_not_graded_blames_nobody_and_gives_no_reason_away(tmp_path):
    write.write(tmp_path, [not_graded("Ada", "not graded", "right"), mark("Bo", 3)], RECORD)
    text = read_page(tmp_path / "feedback/Ada.html")
    assert "4 of 4 points (100%) 6 more points could not be graded so far" in text and "gram_matrix: not graded" in text
    assert "Not graded. This could not be graded, for a reason that has nothing to do with your work. You lose no points" in text
    assert BUSY not in text and "0 of" not in text


def test_what_is_not_graded_is_not_exported_as_a_low_score(tmp_path):
    marks = [not_graded("Ada Lovelace", "right"), mark("Alan Turing", 3)]
    found, _ = filled(tmp_path, marks)
    assert [row[6] for row in found[2:5]] == ["", "1", "14"]  # Ada keeps what she had
    write.write(tmp_path, marks, RECORD)
    assert [row[-1] for row in csv.reader((tmp_path / "canvas.csv").read_text().splitlines())][2:] == ["", "7"]
    assert list(json.loads((tmp_path / "gradescope/results.json").read_text())["students"]) == ["Alan Turing"]
    assert [path.name for path in (tmp_path / "gradescope").iterdir() if path.is_dir()] == ["Alan_Turing"]
    assert [name for name in write.write(tmp_path / "one", marks[:1], RECORD).files if "gradescope" in name] == []


@pytest.mark.parametrize(("target", "points"), [("gram_matrix", 5), ("03", 9)])
def test_points_by_hand_count_for_what_is_not_graded(tmp_path, target, points):
    manual = [Entry(2, "Ada", target, sets=points, comment="I read it")]
    written = write.write(tmp_path, [not_graded("Ada", "not graded", "right"), mark("Bo")], RECORD, manual=manual)
    ada, _ = rows(tmp_path, "grades.csv")
    assert (ada["final"], ada["points"], ada["not_graded"], ada["percent"]) == ("9", "10", "0", "90")
    assert pages.looks(written.book) == []
    assert "could not be graded" not in read_page(tmp_path / "feedback/Ada.html")
    assert list(csv.reader((tmp_path / "canvas.csv").read_text().splitlines()))[2][-1] == "9"


def test_an_unread_file_of_unknown_lesson_may_be_any_that_the_student_has_not_handed_in(tmp_path):
    lost = Mark("Ada", "work.ipynb", "", "", "", (), fault="'work.ipynb' cannot be read: input/output error")
    write.write(tmp_path, [lost, mark("Ada"), mark("Bo", 3, CONTENT)], RECORD)
    ada, bo = rows(tmp_path, "grades.csv")
    assert (ada["points"], ada["not_graded"], ada["percent"], bo["points"]) == ("10", "5", "100", "15")
    text = read_page(tmp_path / "feedback/Ada.html")
    assert "Unknown lesson: not graded" in text and "Not submitted" not in text and "input/output" not in text


def test_of_two_editions_the_one_that_may_have_more_points_counts(tmp_path):
    other = {"name": "b.ipynb"}
    full = write.write(tmp_path, [not_graded("Ada"), mark("Ada", 6, **other)], RECORD).book
    part = write.write(tmp_path, [not_graded("Ada"), mark("Ada", 5, **other)], RECORD).book
    assert [(book.students[0].final, book.students[0].ungraded) for book in (full, part)] == [(10, 0), (0, 10)]


# --- overview


def test_the_overview_has_mean_median_and_links_to_every_page(tmp_path):
    marks = [mark(name, gram) for name, gram in {"Ada": 6, "Bo": 4, "Cy": 2, "D é/<b>": 3}.items()]
    write.write(tmp_path, marks, RECORD)
    page = Page(tmp_path / "overview.html")
    text = page.check()
    assert "Mean78%" in text and "Median75%" in text and "similarity.html" in page.links
    targets = [tmp_path / unquote(link) for link in page.links if link.endswith(".html")]
    assert len(targets) == 5 and all(path.is_file() for path in targets)


def test_the_chart_and_its_table_show_the_share_of_points_lost(tmp_path):
    marks = [mark("Ada", 6), replace(mark("Bo", 3), exercises=(exercise("gram_matrix", 3, "time"), exercise("style_loss", 3)))]
    shares = pages.losses(make_gradebook(marks, RECORD))
    assert shares[STYLE, "gram_matrix"]["out of time or memory"] == pytest.approx(3 / 12)
    assert shares[STYLE, "style_loss"]["lacks a property"] == pytest.approx(1 / 8)
    write.write(tmp_path, marks, RECORD)
    text = read_page(tmp_path / "overview.html")
    assert "gram_matrix: 25% of the points lost: 25% out of time or memory" in text and "gram_matrix30025%000025%" in text


def test_points_added_by_hand_do_not_count_as_lost():
    made = make_gradebook([mark("Ada", 3)], RECORD, [Entry(2, "Ada", "gram_matrix", sets=6)])
    assert sum(pages.losses(made)[STYLE, "gram_matrix"].values()) == 0


def test_the_most_common_reason_comes_first_and_numbers_in_it_do_not_matter():
    said = {"Ada": "It is 0.5 times too large.", "Bo": "It is 0.25 times too large.", "Cy": "Not symmetric."}
    marks = [replace(mark(name), exercises=(exercise("gram_matrix", 2, "value", words),)) for name, words in said.items()]
    found = pages.reasons(make_gradebook(marks, RECORD))
    assert [(count, name) for count, name, _ in found] == [(2, "gram_matrix"), (1, "gram_matrix")] and "too large" in found[0][2]


def test_the_distribution_counts_every_student_once():
    assert pages.bins(make_gradebook([mark("Ada", 6), mark("Bo", 0), mark("Cy", 6)], RECORD)) == [0, 0, 0, 0, 1, 0, 0, 0, 0, 2]


def contrast(one: str, other: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_have_enough_contrast_in_light_and_in_dark(scheme):
    found = re.findall(r"--(\w+): (#[0-9a-f]{6})", pages.TEMPLATES.get_template("style.css").render())
    colours = dict(found[scheme * len(found) // 2 : (scheme + 1) * len(found) // 2])
    assert len(colours) == 16
    for name in ("text", "soft", "link", "good", "bad"):
        assert min(contrast(colours[name], colours[back]) for back in ("page", "panel")) >= 4.5, name
    for name in (f"s{place}" for place in range(7)):
        assert min(contrast(colours[name], colours[back]) for back in ("page", "empty")) >= 3, name
