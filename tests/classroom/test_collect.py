"""`collect` finds each student's notebooks in whatever form they arrive, and no submission stops the others."""

import io
import json
import os
import pickle
import random
import stat
import struct
import time
import tracemalloc
import zipfile
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stylelab.errors import InputError, MachineError, StylelabError
from stylelab.tools.classroom.intake import collect as collecting
from stylelab.tools.classroom.intake import files, zips
from stylelab.tools.classroom.intake.collect import LIMITS, collect
from stylelab.tools.classroom.intake.stored_file import StoredFile
from stylelab.tools.classroom.intake.students import clean_name

LESSON = "03_style_reconstruction_torch.ipynb"
OTHER = "03_style_reconstruction_tensorflow.ipynb"
pytestmark = pytest.mark.plain


def notebook(text: str = "x = 1", lesson: str = "03_style_reconstruction", framework: str = "torch") -> bytes:
    """A small notebook that says which lesson it is."""
    cell = {"cell_type": "code", "source": text, "metadata": {}, "outputs": []}
    return json.dumps({"cells": [cell], "metadata": {"stylelab": {"lesson": lesson, "framework": framework}}}).encode()


def put(folder: Path, *names: str, data: bytes | None = None, when: str | None = None) -> Path:
    """Write files below a folder, notebooks unless `data` is given; returns the folder."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(notebook() if data is None else data)
        if when:
            os.utime(path, 2 * (datetime.fromisoformat(when).timestamp(),))
    return folder


def zipped(entries: dict[str, bytes], when=(2026, 11, 2, 10, 0, 0), method=zipfile.ZIP_DEFLATED) -> bytes:
    """A zip with these entries."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in entries.items():
            info = zipfile.ZipInfo(name, when)
            info.compress_type = method
            archive.writestr(info, data)
    return stream.getvalue()


def zip_of(*names: str, **options) -> bytes:
    """A zip of notebooks with these names."""
    return zipped(dict.fromkeys(names, notebook()), **options)


def students(submissions) -> list[str]:
    """Their students' names, in order."""
    return [submission.student for submission in submissions]


def only(items):
    """The only item."""
    (item,) = items
    return item


