"""Public bug reports that were tried on stylelab: each names its thread and the test that covers it."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REPORTS = tomllib.loads((ROOT / "tests" / "reported.toml").read_text(encoding="utf-8"))["report"]
pytestmark = pytest.mark.plain


def functions_of(path: Path) -> set[str]:
    """The names of a file's functions, those in classes included."""
    return {node.name for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.FunctionDef)}


def test_every_reported_fault_is_covered_by_a_test_that_exists():
    for report in REPORTS:
        file, name = report["test"].split("::")
        assert name.startswith("test_") and name in functions_of(ROOT / file), report["test"]


def test_every_report_names_its_kind_its_thread_and_the_fault():
    for report in REPORTS:
        assert set(report) == {"kind", "source", "what", "test"}
        assert re.fullmatch(r"[\w.-]+/[\w.-]+#\d+", report["source"]), report["source"]
        assert report["kind"] and report["what"].endswith(".") and report["kind"][0].islower()


def test_reports_are_sorted_by_kind_and_none_is_listed_twice():
    kinds = [report["kind"] for report in REPORTS]
    assert kinds == sorted(kinds)
    pairs = [(report["source"], report["test"]) for report in REPORTS]
    assert len(set(pairs)) == len(pairs)
