"""What the system refuses is one line; files are written completely or not at all, and only regular files are replaced."""

import errno
import os
import shlex
import stat
import subprocess

import pytest

from stylelab.base.files import (
    check_folder,
    check_parent_folder,
    check_target,
    error_text,
    expand_home,
    file_kind,
    printable,
    quoted,
    read_file,
    refused,
    temporary_files,
    temporary_folder,
    write_text,
)  # fmt: skip
from stylelab.errors import InputError, MachineError

pytestmark = pytest.mark.plain
LONG = "x" * 300


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A folder with everything that a path can lead to."""
    monkeypatch.chdir(tmp_path)
    os.mkdir("closed")
    os.mkdir("folder")
    os.chmod("closed", 0)
    os.mkfifo("pipe")
    os.symlink("circle", "circle")
    os.symlink("nowhere/file", "dangling")
    (tmp_path / "file").write_text("text")
    yield tmp_path
    os.chmod("closed", 0o700)


def test_a_path_is_a_file_a_folder_something_else_or_nothing(places):
    kinds = {
        "file": "file",
        "folder": "folder",
        "pipe": "other",
        "/dev/null": "other",
        "absent": "",
        "file/x": "",
        "dangling": "",
    }
    assert {path: file_kind(path) for path in kinds} == kinds


REFUSED = [
    ("closed/x", "permission denied"), (LONG, "file name too long"), ("d/" * 2500, "file name too long"),
    ("circle", "too many levels of symbolic links"), ("a\0b", "no file can have this name"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "words"), REFUSED, ids=["closed", "long name", "long path", "circle", "NUL"])
@pytest.mark.parametrize(
    "look", [file_kind, check_target, check_folder, check_parent_folder, lambda path: read_file(path, "it", 9)]
)
def test_a_path_that_the_system_refuses_is_one_line_that_says_what_to_do(places, permissions_count, path, words, look):
    with pytest.raises(InputError, match=words) as caught:
        look(places / path if "0b" in path else type(places)(path))
    assert "choose another path" in str(caught.value) and len(str(caught.value)) < 250


@pytest.mark.parametrize(("path", "words"), [
    ("folder", "is a folder"), ("pipe", "not a regular file"), ("/dev/full", "not a regular file"),
    ("dangling", "folder '.*nowhere' does not exist"), ("file/x", "is not a folder"), ("absent/x", "does not exist"),
    ("closed/x", "permission denied"),
])  # fmt: skip
def test_an_output_that_cannot_be_written_is_refused_before_the_work(places, permissions_count, path, words):
    with pytest.raises(InputError, match=words):
        check_target(type(places)(path))


def test_checking_an_output_leaves_nothing(places):
    before = sorted(os.listdir())
    assert check_target(type(places)("new.png")).name == "new.png"
    assert check_target(type(places)("file")).name == "file"
    assert sorted(os.listdir()) == before


def test_what_is_wrong_with_the_disk_is_the_machines_fault():
    full = refused(OSError(errno.ENOSPC, "No space left on device"), "cannot write 'a.png'")
    assert isinstance(full, MachineError) and "make room" in str(full)
    assert isinstance(refused(OSError(errno.EACCES, "Permission denied"), "cannot write 'a.png'"), InputError)


def test_a_working_folder_that_is_gone_is_named(places):
    os.mkdir("gone")
    os.chdir("gone")
    os.rmdir("../gone")
    with pytest.raises(InputError, match="working folder no longer exists"):
        check_target(type(places)("a.png"))
    os.chdir(places)


def test_a_device_is_not_read_to_its_end(places):
    for path, words in (("/dev/zero", "not a regular file"), ("pipe", "not a regular file"), ("file", "larger than")):
        with pytest.raises(InputError, match=words):
            read_file(type(places)(path), "the notes", 3)
    assert read_file(type(places)("file"), "the notes", 4) == b"text"


def test_a_name_that_is_as_long_as_the_system_allows_can_be_written(tmp_path):
    for name in ("x" * 255, "é" * 127, "😀" * 63):
        write_text(tmp_path / name, "text")
    assert all(path.read_text() == "text" for path in tmp_path.iterdir()) and len(os.listdir(tmp_path)) == 3


def test_a_pipe_or_device_is_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="not a regular file"):
        write_text(pipe, "x")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_where_no_temporary_file_can_be_written_they_lie_next_to_the_output(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("tempfile._candidate_tempdir_list", lambda: ["/proc"])
    monkeypatch.setenv("TMPDIR", "/proc")
    with pytest.raises(MachineError, match="set TMPDIR"):
        temporary_folder()
    with temporary_files(tmp_path):
        assert temporary_folder().parent == tmp_path and os.environ["TMPDIR"] == str(temporary_folder())
        (temporary_folder() / "left").touch()
    assert not os.listdir(tmp_path) and os.environ["TMPDIR"] == "/proc"


def test_a_link_is_kept_and_the_file_it_points_to_is_replaced(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "new"


def test_a_folder_that_does_not_exist_yet_is_checked_by_its_nearest_parent(tmp_path):
    check_parent_folder(tmp_path / "a" / "b")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file' is not a folder"):
        check_parent_folder(tmp_path / "file" / "b")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_text_in_messages_is_one_printable_line_and_not_too_long():
    assert printable("a\nb\x1b[0m") == "a?b?[0m" and len(printable("x" * 500)) == 120
    assert error_text(OSError(28, "No space left\n on device")) == "no space left on device"
    assert error_text(KeyError()) == "keyerror"


@pytest.mark.parametrize(
    "name", ["my new dir", "it's", "$(rm x)", "two\nlines", "caf\udce9", "-o", "größer", "x" * 200, "back\\slash\n"]
)
def test_advice_can_be_typed_back_into_a_shell(tmp_path, name):
    with pytest.raises(InputError, match="run `mkdir -p ") as caught:
        check_folder(tmp_path / name)
    advice = str(caught.value).partition("`")[2].rpartition("`")[0]
    assert advice.isprintable() and os.fsencode(advice)
    subprocess.run(["bash", "-c", advice], check=True)
    assert os.fsencode(name) in os.listdir(os.fsencode(tmp_path))


def test_a_path_that_needs_no_quotes_has_none():
    assert quoted("out/a.png") == "out/a.png" and quoted("-o") == "./-o" and shlex.split(quoted("a b")) == ["a b"]


@pytest.mark.parametrize(("text", "path"), [
    ("file:///a/my%20cat.png", "/a/my cat.png"), ("file://localhost/a.png", "/a.png"), ("file:/caf%C3%A9.png", "/café.png"),
    ("file://server/a.png", "file:/server/a.png"), ("https://host/a.png", "https:/host/a.png"), ("~nobody-of-this-name/x", "~nobody-of-this-name/x"),
])  # fmt: skip
def test_the_address_of_a_file_is_its_path(text, path):
    assert str(expand_home(text)) == path