@pytest.fixture
def in_new_york(monkeypatch):
    """A machine whose clock is five hours behind."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        yield
    time.tzset()


# how submissions arrive


def test_a_single_notebook_is_a_batch_of_one(tmp_path):
    put(tmp_path, f"ada_{LESSON}", when="2026-11-01T12:00:00+00:00")
    one = only(collect(tmp_path / f"ada_{LESSON}"))
    assert (one.student, one.name, one.trouble) == ("ada", f"ada_{LESSON}", None)
    assert one.read() == notebook() and one.when == datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "name, student",
    [
        (f"ada_{LESSON}", "ada"), (f"{LESSON[:-6]}_ada.ipynb", "ada"), ("ada 03_style_reconstruction.ipynb", "ada"),
        (f"ada_{LESSON[:-6]}_newer_2.ipynb", "ada"), (f"ada_{LESSON[:-6]} (1).ipynb", "ada"), ("homework.ipynb", "homework"),
        (f"ada_{LESSON[:-6]}-Copy1.ipynb", "ada"), (f"{LESSON[:-6]}.ipynb", LESSON[:-6]), (f"o.k._{LESSON}", "o.k"),
        ("李小龍.ipynb", "李小龍"), ("Zoe\u0308.ipynb", "Zo\u00eb"), ("آزاده.ipynb", "آزاده"), ("a_b.IPYNB", "a_b"),
    ],
)  # fmt: skip
def test_the_file_name_without_the_lesson_is_the_students_name(tmp_path, name, student):
    assert students(collect(put(tmp_path, name))) == [student]


def test_a_folder_per_student_may_hold_several_lessons(tmp_path):
    for lesson in ("03_style_reconstruction", "04_style_transfer"):
        put(tmp_path, f"ada/{lesson}_torch.ipynb", data=notebook(lesson=lesson))
    found = collect(put(tmp_path, "bob/deep/down/solution.ipynb"))
    assert students(found) == ["ada", "ada", "bob"]
    assert all(not each.notes and not each.trouble for each in found)


@pytest.mark.parametrize("start", ["", "submitted", "submitted/ada", "submitted/ada/hw1", f"submitted/ada/hw1/{LESSON}"])
def test_nbgraders_folder_can_be_given_at_any_level(tmp_path, start):
    put(tmp_path, f"submitted/ada/hw1/{LESSON}", f"source/hw1/{LESSON}", f"autograded/ada/hw1/{LESSON}")
    (tmp_path / "submitted/ada/hw1/timestamp.txt").write_text("2026-11-01 15:58:23.948203 UTC\n")
    one = only(collect(tmp_path / start))
    assert (one.student, one.when) == ("ada", datetime(2026, 11, 1, 15, 58, 23, 948203, UTC))


@pytest.mark.parametrize("folder", ["", "course/"])
def test_nbgraders_folder_may_be_zipped(tmp_path, folder):
    inside = {f"{folder}submitted/{student}/hw1/{LESSON}": notebook() for student in ("ada", "bob")}
    inside |= {f"{folder}submitted/ada/hw1/timestamp.txt": b"2026-11-01 15:58:23 UTC"}
    put(tmp_path, "course.zip", data=zipped(inside))
    ada, bob = collect(tmp_path / "course.zip")
    assert (ada.student, bob.student) == ("ada", "bob") and ada.when == datetime(2026, 11, 1, 15, 58, 23, tzinfo=UTC)


def test_one_students_folders_are_not_mistaken_for_students(tmp_path):
    put(tmp_path, "ada/week1/x.ipynb", "ada/week2/x.ipynb")
    assert students(collect(tmp_path)) == ["ada"]


def test_a_class_may_be_zipped_in_a_folder(tmp_path):
    put(tmp_path, "work.zip", data=zip_of("work/ada/x.ipynb", "work/bob/x.ipynb", "work/README.md"))
    assert students(collect(tmp_path / "work.zip")) == ["ada", "bob"]


@pytest.mark.parametrize(
    "names, expected",
    [
        (("ada.ipynb", "bob.zip"), ["ada", "bob"]), (("x.ipynb", "y.py"), ["class"]), ((f"ada_{LESSON}", f"bob_{LESSON}"), ["ada", "bob"]),
        (("ada/x.ipynb", "bob/x.ipynb", "eve.ipynb"), ["ada", "bob", "eve"]), ((f"a_{LESSON}", f"b_{OTHER}"), ["class"]), ((LESSON, OTHER), ["class"]), (("x.ipynb",), ["class"]),
    ],
)  # fmt: skip
def test_a_zip_with_one_folder_around_it_may_be_a_class_of_loose_notebooks(tmp_path, names, expected):
    put(tmp_path, "export.zip", data=zip_of(*(f"class/{name}" for name in names)))
    assert sorted(set(students(collect(tmp_path / "export.zip")))) == expected


def test_a_zip_beside_others_is_one_students_and_the_teacher_is_told_if_it_looks_like_a_class(tmp_path):
    told = []
    put(tmp_path, "ada.zip", data=zip_of("first/x.ipynb", "second/x.ipynb"))
    put(tmp_path, "one.zip", data=zip_of(*CANVAS))
    put(tmp_path, "two.zip", data=zip_of(*(f"{name}/x.ipynb" for name in ("bob", "eve", "zeno"))))
    assert set(students(collect(tmp_path, told.append))) == {"ada", "one", "two"}
    assert "'one.zip', 'two.zip'" in only(told) and "\n" not in only(told)


def test_a_folder_of_nothing_but_exports_is_read_as_exports_and_the_teacher_is_told(tmp_path):
    told = []
    put(tmp_path, "one.zip", "two.zip", data=zip_of(*CANVAS))
    put(tmp_path, *(f"three/{name}" for name in CANVAS))
    put(tmp_path, "roster.csv", "README.md", data=b"")
    assert set(students(collect(tmp_path, told.append))) == {"babbagecharles", "lovelaceada"}
    assert "'one.zip', 'three', 'two.zip'" in told[0] and "'README.md', 'roster.csv'" in told[1] and len(told) == 2
    put(tmp_path, "mallory.py")  # now there is somebody's work beside them
    assert set(students(collect(tmp_path, told.append))) == {"one", "two", "three", "mallory"}
    assert "looks like a class: 'one.zip', 'three', 'two.zip'" in told[2] and "'README.md'" in told[3] and len(told) == 4


def test_two_unicode_spellings_of_a_name_are_one_student(tmp_path):
    one = only(collect(put(tmp_path, "Zoe\u0308/x.ipynb", "Zo\u00eb/x.ipynb")))
    assert one.student == "Zo\u00eb" and "more than once" in only(one.notes)


@pytest.mark.parametrize(
    "text, hour",
    [("2026-11-01 12:00:00", 12), ("2026-11-01 12:00:00 UTC", 12), ("2026-11-01T12:00:00+02:00", 10), ("2026-11-01 12:00 America/New_York", 17), ("2026-11-01 12:00 XYZ", 17)],
)  # fmt: skip
def test_nbgraders_timestamp_may_name_its_zone(tmp_path, text, hour, in_new_york):
    put(tmp_path, f"submitted/ada/hw1/{LESSON}")
    (tmp_path / "submitted/ada/hw1/timestamp.txt").write_text(text)
    assert only(collect(tmp_path)).when == datetime(2026, 11, 1, hour, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "9999-99-99 99:99:99 UTC", "2026-11-01 12:00 ../../etc", "\0" * 300])
def test_an_unreadable_timestamp_does_no_harm(tmp_path, text):
    put(tmp_path, f"submitted/ada/hw1/{LESSON}")
    (tmp_path / "submitted/ada/hw1/timestamp.txt").write_text(text)
    assert only(collect(tmp_path)).when.tzinfo is not None


CANVAS = (f"lovelaceada_12345_67890_{LESSON}", f"babbagecharles_LATE_12346_67891_{LESSON}")


@pytest.mark.parametrize("folder", ["", "submissions/"])
def test_a_zip_from_canvas_names_students_and_marks_late_ones(tmp_path, folder):
    put(tmp_path, "export.zip", data=zip_of(*(folder + name for name in CANVAS)))
    late, ada = collect(tmp_path / "export.zip")
    assert (late.student, ada.student) == ("babbagecharles", "lovelaceada")
    assert "late" in late.notes[0] and not ada.notes
    assert ada.read() == notebook()
    assert ada.when == datetime(2026, 11, 2, 10).astimezone()


def test_an_export_can_be_zipped_in_a_folder_or_unpacked(tmp_path):
    put(tmp_path / "one", "export.zip", data=zip_of(*CANVAS))
    put(tmp_path / "two/export", *CANVAS)
    put(tmp_path / "three", *CANVAS)
    for folder in ("one", "two", "three"):
        assert students(collect(tmp_path / folder)) == ["babbagecharles", "lovelaceada"]


def test_the_counter_of_canvas_decides_which_resubmission_is_newest(tmp_path):
    names = [f"lovelaceada_12345_{file}_work{again}.ipynb" for file, again in ((1, "-10"), (2, "-9"), (3, ""))]
    put(tmp_path, "export.zip", data=zip_of(*names))
    one = only(collect(tmp_path / "export.zip"))
    assert one.name.endswith("work-10.ipynb") and len(one.notes) == 2 and "more than once" in one.notes[0]


def test_a_zip_from_moodle_has_folders_or_long_names(tmp_path):
    names = (f"Ada Lovelace_11_assignsubmission_file_/{LESSON}", f"Ægir Ö_12_assignsubmission_file_{LESSON}")
    put(tmp_path, "export.zip", data=zip_of(*names))
    assert students(collect(tmp_path / "export.zip")) == ["Ada Lovelace", "Ægir Ö"]


def test_two_students_with_the_same_name_stay_two(tmp_path):
    names = [f"Li Wei_{number}_assignsubmission_file_/{LESSON}" for number in (11, 12)]
    put(tmp_path, "export.zip", data=zip_of(*names))
    assert students(collect(tmp_path / "export.zip")) == ["Li Wei (11)", "Li Wei (12)"]


def test_a_student_with_different_moodle_numbers_in_two_assignments_stays_one(tmp_path):
    for number, lesson in ((11, "03_style_reconstruction"), (77, "04_style_transfer")):
        inside = {f"Ada Lovelace_{number}_assignsubmission_file_/{lesson}.ipynb": notebook(lesson=lesson)}
        put(tmp_path, f"{lesson}.zip", data=zipped(inside))
    assert students(collect(tmp_path)) == ["Ada Lovelace", "Ada Lovelace"]


def test_a_zip_from_blackboard_gives_login_and_time(tmp_path):
    names = [f"Home_work 3_{login}_attempt_2026-11-01-12-30-00_{LESSON}" for login in ("ada", "bob")]
    put(tmp_path, "export.zip", data=zipped({name: notebook() for name in names} | {names[0][:-30] + ".txt": b"Name: Ada"}))
    ada, bob = collect(tmp_path / "export.zip")
    assert (ada.student, bob.student) == ("ada", "bob")
    assert ada.when == datetime(2026, 11, 1, 12, 30).astimezone()


@pytest.mark.parametrize("form", ["export.zip", ""])
@pytest.mark.parametrize("title", ["HW", "Home work 3", "Home_work_3", "hw_2_1", LESSON[:-6]])
def test_blackboards_texts_tell_titles_from_logins(tmp_path, title, form):
    names, logins = {}, ("jane_doe", "jane_roe", "j_d_2", "bob", "s_12345_1", "no_text")
    for login in logins:
        names[f"{title}_{login}_attempt_2026-11-01-12-30-00_{LESSON}"] = notebook()
        names[f"{title}_{login}_attempt_2026-11-01-12-30-00.txt"] = f"Name: Jane (J) Doe ({login})\nAssignment: (x)\n".encode()
    del names[f"{title}_no_text_attempt_2026-11-01-12-30-00.txt"]
    for name, data in names.items():
        put(tmp_path / "folder", name, data=data)
    put(tmp_path, "export.zip", data=zipped(names))
    assert students(collect(tmp_path / (form or "folder"))) == sorted(logins)


@pytest.mark.parametrize(
    "heads, logins",
    [
        (("hw_a_smith", "hw_b_smith"), ["a_smith", "b_smith"]), (("Home_work_3_jane_doe", "Home_work_3_bob"), ["bob", "jane_doe"]),
        (("HW1_jane_doe",), ["jane_doe"]), (("Home_work 3_jane_doe",), ["jane_doe"]), (("03_style_reconstruction_a_b",), ["a_b"]),
        (("HW1_jane_doe", "HW2_jane_doe"), ["jane_doe"]), (("HW 1_Group 1", "HW 1_Group 2"), ["Group 1", "Group 2"]), (("x",), ["x"]),
    ],
)  # fmt: skip
def test_without_blackboards_texts_no_login_loses_its_first_part(tmp_path, heads, logins):
    put(tmp_path, "export.zip", data=zip_of(*(f"{head}_attempt_2026-11-01-12-30-00_{LESSON}" for head in heads)))
    assert students(collect(tmp_path / "export.zip")) == logins


@pytest.mark.parametrize("text", ["", "Name: Ada (ada)", "Name: (", "Name: Bob (ob)", "\0" * 99, "Name: Bob\nx (hw_bob)"])
def test_a_text_that_does_not_fit_the_name_tells_nothing(tmp_path, text):
    head = "hw_bob_attempt_2026-11-01-12-30-00"
    put(tmp_path, "export.zip", data=zipped({f"{head}_{LESSON}": notebook(), f"{head}.txt": text.encode()}))
    assert students(collect(tmp_path / "export.zip")) == ["bob"]


@pytest.mark.parametrize(
    "names, expected",
    [
        (("smith2john_1_2_x.ipynb", "o_neil_LATE_3_4_x.ipynb"), ["o_neil", "smith2john"]),
        (("anon_aB1cD_6_x.ipynb", "LATE_anon_xY2zW_7_x.ipynb"), ["anon_aB1cD", "anon_xY2zW"]),
        (("ada_1_text.html", "bob_2_link.html", "eve_3_4_x.ipynb"), ["ada", "bob", "eve"]),
        (("O'Neil-Li, Zoe J._1_assignsubmission_file_x.ipynb", "Team 7-Li_Wei_2_assignsubmission_file_x.ipynb"), ["O'Neil-Li, Zoe J.", "Team 7-Li_Wei"]),
        (("Ada_1_assignsubmission_onlinetext_onlinetext.html", "Bo_2_assignsubmission_file_/x.ipynb"), ["Ada", "Bo"]),
        (("hw_2026_11_ada.ipynb", "hw_2026_11_bob.ipynb"), ["hw_2026_11_ada", "hw_2026_11_bob"]),
    ],
)  # fmt: skip
def test_platforms_name_files_in_these_ways(tmp_path, names, expected):
    put(tmp_path, "export.zip", data=zip_of(*names))
    assert students(collect(tmp_path / "export.zip")) == expected
    assert students(collect(put(tmp_path / "folder", *names))) == expected


METADATA = """---
submission_123:
  :submitters:
  - :name: Ada Lovelace
    :sid: '17'
    :email: ada@example.org
  - :name: Bob
    :sid: '18'
  :created_at: 2026-11-01 12:00:00.000000000 Z
