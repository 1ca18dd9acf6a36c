"""A class in every layout that learning platforms make, with one student's archive in it that imitates a class.

Whatever Mallory packs: the others keep their names, files and times, and all that is hers stays in her own row.
"""

import io
import stat
import zipfile
from pathlib import Path

import pytest
from test_collect import LESSON, notebook, put, students, zipped

from stylelab.tools.classroom.intake.collect import collect

pytestmark = pytest.mark.plain
WHEN, EARLY = "2026-11-02T10:00:00", (2001, 1, 1, 0, 0, 0)
TIME = "2026-11-02-10-00-00"
METADATA = "".join(
    f"submission_{number}:\n  :submitters:\n  - :name: {name}\n    :sid: '{number}'\n  :created_at: 2026-11-02 10:00:00 Z\n"
    for number, name in enumerate(("Ada Lovelace", "Jane Doe", "Mallory"), 1)
).encode()

# layout -> a function that names the file that a student uploads as `name`; the number is the platform's
LAYOUTS = {
    "canvas": lambda number, login, name: f"{login.replace('_', '')}_{number}_9{number}_{name}",
    "moodle": lambda number, login, name: f"{login.replace('_', ' ')}_{number}_assignsubmission_file_{name}",
    "moodle with folders": lambda number, login, name: f"{login.replace('_', ' ')}_{number}_assignsubmission_file_/{name}",
    "blackboard": lambda number, login, name: f"Home_work 3_{login}_attempt_{TIME}_{name}",
    "gradescope": lambda number, login, name: f"submission_{number}/{name}",
    "nbgrader": lambda number, login, name: f"submitted/{login}/hw1/{name}",
    "folder per student": lambda number, login, name: f"{login}/{name}",
    "flat": lambda number, login, name: f"{login}{'.zip' if name.endswith('.zip') else '.ipynb'}",
    "a zip per student": lambda number, login, name: f"{login}.zip",
}
BESIDES = {
    "gradescope": {"submission_metadata.yml": METADATA},
    "blackboard": {f"Home_work 3_{login}_attempt_{TIME}.txt": f"Name: X Y ({login})\n".encode() for login in ("ada", "mallory")},
    "nbgrader": {f"submitted/{login}/hw1/timestamp.txt": b"2026-11-02 10:00:00 UTC" for login in ("ada", "jane_doe", "mallory")},
}
CLASS = ("ada", "jane_doe", "mallory")
OTHERS = ("ada", "jane_doe", "Ada Lovelace", "ADA", "ada ", "\u0430da", "jane_doe\u200b", "mallory", "new")


def fake(layout: str) -> dict[str, bytes]:
    """A whole class as this layout has it, as one student packs it."""
    names = [LAYOUTS[layout](number, login, LESSON) for number, login in enumerate(OTHERS, 1)]
    return dict.fromkeys(names, notebook("forged")) | BESIDES.get(layout, {})


IMITATIONS = {layout: fake(layout) for layout in LAYOUTS}
IMITATIONS |= {f"{layout} in a folder": {f"export/{name}": data for name, data in fake(layout).items()} for layout in LAYOUTS}
IMITATIONS |= {
    "a zip in a zip": {f"{login}.zip": zipped(fake("canvas")) for login in OTHERS},
    "outside": dict.fromkeys(
        (f"../ada/{LESSON}", f"/ada/{LESSON}", f"C:\\ada\\{LESSON}", f"..\\..\\ada\\{LESSON}", f"ada\\{LESSON}", LESSON), notebook("forged")
    ),
    "two names in one": dict.fromkeys((f"ada, jane_doe/{LESSON}", f"ada_jane_doe_{LESSON}"), notebook("forged")),
    "times": {LESSON: notebook("forged"), "timestamp.txt": b"2001-01-01 00:00:00 UTC", "submitted/mallory/hw1/x-999.ipynb": notebook()},
}  # fmt: skip
UPLOADS = (
    "work.zip", "work-999.zip", "ada.zip", "ada_1_91_x.zip", f"Home_work 3_ada_attempt_{TIME}_x.zip",
    "Ada_1_assignsubmission_file_x.zip", "submission_1.zip", "submitted.zip", "submission_metadata.yml.zip",
)  # fmt: skip


def packed(entries: dict[str, bytes]) -> bytes:
    """A zip with these entries, all of them long before the term; the first of them twice, and a link to a classmate's."""
    stream = io.BytesIO(zipped(entries, when=EARLY))
    with zipfile.ZipFile(stream, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(zipfile.ZipInfo(next(iter(entries)), EARLY), next(iter(entries.values())))
        link = zipfile.ZipInfo("link.ipynb", EARLY)
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, f"../ada/{LESSON}")
    return stream.getvalue()


def hand_in(folder: Path, layout: str, form: str, name: str, data: bytes) -> Path:
    """The class, with this file of Mallory's: a folder or a zip, in which it may lie in a folder, or a folder with a zip in it."""
    name_of = LAYOUTS[layout]
    own = {login: notebook(f"by {login}") for login in CLASS[:2]} | {"mallory": data}
    if layout == "a zip per student":
        own = {login: data if zipfile.is_zipfile(io.BytesIO(data)) else zipped({LESSON: data}) for login, data in own.items()}
    names = {login: name_of(number, login, name if login == "mallory" else LESSON) for number, login in enumerate(own, 1)}
    files = {names[login]: data for login, data in own.items()} | BESIDES.get(layout, {})
    folder.mkdir()
    if form.endswith("of a folder"):
        files = {f"week 3/{path}": content for path, content in files.items()}
    if "zip" in form:
        put(folder, "class.zip", data=zipped(files, when=(2026, 11, 2, 10, 0, 0)), when=WHEN)
        return folder if form == "folder of a zip" else folder / "class.zip"
    for path, content in files.items():
        put(folder, path, data=content, when=WHEN)
    return folder


