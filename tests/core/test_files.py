"""Files are written completely or not at all, and only regular files are replaced."""

import os
import stat

import pytest

from stylelab.base.files import check_parent_folder, error_text, printable, write_text
from stylelab.errors import InputError


def test_a_pipe_or_device_is_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="not a regular file"):
        write_text(pipe, "x")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


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