submission_124:
  :submitters:
  - :name: Eve
  :created_at: 2026-11-01 13:00:00 +02:00
"""


@pytest.mark.parametrize("suffix", ["yml", "yaml"])
def test_the_list_from_gradescope_names_everyone_in_a_group(tmp_path, suffix):
    inside = {f"assignment_9_export/submission_{number}/work.ipynb": notebook() for number in (123, 124)}
    inside[f"assignment_9_export/submission_metadata.{suffix}"] = METADATA.encode()
    put(tmp_path, "export.zip", data=zipped(inside))
    ada, bob, eve = collect(tmp_path / "export.zip")
    assert [ada.student, bob.student, eve.student] == ["Ada Lovelace", "Bob", "Eve"]
    assert ada.notes == ("submitted together with Bob",) and not eve.notes
    assert (ada.when.astimezone(UTC).hour, eve.when.astimezone(UTC).hour) == (12, 11)


@pytest.mark.parametrize(
    "text",
    ["", "[1, 2", "- 1", "submission_123: 5", "submission_123: {':submitters': [7, {}]}", "a: &a [*a]", "\0", "? [" * 3000],
)
def test_a_broken_list_from_gradescope_falls_back_to_folder_names(tmp_path, text):
    put(tmp_path, "export/submission_metadata.yml", data=text.encode())
    assert students(collect(put(tmp_path, "export/submission_123/work.ipynb").joinpath("export"))) == ["submission_123"]


@pytest.mark.parametrize(
    "depth", ["[" * 50_000, "{a: " * 50_000, "- " * 50_000, "&a [*a]", "2026-99-99", "9" * 9000, "!!python/object:os.system x"]
)
def test_a_hostile_entry_in_gradescopes_list_affects_only_itself(tmp_path, depth):
    text = METADATA.replace("'18'", depth).replace("submission_124:", "submission_124:\n  :results:\n    :text: 5")
    put(tmp_path, "export/submission_metadata.yml", data=text.encode())
    put(tmp_path, "export/submission_123/work.ipynb", "export/submission_124/work.ipynb")
    found = students(collect(tmp_path / "export"))
    assert "Eve" in found and set(found) <= {"Eve", "Ada Lovelace", "Bob", "submission_123"}


def test_a_name_cannot_forge_an_entry_in_gradescopes_list(tmp_path):
    text = METADATA.replace("Eve", '"E\u2028submission_123:\u2028  :submitters:\u2028  - :name: Eve\u2028"')
    put(tmp_path, "export/submission_metadata.yml", data=text.encode())
    assert students(collect(put(tmp_path, "export/submission_123/work.ipynb") / "export")) == ["Ada Lovelace", "Bob"]


@pytest.mark.parametrize("name", ["lovelaceada_12345_67890_work.zip", "ada/work.zip", "ada.zip"])
def test_a_students_own_zip_is_opened(tmp_path, name):
    put(tmp_path, name, data=zip_of(f"my work/{LESSON}", "notes.txt", f"__MACOSX/{LESSON}", when=(2001, 1, 1, 0, 0, 0)))
    one = only(collect(tmp_path))
    assert one.student in ("lovelaceada", "ada") and one.read() == notebook()
    assert one.when.year != 2001  # the student's clock says nothing


def test_a_students_own_zip_in_an_export_is_opened(tmp_path):
    put(tmp_path, "export.zip", data=zipped({CANVAS[0].replace(".ipynb", ".zip"): zip_of(LESSON), CANVAS[1]: notebook()}))
    late, ada = collect(tmp_path / "export.zip")
    assert ada.student == "lovelaceada" and ada.read() == late.read() == notebook()


def test_a_zip_in_a_students_zip_is_not_opened(tmp_path):
    inner = zip_of(LESSON)
    put(tmp_path, "export.zip", data=zipped({CANVAS[0]: notebook(), "eve_1_2_a.zip": zipped({"b.zip": inner})}))
    eve, ada = collect(tmp_path / "export.zip")
    assert eve.student == "eve" and "no notebook" in eve.trouble and not ada.trouble


def test_a_student_cannot_submit_under_another_students_name(tmp_path):
    forged = (
        "lovelaceada_12345_67890_x.ipynb",
        f"submitted/ada/hw1/{LESSON}",
        "submission_123/x.ipynb",
        "Ada_1_assignsubmission_file_/x.ipynb",
    )
    metadata = {"submission_metadata.yml": METADATA.encode()}
    put(tmp_path / "a", "bob/mine.zip", data=zipped(dict.fromkeys(forged, notebook()) | metadata))
    put(tmp_path / "b", "bob_1_2_mine.zip", CANVAS[0], data=zip_of(*forged))
    put(tmp_path / "c", *(f"bob/{name}" for name in forged), "ada/x.ipynb")
    put(tmp_path / "d", f"bob_1_2_HW_ada_attempt_2026-11-01-12-00-00_{LESSON}")
    put(tmp_path / "e", "HW_bob_attempt_2026-11-01-12-00-00_ada_1_2_x.ipynb")
    put(tmp_path / "f", "bob_11_assignsubmission_file_ada_1_2_x.ipynb")
    put(tmp_path / "g", "bob_11_assignsubmission_file_/ada_1_2_x.ipynb")
    for folder in "abcdefg":
        found = set(students(collect(tmp_path / folder)))
        assert "bob" in found and found <= {"bob", "ada" if folder == "c" else "lovelaceada"}


# what counts


def test_the_newest_of_a_lesson_and_framework_counts_and_both_frameworks_do(tmp_path):
    put(tmp_path, "ada/old.ipynb", when="2026-11-01T10:00:00+00:00")
    put(tmp_path, "ada/new.ipynb", data=notebook("newer"), when="2026-11-01T11:00:00+00:00")
    put(tmp_path, "ada/other.ipynb", data=notebook(framework="tensorflow"), when="2026-10-01T10:00:00+00:00")
    new, other = collect(tmp_path)
    assert new.read() == notebook("newer") and "'ada/old.ipynb'" in only(new.notes)
    assert other.name == "ada/other.ipynb" and not other.notes


def test_notebooks_of_unknown_lessons_do_not_replace_each_other(tmp_path):
    found = collect(put(tmp_path, "ada/x.ipynb", "ada/y.ipynb", data=b"{}"))
    assert [each.name for each in found] == ["ada/x.ipynb", "ada/y.ipynb"]


def test_a_damaged_entry_does_not_hide_the_students_other_work(tmp_path):
    data = zip_of(f"ada/a_{LESSON}", f"ada/b_{OTHER}")
    put(tmp_path, "export.zip", data=altered(data, f"ada/b_{OTHER}", check=1))
    good, bad = collect(tmp_path / "export.zip")
    assert not good.trouble and good.read() == notebook() and "damaged" in bad.trouble


def test_files_named_as_canvas_does_do_not_merge_two_students(tmp_path):
    assert students(collect(put(tmp_path, "ada_2026_11_work.ipynb", "bob_2026_11_work.ipynb"))) == ["ada", "bob"]


def test_a_file_that_was_too_large_and_then_resubmitted_is_not_reported(tmp_path):
    put(tmp_path, f"ada/1/{LESSON}", f"ada/1/{OTHER}", when="2026-11-01T10:00:00+00:00")
    for name in (LESSON, OTHER):
        os.truncate(tmp_path / f"ada/1/{name}", 30_000_000)
        os.utime(tmp_path / f"ada/1/{name}", (1, 1))
    other, one = collect(put(tmp_path, f"ada/2/{LESSON}"))
    assert (one.name, one.trouble) == (f"ada/2/{LESSON}", None) and f"'ada/1/{LESSON}'" in only(one.notes)
    assert other.name == f"ada/1/{OTHER}" and "30,000,000 bytes" in other.trouble
    os.utime(tmp_path / f"ada/1/{LESSON}", (4e9, 4e9))  # now it is the newest: both are reported
    assert len(collect(tmp_path)) == 3


def test_no_two_names_look_alike(tmp_path):
    names = ["Ada", "ada", "a\u200bda", "\u202eada", "Ａda", "ada\u0000".rstrip("\0") + " "]
    found = collect(put(tmp_path, *(f"{name}/{LESSON}" for name in names)))
    assert len({each.student.casefold() for each in found}) == len(names)
    assert all(each.student.isprintable() for each in found)


def test_names_are_cleaned_for_tables():
    assert clean_name("\u202eevil\x1b[31m\n\t name\ud800\x00") == "evil[31m name?"
    assert clean_name("\u200b\u2066") == "no name" and len(clean_name("x" * 5000)) <= 80
    assert clean_name("می\u200cخواهم") == "می\u200cخواهم"


def test_files_left_by_operating_systems_are_ignored(tmp_path):
    put(
        tmp_path,
        f"ada/{LESSON}",
        f"ada/.ipynb_checkpoints/{LESSON}",
        f"__MACOSX/{LESSON}",
        ".DS_Store",
        f".hidden/{LESSON}",
        "ada/._x.ipynb",
    )
    assert only(collect(tmp_path)).name == f"ada/{LESSON}"
    put(
        tmp_path,
        "export.zip",
        data=zip_of(f"ada/{LESSON}", f"__MACOSX/ada/._{LESSON}", "ada/.ipynb_checkpoints/x.ipynb", "ada/.x.ipynb"),
    )
    assert only(collect(tmp_path / "export.zip")).name == f"export.zip/ada/{LESSON}"


def test_a_student_who_submits_no_notebook_is_reported(tmp_path):
    put(tmp_path, "bob/answer.pdf", f"ada/{LESSON}")
    ada, bob = collect(tmp_path)
    assert not ada.trouble and bob.student == "bob" and "no notebook" in bob.trouble and bob.read() == b""


OTHER_KINDS = ("py", "html", "pdf", "docx", "txt", "json", "rar", "7z", "tar.gz", "ipynb.gz")


@pytest.mark.parametrize("kind", OTHER_KINDS)
@pytest.mark.parametrize(
    "layout", ["{}.{}", "{}_1_2_x.{}", "{}_1_assignsubmission_file_x.{}", "{}/x.{}", "submitted/{}/hw1/x.{}"]
)
def test_what_is_handed_in_instead_of_a_notebook_is_reported(tmp_path, layout, kind):
    for form in ("folder", "zip"):
        names = (layout.format("ada", "ipynb"), layout.format("bob", kind))
        put(tmp_path, "export.zip", data=zip_of(*names))
        ada, bob = collect(tmp_path / "export.zip" if form == "zip" else put(tmp_path / "folder", *names))
        assert not ada.trouble and ada.student == "ada" and bob.student == "bob" and bob.read() == b""
        assert "no notebook was submitted" in bob.trouble and f".{kind}'" in bob.trouble


@pytest.mark.parametrize("suffix", [".ipynb.txt", ".ipynb.json", ".IPYNB.TXT", ".ipynb (1).txt", ".ipynb (2)", " (1).ipynb"])
def test_a_notebook_under_a_name_that_a_browser_gave_it_is_graded(tmp_path, suffix):
    names = (f"ada_{LESSON[:-6]}{suffix}", f"bob/{LESSON[:-6]}{suffix}")
    ada, bob = collect(put(tmp_path, *names))
    assert (ada.student, ada.trouble, bob.student, bob.trouble) == ("ada", None, "bob", None) and bob.read() == notebook()


@pytest.mark.parametrize("name", ["Copy of ada_{}.ipynb", "ada-03-style-reconstruction-torch.ipynb", "Copy of {}_ada.ipynb"])
def test_names_from_colab_and_kaggle_are_understood(tmp_path, name):
    assert students(collect(put(tmp_path, name.format(LESSON[:-6])))) == ["ada"]


@pytest.mark.parametrize("layout", ["{}.ipynb", "{}/x.ipynb", "{}_1_2_x.ipynb", "submitted/{}/hw1/x.ipynb"])
def test_a_teachers_own_files_cause_one_line_and_no_row(tmp_path, layout):
    told, hidden = [], (".DS_Store", "__MACOSX/x.ipynb", "Thumbs.db", "desktop.ini", ".ipynb_checkpoints/x.ipynb", "~$ada.docx")
    folder = put(tmp_path, layout.format("ada"), *hidden)
    assert students(collect(folder, told.append)) == ["ada"] and not told
    own = (
        "roster.csv",
        "README.md",
        "README.txt",
        "grades.xlsx",
        "nbgrader_config.py",
        "marks/record.json",
        "marks/feedback/ada.html",
    )
    put(folder, *own, data=b"")
    assert students(collect(folder, told.append)) == ["ada"]
    assert "belong to no student" in only(told) and "marks" in only(told)
    with zipfile.ZipFile(tmp_path.parent / f"{tmp_path.name}.zip", "w") as archive:
        for name in (layout.format("ada"), *own[:5]):
            archive.write(folder / name, name)
    assert students(collect(tmp_path.parent / f"{tmp_path.name}.zip")) == ["ada"]


def test_what_was_not_read_beside_a_notebook_is_noted(tmp_path):
    put(tmp_path, "ada.zip", data=zipped({LESSON: notebook(), "more.rar": b"", "helper.py": b"", "b.zip": b"", "photo.png": b""}))
    assert "'more.rar', 'helper.py', 'b.zip'" in only(only(collect(tmp_path)).notes)
    assert "'x.py'" in only(only(collect(put(tmp_path / "folder", f"bob/{LESSON}", "bob/x.py", "bob/x.png"))).notes)


def test_other_files_next_to_loose_notebooks_are_ignored(tmp_path):
    assert students(collect(put(tmp_path, "ada.ipynb", "README.md", "data/image.png"))) == ["ada"]


@pytest.mark.parametrize("what", ["nothing", "empty", "text", "texts"])
def test_a_source_without_a_notebook_is_one_line(tmp_path, what):
    (tmp_path / "empty").mkdir()
    put(tmp_path, "text", "texts/ada/text.txt")
    with pytest.raises(InputError) as error:
        collect(tmp_path / what)
    assert "\n" not in str(error.value) and what in str(error.value)


def test_a_thousand_notebooks_are_not_held_in_memory(tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(1000):
            archive.writestr(f"student{number}_{number}_1_{LESSON}", notebook("#" + "ab" * 20_000))
    put(tmp_path, "export.zip", data=stream.getvalue())
    tracemalloc.start()
    found = collect(tmp_path / "export.zip")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 1000 and peak < 20_000_000  # unpacked, they have 40 MB
    assert len(pickle.dumps(found[0])) < 2000 and len(pickle.loads(pickle.dumps(found[500])).read()) > 40_000


# what cannot be graded, and attacks


def test_half_a_gigabyte_is_never_read(tmp_path):
    put(tmp_path, f"ada/{LESSON}", f"bob/{LESSON}")
    os.truncate(tmp_path / f"bob/{LESSON}", 500_000_000)
    ada, bob = collect(tmp_path)
    assert "500,000,000 bytes" in bob.trouble and bob.data == b"" and not ada.trouble


def test_a_file_that_grows_after_it_was_listed_is_not_read(tmp_path):
    one = only(collect(put(tmp_path, LESSON)))
    os.truncate(tmp_path / LESSON, 500_000_000)
    tracemalloc.start()
    with pytest.raises(MachineError, match="changed"):
        one.read()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_a_link_is_not_followed(tmp_path):
    put(tmp_path, "secret/x.ipynb", f"work/ada/{LESSON}")
    (tmp_path / "work/bob").mkdir()
    (tmp_path / "work/bob/x.ipynb").symlink_to(tmp_path / "secret/x.ipynb")
    (tmp_path / "work/eve").symlink_to(tmp_path / "secret")
    ada, bob, eve = collect(tmp_path / "work")
    assert not ada.trouble and "link" in bob.trouble and "link" in eve.trouble and bob.data == eve.data == b""


def test_a_file_that_becomes_a_link_is_not_followed(tmp_path):
    put(tmp_path, "secret.ipynb", f"work/{LESSON}")
    one = only(collect(tmp_path / "work"))
    (tmp_path / "work" / LESSON).unlink()
    (tmp_path / "work" / LESSON).symlink_to(tmp_path / "secret.ipynb")
    with pytest.raises(MachineError):
        one.read()


def refusing(function, ending: str):
    """The function of `os`, which is denied permission for paths with this ending."""

    def call(path, *arguments, **options):
        if os.fspath(path).endswith(ending):
            raise PermissionError(13, "Permission denied")
        return function(path, *arguments, **options)

    return call


@pytest.mark.parametrize("call", ["scandir", "lstat", "open"])
def test_what_the_machine_cannot_read_is_no_trouble_of_the_students(tmp_path, monkeypatch, call):
    put(tmp_path, f"ada/{LESSON}", f"bob/{LESSON}")
    if call == "open":  # of two files of a lesson, the newer counts, readable or not
        os.utime(put(tmp_path, "bob/older.ipynb") / "bob/older.ipynb", (1, 1))
    monkeypatch.setattr(os, call, refusing(getattr(os, call), "bob" if call == "scandir" else f"bob/{LESSON}"))
    ada, bob = collect(tmp_path)
    assert (ada.student, bob.student, ada.trouble, bob.trouble) == ("ada", "bob", None, None) and ada.read()
    with pytest.raises(MachineError, match="cannot be read"):
        bob.read()


def test_a_students_zip_that_the_machine_cannot_read_is_no_trouble_of_the_students(tmp_path, monkeypatch):
    put(tmp_path, "bob/work.zip", data=zip_of(LESSON))
    monkeypatch.setattr(os, "open", refusing(os.open, "work.zip"))
    ada, bob = collect(put(tmp_path, f"ada/{LESSON}"))
    assert bob.trouble is None and bob.name == "bob/work.zip/*.ipynb"
    with pytest.raises(MachineError, match="permission denied"):
        bob.read()


def test_pipes_and_devices_do_not_block(tmp_path):
    os.mkfifo(tmp_path / "bob.ipynb")
    os.mkfifo(tmp_path / "eve.zip")
    ada, bob, eve = collect(put(tmp_path, "ada.ipynb"))
    assert "not a regular file" in bob.trouble and "not a regular file" in eve.trouble and not ada.trouble
    with pytest.raises(MachineError):
        StoredFile(str(tmp_path / "bob.ipynb"), 0).read()


@pytest.mark.parametrize("name", ["../x.ipynb", "/etc/x.ipynb", "C:/x.ipynb", "C:\\x.ipynb", "ada/../../x.ipynb", "..\\x.ipynb"])
def test_a_name_that_points_outside_the_zip_is_reported(tmp_path, name):
    put(tmp_path, "export.zip", data=zip_of(name, "ada.ipynb"))
    troubles = {each.name: each.trouble for each in collect(tmp_path / "export.zip")}
    assert troubles.pop("export.zip/ada.ipynb") is None and "points outside" in only(troubles.values())
    assert os.listdir(tmp_path) == ["export.zip"]


@pytest.mark.parametrize("name", ["../ada/x.ipynb", "/ada/x.ipynb", "C:/ada/x.ipynb", "..\\ada\\x.ipynb", "./../ada/x.ipynb"])
def test_a_name_that_points_outside_the_zip_is_nobody_elses_work(tmp_path, name):
    put(tmp_path, "export.zip", data=zip_of(name, "ada/x.ipynb"))
    found = {each.student: each.trouble for each in collect(tmp_path / "export.zip")}
    assert len(found) == 2 and found["ada"] is None


def altered(data: bytes, name: str, **changes) -> bytes:
    """A zip with fields of one directory entry overwritten."""
    fields = {"flags": (8, "<H"), "method": (10, "<H"), "check": (16, "<L"), "packed": (20, "<L"), "size": (24, "<L"), "mode": (38, "<L"), "offset": (42, "<L")}  # fmt: skip
    data, at = bytearray(data), data.rindex(name.encode()) - 46
    for field, value in changes.items():
        offset, form = fields[field]
        struct.pack_into(form, data, at + offset, value)
    return bytes(data)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"flags": 1}, "encrypted"), ({"method": 12}, "unusual"), ({"method": 99}, "unusual"),
        ({"mode": (stat.S_IFLNK | 0o777) << 16}, "link"), ({"mode": (stat.S_IFIFO | 0o777) << 16}, "link"),
        ({"size": 400_000_000}, "400,000,000 bytes"), ({"size": 19_000_000}, "200 times"), ({"method": 0}, "on purpose"),
        ({"offset": 0}, "on purpose"),
    ],
)  # fmt: skip
def test_an_entry_that_cannot_be_graded_is_reported_and_the_rest_is_graded(tmp_path, changes, words):
    data = zip_of("zeno_1_1_x.ipynb", "ada_2_2_x.ipynb", "bob_3_3_x.ipynb")
    put(tmp_path, "export.zip", data=altered(data, "bob_3_3_x.ipynb", **changes))
    found = {each.student: each for each in collect(tmp_path / "export.zip")}
    assert words in found["bob"].trouble and found["bob"].data == b""
    assert found["ada"].read() == notebook()


@pytest.mark.parametrize("changes", [{"check": 1}, {"size": 5}, {"packed": 5}, {"offset": 7}, {"size": 90_000}])
def test_an_entry_that_lies_is_detected_when_it_is_read(tmp_path, changes):
    put(tmp_path, "export.zip", data=altered(zip_of("ada_2_2_x.ipynb"), "ada_2_2_x.ipynb", **changes))
    one = only(collect(tmp_path / "export.zip"))
    with pytest.raises(InputError) as error:
        one.read()
    assert "\n" not in str(error.value)


def test_a_bomb_is_never_unpacked_beyond_the_size_it_claims(tmp_path):
    bomb = altered(zipped({"ada_2_2_x.ipynb": bytes(60_000_000)}), "ada_2_2_x.ipynb", size=900_000)
    put(tmp_path, "export.zip", data=bomb)
    one = only(collect(tmp_path / "export.zip"))
    tracemalloc.start()
    with pytest.raises(InputError):
        one.read()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_a_bomb_in_a_students_zip_does_not_affect_others(tmp_path):
    bomb = zipped({f"{number}.ipynb": bytes(19_000_000) for number in range(3)})
    put(tmp_path, "export.zip", data=zipped({CANVAS[0]: notebook(), "eve_1_2_a.zip": bomb}))
    *eve, ada = collect(tmp_path / "export.zip")
    assert {each.student for each in eve} == {"eve"} and all("200 times" in each.trouble for each in eve)
    assert ada.read() == notebook()


def test_a_zip_with_too_many_entries_is_not_listed(tmp_path, monkeypatch):
    monkeypatch.setattr(zips, "LIMITS", files.Limits(entries=5, directory=2000))
    put(tmp_path, "many.zip", data=zip_of(*(f"{number}.ipynb" for number in range(6))))
    put(tmp_path, "long.zip", data=zip_of(*(f"{number}.ipynb" for number in range(100))))
    ours = put(tmp_path, "ada.ipynb")
    ada, long, many = collect(ours)
    assert "6 entries" in many.trouble and "too long" in long.trouble and not ada.trouble


def test_only_the_newest_notebooks_of_a_student_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(collecting, "LIMITS", files.Limits(notebooks=3))
    one = only(collect(put(tmp_path, *(f"ada/{number}.ipynb" for number in range(9)))))
    assert "9 notebooks" in one.notes[-1] and len(one.notes) == 3


def test_the_notebooks_in_a_students_zip_have_a_total_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(collecting, "LIMITS", files.Limits(unpacked=100))
    put(tmp_path, "ada.zip", data=zip_of(LESSON))
    assert "100 bytes together" in only(collect(put(tmp_path))).trouble


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip", b"PK\5\6" + bytes(18), zip_of(LESSON)[:-30]])
def test_a_file_that_is_not_a_zip_is_reported(tmp_path, data):
    put(tmp_path, "bob.zip", data=data)
    ada, bob = collect(put(tmp_path, "ada.ipynb"))
    assert not ada.trouble and bob.trouble
    with pytest.raises(InputError):
        collect(tmp_path / "bob.zip")


@pytest.mark.parametrize("name", ["Łukasz", "李小龍", "Ольга", "نور", "प्रिया"])
def test_a_zip_may_name_students_in_any_script(tmp_path, name):
    put(tmp_path, "marked.zip", data=zip_of(f"{name}/{LESSON}"))
    unmarked = zip_of("#" * len(name.encode()) + f"/{LESSON}").replace(b"#" * len(name.encode()), name.encode())
    put(tmp_path, "unmarked.zip", data=unmarked)  # UTF-8 without the flag, as many programs write it
    for file in ("marked.zip", "unmarked.zip"):
        assert students(collect(tmp_path / file)) == [name]


def test_an_old_zip_names_students_in_cp437(tmp_path):
    put(tmp_path, "old.zip", data=zip_of(f"####/{LESSON}").replace(b"####", "Zoë".encode("cp437") + b"!"))
    assert students(collect(tmp_path / "old.zip")) == ["Zoë!"]


def test_a_zip_may_keep_a_name_in_an_extra_field(tmp_path):
    raw, name = f"???_1_2_{LESSON}".encode(), f"李小龍_1_2_{LESSON}".encode()
    info, stream = zipfile.ZipInfo(raw.decode()), io.BytesIO()
    field = b"\1" + struct.pack("<L", zlib.crc32(raw)) + name
    info.extra = struct.pack("<HH", 0x7075, len(field)) + field
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(info, notebook())
    put(tmp_path, "export.zip", data=stream.getvalue())
    assert students(collect(tmp_path / "export.zip")) == ["李小龍"]


def test_an_entry_without_a_time_gets_the_zips_time(tmp_path):
    data = zip_of(CANVAS[0], when=(1980, 1, 1, 0, 0, 0))
    put(tmp_path, "export.zip", data=data, when="2026-11-01T12:00:00+00:00")
    for source in (tmp_path, tmp_path / "export.zip"):
        assert only(collect(source)).when == datetime(2026, 11, 1, 12, tzinfo=UTC)


def test_file_names_that_are_not_utf_8_can_be_read(tmp_path):
    for raw in (b"bob\xff.ipynb", b"bob\xfe.ipynb"):
        with open(os.fsencode(tmp_path) + b"/" + raw, "wb") as stream:
            stream.write(notebook())
    found = collect(tmp_path)
    assert len(set(students(found))) == 2 and all(each.read() == notebook() for each in found)
    assert all(each.student.encode() and each.name.encode() for each in found)


def test_deeply_nested_folders_are_ignored(tmp_path):
    put(tmp_path, "ada/" + "x/" * 60 + LESSON, f"bob/{LESSON}")
    assert students(collect(tmp_path)) == ["bob"]
    put(tmp_path, "export.zip", data=zip_of("ada/" + "x/" * 60 + LESSON, f"bob/{LESSON}"))
    assert students(collect(tmp_path / "export.zip")) == ["bob"]


def test_mutated_exports_raise_only_our_own_errors(tmp_path):
    good = zipped({CANVAS[0]: notebook(), "eve_1_2_a.zip": zip_of(LESSON), CANVAS[1]: notebook("y")})
    rng, path = random.Random(0), tmp_path / "export.zip"
    for _ in range(400):
        data = bytearray(good)
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data[: rng.randrange(len(data))] if rng.random() < 0.1 else data)
        try:
            for each in collect(path):
                assert each.student and each.name and (each.trouble is None or not each.data)
                each.read()
        except StylelabError as error:
            assert "\n" not in str(error)


def test_a_zip_without_its_beginning_is_reported(tmp_path):
    put(tmp_path, "bob.zip", data=zip_of(LESSON)[40:])
    assert "on purpose" in only(collect(tmp_path)).trouble


def test_a_notebook_of_twenty_megabytes_is_read_and_one_byte_more_is_not(tmp_path):
    put(tmp_path, "ada.ipynb", "bob.ipynb")
    for name, size in (("ada", LIMITS.file), ("bob", LIMITS.file + 1)):
        os.truncate(tmp_path / f"{name}.ipynb", size)
    ada, bob = collect(tmp_path)
    assert not ada.trouble and bob.trouble and LIMITS.file == 20_000_000
