"""What a check writes down about a student goes into a folder of the test's own."""

import pytest

from stylelab.exercises.checking import record


@pytest.fixture(autouse=True)
def noted(tmp_path_factory, monkeypatch):
    """The file of the record."""
    path = tmp_path_factory.mktemp("record") / record.FILE
    monkeypatch.setattr(record, "FILE", str(path))
    monkeypatch.setattr(record, "_unsaved", {})
    monkeypatch.setattr(record, "_checked_in", {})
    return path
