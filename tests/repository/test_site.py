"""How the site is put together: links turned, marks filled, images taken out of notebooks, addresses checked."""

import ast
import base64
import io
import re

import nbformat
import pytest
from PIL import Image

from docs.make import figures, links, notebooks, pages, parts, reference, tables, wall
from docs.make.stage import Stage
from stylelab import recipes
from stylelab.base.course import REPOSITORY
from stylelab.cli import commands as cli
from stylelab.errors import InputError
from stylelab.tools.gallery.paint import write_records


@pytest.fixture
def stage(tmp_path) -> Stage:
    return Stage(tmp_path / "source")


@pytest.fixture
def site(tmp_path):
    """A function that writes the pages of a small site and tells what is wrong with its links."""

    def write(**files: str) -> list[str]:
        for name, body in files.items():
            (tmp_path / f"{name}.html").write_text(f"<!DOCTYPE html><html><body>{body}</body></html>")
        return [fault.rpartition(": ")[2] for fault in links.faults(tmp_path)]

    return write


def relinked(text: str, stage: Stage, file: str = "docs/grading.md", page: str = "grading.md") -> str:
    return pages.relink(text, pages.ROOT / file, page, stage)


@pytest.mark.parametrize(
    ("link", "turned"),
    [
        ("[a](speed.md#figures)", "[a](speed.md#figures)"),
        ("[a](../CONTRIBUTING.md)", "[a](contributing.md)"),
        ("[a](../lessons/03_style_reconstruction_torch.ipynb)", "[a](lessons/03_style_reconstruction_torch.ipynb)"),
        ("[a](../stylelab/tools/bench)", f"[a]({REPOSITORY}/tree/main/stylelab/tools/bench)"),
        ("[a](../environment.yml)", f"[a]({REPOSITORY}/blob/main/environment.yml)"),
        ("[a](https://example.org/x.md) [b](#here)", "[a](https://example.org/x.md) [b](#here)"),
        ("`[a](nowhere.md)`", "`[a](nowhere.md)`"),
        ("```\n[a](nowhere.md)\n```\n", "```\n[a](nowhere.md)\n```\n"),
    ],
)
def test_a_link_of_the_repository_becomes_one_of_the_site(link, turned, stage):
    assert relinked(link, stage) == turned


def test_links_are_relative_to_the_page_that_they_stand_on(stage):
    assert relinked("[a](../speed.md)", stage, "docs/reference/torch.md", "reference/torch.md") == "[a](../speed.md)"
    assert relinked("[a](docs/grading.md)", stage, "CONTRIBUTING.md", "contributing.md") == "[a](grading.md)"


def test_an_image_that_a_page_shows_comes_along(stage):
    assert relinked("![x](../assets/readme/lesson_00.jpg)", stage) == "![x](images/assets/readme/lesson_00.jpg)"
    assert (stage.folder / "images/assets/readme/lesson_00.jpg").is_file()


def test_a_link_to_nothing_is_refused_with_its_page(stage):
    with pytest.raises(InputError, match=r"docs/grading.md: the link to 'speeed.md' leads nowhere"):
        relinked("[a](speeed.md)", stage)


def test_every_page_has_a_title_and_a_description_fit_for_a_list_of_results():
    for page, file in pages.sources().items():
        described = re.match(r"---\ndescription: (.+)\n---\n\n\S", pages.read(file))
        assert described, f"{page}: begin with ---, description, ---, and a title"
        assert 50 <= len(described[1]) <= 170, page


def test_a_page_without_a_description_is_described_by_its_first_paragraph(monkeypatch, tmp_path):
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    (tmp_path / "page.md").write_text("# A title\n\nThe *first* [paragraph](x.md) with `code`\nin two lines.\n\nThe second.\n")
    assert pages.read(tmp_path / "page.md").startswith(
        '---\ndescription: "The first paragraph with code in two lines."\n---\n\n# A title'
    )


def test_every_mark_in_the_pages_names_a_part(stage):
    for page, file in pages.sources().items():
        text = parts.fill(file.read_text(), lambda: "the gallery", stage)
        assert not parts.MARK.search(text), page
    with pytest.raises(InputError, match="a page asks for 'galery'"):
        parts.fill("<!-- site: galery -->", str, stage)


def test_what_an_earlier_build_left_is_swept_away_and_the_rest_is_not_written_again(stage):
    stage.put("old.md", "old")
    again = Stage(stage.folder)
    again.put("new/page.md", "new")
    written = (stage.folder / "new/page.md").stat().st_mtime_ns
    again.put("new/page.md", "new")
    again.sweep()
    assert [path.name for path in sorted(stage.folder.rglob("*")) if path.is_file()] == ["page.md"]
    assert (stage.folder / "new/page.md").stat().st_mtime_ns == written


def test_an_image_of_a_notebook_becomes_a_file_with_its_description_and_size(stage):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), "red").save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    html, (figure,) = figures.unpack(
        f'<img src="data:image/png;base64,{data}" alt="A &quot;red&quot; thing" width="16">', "x", stage
    )
    assert (stage.folder / "extra" / figure.file).read_bytes() == buffer.getvalue()
    assert figure.alt == 'A "red" thing'
    assert html == f'<img src="../{figure.file}" alt="A &quot;red&quot; thing" width="16" height="12" loading="lazy">'


