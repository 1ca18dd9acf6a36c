"""manual.csv: how it is created and read, and how its lines change the marks."""

from pathlib import Path

import pytest

from stylelab.errors import InputError
from stylelab.tools.classroom.marking.model import ExerciseMark, Line, Mark
from stylelab.tools.classroom.marking.record import Record
from stylelab.tools.classroom.reports.gradebook import make_gradebook
from stylelab.tools.classroom.reports.manual import COLUMNS, NAME, read_manual

HEAD = ",".join(COLUMNS) + "\n"
LESSON = "03_style_reconstruction"
RECORD = Record("0" * 32, "0.1", "e" * 64, {"gram_matrix": 6, "style_loss": 4})
pytestmark = pytest.mark.plain


def mark(student: str, gram: int = 3, lesson: str = LESSON) -> Mark:
    lines = (Line("value", 2, min(gram, 2)), Line("symmetric", 4, max(gram - 2, 0), None if gram == 6 else "It is not."))
    exercises = (
        ExerciseMark("gram_matrix", "Which filters answer together.", "right" if gram == 6 else "property", "It is not.", lines),
        ExerciseMark("style_loss", "The sum.", "right", "", (Line("value", 4, 4),)),
    )
    return Mark(student, f"{student}.ipynb", lesson, "torch", "0" * 64, exercises)


def entries(folder: Path, text: "str | bytes"):
    (folder / NAME).write_bytes(text.encode() if isinstance(text, str) else text)
    return read_manual(folder)


def book(folder: Path, lines: str, *marks: Mark):
    return make_gradebook(marks or (mark("Ada"),), RECORD, entries(folder, HEAD + lines))


def gram(made, student: int = 0):
    return made.students[student].submissions[0].exercises[0]


def test_a_new_file_has_a_header_and_a_commented_example(tmp_path):
    assert read_manual(tmp_path) == ()
    lines = (tmp_path / NAME).read_text().splitlines()
    assert lines[0].split(",") == [*COLUMNS, "regrade", "reply"] and len(lines) == 2 and lines[1].startswith("#")


@pytest.mark.parametrize("text", [HEAD + "Ada,gram_matrix,6,good\n", "", "not a header\n"])
def test_an_existing_file_is_never_written(tmp_path, text):
    path = tmp_path / NAME
    path.write_text(text)
    before = path.stat()
    try:
        read_manual(tmp_path)
    except InputError:
        pass
    assert path.read_text() == text and path.stat().st_mtime_ns == before.st_mtime_ns


def test_a_dangling_link_is_not_written_through(tmp_path):
    (tmp_path / NAME).symlink_to(tmp_path / "elsewhere.csv")
    with pytest.raises(InputError, match="cannot read"):
        read_manual(tmp_path)
    assert not (tmp_path / "elsewhere.csv").exists()


@pytest.mark.parametrize(
    ("points", "after"),
    [("6", 6), ("0", 0), ("4.5", 4.5), ("'4,5", 4.5), ("+1", 4), ("add 2", 5), ("-1", 2), ("take 1", 2), ("−1", 2), ("ADD 1", 4)],
)
def test_points_are_set_or_changed(tmp_path, points, after):
    assert gram(book(tmp_path, f'Ada,gram_matrix,"{points}",\n')).earned == after


def test_changes_by_hand_are_described_in_words(tmp_path):
    item = gram(book(tmp_path, 'Ada,gram_matrix,6,"Right, but late.\nSee me."\n'))
    assert item.by_hand == ("set by hand from 3 to 6",) and item.comments == ("Right, but late.\nSee me.",)


def test_lines_are_applied_in_their_order(tmp_path):
    item = gram(book(tmp_path, "Ada,gram_matrix,1,\nAda,gram_matrix,+2,\n"))
    assert item.earned == 3 and item.by_hand == ("set by hand from 3 to 1", "set by hand from 1 to 3")


@pytest.mark.parametrize(("points", "after"), [("99", 6), ("+99", 6), ("-99", 0)])
def test_points_stay_between_zero_and_the_maximum_and_the_instructor_is_warned(tmp_path, points, after):
    made = book(tmp_path, f"Ada,gram_matrix,{points},\n")
    assert gram(made).earned == after and "line 2" in made.warnings[0] and f"limited to {after}" in made.warnings[0]


@pytest.mark.parametrize("target", [LESSON, "03", "3", "lesson"])
def test_a_line_can_change_a_whole_lesson(tmp_path, target):
    made = book(tmp_path, f"Ada,{target},add 2,well told\n")
    handed = made.students[0].submissions[0]
    assert (handed.earned, handed.by_hand, handed.comments) == (9, ("set by hand from 7 to 9",), ("well told",))
    assert gram(made).by_hand == () and made.warnings == ()


