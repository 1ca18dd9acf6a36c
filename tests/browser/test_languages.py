"""The studio in Chinese, in Chromium."""

import re
import subprocess
import sys

import browsing
import pytest

from stylelab import encoders

pytestmark = [pytest.mark.plain, pytest.mark.slow, pytest.mark.skipif(browsing.CHROMIUM is None, reason="there is no Chromium")]

# every text that is shown or read out, but for names that a list offers and for what the user types
TEXTS = """() => {
    const found = [];
    const visit = node => {
        if (node.nodeType === Node.TEXT_NODE) found.push(node.data);
        if (node.nodeType !== Node.ELEMENT_NODE || ["STYLE", "OPTION"].includes(node.tagName)) return;
        for (const name of ["aria-label", "aria-valuetext", "alt", "placeholder"]) found.push(node.getAttribute(name) ?? "");
        node.childNodes.forEach(visit);
    };
    visit(document.querySelector(".sl-studio"));
    return found;
}"""
NAMES = {
    *encoders.LAYERS,
    "SquaredError",
    "Relative",
    "Wasserstein",
    "mean",
    "lbfgs",
    "PyTorch",
    "TensorFlow",
    "stylelab",
    "mini",
    "auto",
    "min",
}
NAMES |= {"Jupyter", "https", "localhost", "JPEG", "PNG", "WebP", "MP4", "WebM", "GIF", "cpu", "torch", "tensorflow"}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """`stylelab studio`, in a folder of Chinese lessons."""
    port = browsing.free_port()
    command = [sys.executable, "-P", "-m", "stylelab", "studio", "--port", str(port), "--no-browser"]
    home = tmp_path_factory.mktemp("home")
    (home / ".stylelab-lessons.json").write_text('{"language": "zh"}')
    with (
        browsing.serving(
            command, f"http://127.0.0.1:{port}", home, "/voila/static/voila.js", stdout=subprocess.PIPE, cwd=home
        ) as process,
        browsing.browsing(tmp_path_factory.mktemp("profile")) as browser,
    ):
        page = browsing.listen(browser.new_page())
        told = process.stdout.readline()
        assert told.startswith("工作室已启动")
        page.goto(re.search(r"http://\S+", told)[0])
        page.get_by_role("button", name="绘制", exact=True).wait_for()
        yield page


def english(page, style_names=()) -> list[str]:
    """Texts of the page that have English words besides names."""
    known = NAMES | set(re.findall(r"\w+", " ".join(style_names)))
    shown = [
        text
        for text in page.evaluate(TEXTS)
        if set(re.findall(r"[A-Za-z]{3,}[A-Za-z0-9_]*", re.sub(r"'[^']*'|“[^”]*”", "", text))) - known
    ]
    return list(dict.fromkeys(shown))


def test_all_that_the_page_says_is_chinese(page):
    offered = page.locator("option").all_inner_texts()
    assert page.locator(".sl-studio").get_attribute("lang") == "zh"
    assert page.locator("html").get_attribute("lang") == "zh" and page.title() == "stylelab工作室"
    assert page.locator(".sl-page > header").inner_text().split() == ["stylelab工作室", "用一幅图像的风格画另一幅图像。"]
    assert english(page, offered) == []


def test_a_run_and_an_error_are_told_in_chinese(page):
    offered = page.locator("option").all_inner_texts()
    page.get_by_role("spinbutton", name="尺寸（px）").fill("64")
    page.get_by_label("步数", exact=True).fill("2")
    page.get_by_role("button", name="绘制", exact=True).click()
    page.get_by_text("已完成", exact=True).wait_for()
    assert english(page, [*offered, "as in the style of"]) == []
    page.get_by_label("步数", exact=True).fill("0")
    page.get_by_role("button", name="绘制", exact=True).click()
    page.locator(".sl-alert").filter(has_text=re.compile("整数")).first.wait_for()
    assert page.elsewhere == [] and page.complaints == []
