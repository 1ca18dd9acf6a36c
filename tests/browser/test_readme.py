"""The README as visitors see it, at the width that GitHub gives it: no more than two screens."""

from pathlib import Path

import browsing
import pytest

ROOT = Path(__file__).resolve().parents[2]
TWO_SCREENS = 1800  # pixels
# similar in sizes and margins to GitHub's style
STYLE = """
body { font: 16px/1.5 sans-serif; margin: 0 auto; width: 880px }
h1, h2 { margin: 24px 0 16px; padding-bottom: 5px; line-height: 1.25; border-bottom: 1px solid #ccc } h1 { font-size: 32px } h2 { font-size: 24px }
p, pre, table { margin: 0 0 16px } pre { font-size: 13.6px; line-height: 1.45; padding: 16px; background: #f3f3f3; overflow: auto }
table { border-collapse: collapse; display: block } td, th { border: 1px solid #ccc; padding: 6px 13px; vertical-align: top } img { max-width: 100% }
"""
pytestmark = [pytest.mark.plain, pytest.mark.skipif(browsing.CHROMIUM is None, reason="no chromium on this machine")]


@pytest.fixture(scope="module")
def page():
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browsing.CHROMIUM, headless=True, args=browsing.FLAGS)
        yield browser.new_page(viewport={"width": 1280, "height": 900})
        browser.close()


def test_the_readme_fits_on_two_screens_and_shows_all_its_images(page, tmp_path):
    markdown_it = pytest.importorskip("markdown_it")
    body = markdown_it.MarkdownIt("commonmark").enable("table").render((ROOT / "README.md").read_text(encoding="utf-8"))
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    (tmp_path / "readme.html").write_text(f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{body}", encoding="utf-8")
    page.goto((tmp_path / "readme.html").as_uri())
    assert page.evaluate("document.body.scrollHeight") <= TWO_SCREENS
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert page.evaluate("Math.max(...[...document.images].map(image => image.getBoundingClientRect().right)) <= 1080")