def test_a_file_that_could_not_be_graded_can_be_given_points_by_hand(tmp_path):
    broken = Mark("Bo", "bo.ipynb", LESSON, "", "0" * 64, ())
    made = book(tmp_path, "Bo,03,5,on paper\n", mark("Ada"), broken)
    assert made.students[1].final == 5


def test_a_comment_alone_changes_no_points(tmp_path):
    item = gram(book(tmp_path, "Ada,gram_matrix,,Well done\n"))
    assert (item.earned, item.by_hand, item.comments) == (3, (), ("Well done",))


@pytest.mark.parametrize(("line", "words"), [
    ("Nobody,gram_matrix,1,", "no such student"),
    ("Adda,gram_matrix,1,", "did you mean 'ada'"),
    ("Ada,gram_matrx,1,", "did you mean 'gram_matrix'"),
    ("Ada,05,1,", "no such exercise or lesson"),
    ("Bo,style_loss,1,", "submitted nothing"),
])  # fmt: skip
def test_unknown_students_and_exercises_are_reported_and_ignored(tmp_path, line, words):
    short = Mark("Bo", "bo.ipynb", "02_content", "torch", "", (ExerciseMark("psnr", "", "right", "", ()),))
    made = book(tmp_path, line + "\n", mark("Ada"), short)
    assert len(made.warnings) == 1 and "manual.csv, line 2" in made.warnings[0] and words in made.warnings[0]
    assert gram(made).earned == 3


def test_a_name_matches_in_any_case_and_with_the_quote_of_a_spreadsheet(tmp_path):
    made = book(tmp_path, "'=ADA  lovelace,gram_matrix,6,\n", mark("=Ada Lovelace"))
    assert gram(made).earned == 6 and made.warnings == ()


def test_an_ambiguous_name_matches_no_student(tmp_path):
    made = book(tmp_path, "ADA,gram_matrix,6,\nada,gram_matrix,5,\n", mark("Ada"), mark("ada"))
    assert "several students have this name" in made.warnings[0] and len(made.warnings) == 1
    assert sorted(gram(made, place).earned for place in (0, 1)) == [3, 5]


@pytest.mark.parametrize("mark_of_order", ["", "\ufeff"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters_and_byte_order_marks_of_spreadsheets_are_read(tmp_path, delimiter, mark_of_order):
    rows = [["comment", "Points", "student", "EXERCISE"], ["well, well", "6", "Ada", "gram_matrix"]]
    text = "\r\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in rows)
    (entry,) = entries(tmp_path, mark_of_order + text)
    assert (entry.student, entry.target, entry.sets, entry.comment, entry.line) == ("Ada", "gram_matrix", 6, "well, well", 2)


def test_empty_lines_and_comments_are_skipped_and_lines_are_numbered_as_in_an_editor(tmp_path):
    text = f'\n{HEAD}\n# Ada,gram_matrix,6,\n,,,\nAda,gram_matrix,1,"two\nlines"\nAda,style_loss,2,\n'
    assert [entry.line for entry in entries(tmp_path, text)] == [6, 8]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("Ada,gram_matrix,6,\n", 1, "'student' is missing"),
        ("student,exercise,points\n", 1, "'comment' is missing"),
        (HEAD + "Ada,gram_matrix,six,\n", 2, "points 'six'"),
        (HEAD + "\nAda,gram_matrix,nan,\n", 3, "points 'nan'"),
        (HEAD + "Ada,gram_matrix,1e3,\n", 2, "cannot read points"),
        (HEAD + "Ada,gram_matrix," + "9" * 400 + ",\n", 2, "cannot read points"),
        (HEAD + ",gram_matrix,6,\n", 2, "no student"),
        (HEAD + "Ada,,6,\n", 2, "no exercise"),
        (HEAD + "Ada,gram_matrix,6,well, well\n", 2, "quotes"),
        (HEAD + 'Ada,gram_matrix,6,"open\n', 2, "quotes"),
        (HEAD.encode() + b"Ada,gram_matrix,6,\xe4\n", 2, "not UTF-8"),
        (HEAD + "Ada,gram\0matrix,6,\n", 2, "NUL"),
    ],
)
def test_an_error_names_the_line(tmp_path, text, line, words):
    with pytest.raises(InputError, match=f"line {line}") as error:
        entries(tmp_path, text)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_a_folder_or_a_far_too_large_file_is_refused(tmp_path):
    (tmp_path / NAME).mkdir()
    with pytest.raises(InputError, match="cannot read"):
        read_manual(tmp_path)
    (tmp_path / NAME).rmdir()
    with open(tmp_path / NAME, "wb") as stream:
        stream.truncate(11_000_000)
    with pytest.raises(InputError, match="larger than"):
        read_manual(tmp_path)