def test_the_lessons_come_without_embedded_images_widgets_or_badges_and_can_be_downloaded(stage):
    path = notebooks.lessons()[0]
    notebooks.add(path, stage)
    notebook = nbformat.read(stage.folder / "lessons" / path.name, as_version=4)
    shown = [output.data for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]
    assert shown and all(data.keys() == {"text/html"} and "base64" not in data["text/html"] for data in shown)
    assert len({html["text/html"] for html in shown}) == len(shown)
    assert "(PyTorch)" in notebook.cells[0].source.splitlines()[0]
    assert (stage.folder / "downloads" / path.name).read_bytes() == path.read_bytes()
    assert sum("raise NotImplementedError" in cell.source for cell in notebook.cells) >= 1


def test_lessons_are_linked_by_what_they_are_called_and_not_by_their_files():
    text = notebooks.LINK.sub(notebooks._named, "[04_style_transfer_torch.ipynb](04_style_transfer_torch.ipynb)")
    assert text == "[lesson 4, PyTorch](04_style_transfer_torch.ipynb)"


def test_both_halves_have_the_same_functions_and_signatures_in_the_reference():
    torch, tensorflow = reference.functions("torch"), reference.functions("tensorflow")
    assert list(torch) == list(tensorflow) and "gram_matrix" in torch
    assert [reference.signature(node) for node in torch.values()] == [reference.signature(node) for node in tensorflow.values()]


@pytest.mark.parametrize("text", ["(a, b=1, *, c, d='x')", "(*a, **k)", "(a, /, b)", "()"])
def test_a_signature_is_written_as_it_was(text):
    shown = reference.signature(ast.parse(f"def f{text}: pass").body[0])
    assert shown.replace("/, ", "") == text.replace("/, ", "")


def test_the_other_half_is_read_with_its_arguments_and_errors():
    text = reference.read("tensorflow")
    assert ".. py:function:: stylelab.tensorflow.gram_matrix(activation, normalisation" in text
    assert ":param activation:" in text and ":raises InputError:" in text


def test_every_recipe_is_on_its_page():
    text = tables.recipes()
    for name, recipe in recipes.RECIPES.items():
        assert f"({name})=" in text and recipe.source in text
        assert all(each in text for each in recipe.differs)


def test_every_command_and_option_is_on_its_page():
    import typer

    text = parts.fill("<!-- site: commands -->", str, None)
    for name, command in typer.main.get_command(cli.app).commands.items():
        assert f"## `stylelab {name}`" in text
        assert all(
            f"`{option}`" in text
            for each in command.params
            if each.name != "help"
            for option in each.opts
            if option.startswith("--")
        )
    assert "| `--seed`{.unbroken} | Seed of the noise, 0 or more, for recipes that start from noise. | 0 |" in text


def test_a_link_needs_its_page_and_its_anchor(site):
    assert site(index='<a href="b.html#x">1</a><a href="b.html">2</a><a href="#y">3</a><p id="y">', b='<p id="x">') == []
    assert site(index='<a href="c.html">', b='<a href="index.html#z">') == ["no such place in that page", "no such file"]


@pytest.mark.parametrize(
    ("html", "why"),
    [
        ('<img src="https://example.org/a.png">', "fetched from outside when the page is shown"),
        ('<link rel="stylesheet" href="//example.org/a.css">', "fetched from outside when the page is shown"),
        ('<a href="https://example">', "does not look like an address"),
        ('<a href="/index.html">', "begins at the root of the server, so it breaks in a subfolder"),
        ('<a href="./">', "leads to a folder, which has no page when opened as a file"),
        ('<a href="../secret.txt">', "leads out of the site"),
    ],
)
def test_an_address_that_would_break_somewhere_is_a_fault(site, html, why):
    assert site(index=html) == [why]


def test_addresses_outside_are_looked_at_and_not_asked(site):
    assert (
        site(index='<a href="https://arxiv.org/abs/1409.1556"><img src="data:image/png;base64,AA"><a href="mailto:a@b.org">')
        == []
    )


def test_a_gallery_that_is_painted_already_needs_no_workers(tmp_path, monkeypatch, stage):
    hung = wall.Wall(("china",), ("fluid",), ("gatys",), 32, "ci")
    plan = wall._plan(hung, tmp_path, "gatys")
    plan.folder.mkdir()
    Image.new("RGB", (32, 21)).save(plan.folder / plan.pairs[0].file)
    plan.pairs[0].state, plan.pairs[0].facts = "done", {"loss_start": 8.0, "loss_end": 1.0, "steps": 10}
    write_records(plan)
    monkeypatch.setattr("stylelab.tools.cluster.connect", None)
    painted = wall.paint(hung, tmp_path, print)
    text = wall.page(hung, painted, tmp_path, stage)
    assert "10 steps, 12.5% of the loss left" in text and "danielbuechele on Flickr, CC BY 2.0" in text
    assert 'alt="An eight-sided pagoda of four storeys above trees and a lake, in the style of fluid, by recipe gatys"' in text