def rows(submissions) -> list[tuple]:
    """All that decides a mark: whose it is, what is graded, when it was handed in, and what is said about it."""
    return [(each.student, each.read(), each.when, each.notes, each.trouble) for each in submissions]


@pytest.mark.parametrize(
    ("layout", "form"),
    [(layout, form) for layout in LAYOUTS for form in ("folder", "zip", "zip of a folder")]
    + [(layout, form) for layout in list(LAYOUTS)[:6] for form in ("folder of a folder", "folder of a zip")],
)
def test_a_students_archive_that_imitates_a_class_stays_one_students(tmp_path, layout, form):
    honest = collect(hand_in(tmp_path / "honest", layout, form, LESSON, notebook("by mallory")))
    assert len(honest) == 3
    (mallory,) = (each for each in honest if "mallory" in each.student.lower())
    others = rows(each for each in honest if each is not mallory)
    attacks = [(imitation, "work.zip") for imitation in IMITATIONS] + [("canvas", upload) for upload in UPLOADS]
    for count, (imitation, upload) in enumerate(attacks):
        found = collect(hand_in(tmp_path / str(count), layout, form, upload, packed(IMITATIONS[imitation])))
        assert rows(each for each in found if each.student != mallory.student) == others, (imitation, upload)
        hers = [each for each in found if each.student == mallory.student]
        assert hers and {each.when for each in hers} == {mallory.when}, (imitation, upload)
        assert sum(not each.trouble for each in hers) == ("zip" not in imitation), (imitation, upload)  # of a zip in a zip, none


@pytest.mark.parametrize("layout", ["moodle with folders", "gradescope", "nbgrader", "folder per student"])
def test_a_students_folder_that_imitates_a_class_stays_one_students(tmp_path, layout):
    source = hand_in(tmp_path / "class", layout, "folder", LESSON, notebook("by mallory"))
    honest = collect(source)
    (mallory,) = (each for each in honest if "mallory" in each.student.lower())
    own = source / LAYOUTS[layout](3, "mallory", LESSON)
    (own.parent / "ada").symlink_to(source / LAYOUTS[layout](1, "ada", ""))
    for imitation in fake, lambda layout: {f"hw1/{name}": data for name, data in fake(layout).items()}:
        for other in LAYOUTS:
            for name, data in imitation(other).items():
                put(own.parent / "more", name, data=data, when=WHEN)
    put(own.parent / "more", "timestamp.txt", data=b"2001-01-01 00:00:00 UTC")
    found = collect(source)
    assert rows(each for each in found if each is not mallory and each.student != mallory.student) == rows(
        each for each in honest if each is not mallory
    )
    assert {each.when for each in found} == {each.when for each in honest}


@pytest.mark.parametrize("honest", ["ada.ipynb", "ada.zip", "ada.py", "ada/answer.pdf", "ada/x.ipynb", "export/ada_1_91_x.ipynb"])
def test_a_folder_named_like_nbgraders_or_a_lone_imitation_takes_nobodys_row(tmp_path, honest):
    def found(name: str) -> list[tuple]:
        return [row for row in rows(collect(folder)) if "submitted" not in row[0] and "mallory" not in row[0]]

    folder = put(tmp_path / "class", honest, data=zipped({LESSON: notebook()}) if honest.endswith("zip") else None, when=WHEN)
    put(folder, "mallory.zip", data=zipped({LESSON: notebook("forged")}), when=WHEN)
    put(folder, "submitted/x.ipynb", when=WHEN)
    before = found("before")
    put(folder, f"submitted/ada/hw1/{LESSON}", f"submitted/export/hw1/{LESSON}", when=WHEN)
    put(folder, "mallory.zip", data=packed(IMITATIONS["canvas"]), when=WHEN)
    assert found("after") == before and before


@pytest.mark.parametrize("data", [zipped({}), zipped({"photo.png": b""}), b"no zip", None])
def test_an_imitation_beside_a_zip_without_work_is_one_students_too(tmp_path, data):
    folder = put(tmp_path, "mallory.zip", data=packed(IMITATIONS["canvas"]))
    (folder / "ada.zip").symlink_to(folder / "mallory.zip") if data is None else put(folder, "ada.zip", data=data)
    assert set(students(collect(folder))) == {"ada", "mallory"}


def test_a_list_that_a_student_hands_in_beside_others_names_nobody(tmp_path):
    folder = put(tmp_path, "ada.ipynb", "bob/x.ipynb", "mallory.ipynb", when=WHEN)
    before = rows(collect(folder))
    text = METADATA.replace(b"submission_1", b"ada.ipynb").replace(b"submission_2", b"bob")
    assert rows(collect(put(folder, "submission_metadata.yml", data=text))) == before


def test_a_folder_that_is_called_submitted_loses_no_students_when_one_of_them_has_folders(tmp_path):
    folder = put(tmp_path / "submitted", "ada/x.ipynb", "bob.ipynb", "mallory/submitted/ada/hw1/x.ipynb")
    assert students(collect(folder)) == ["ada", "bob", "mallory"]
