"""How the site is built: links adapted, generated parts filled in, images moved out of notebooks, links checked."""

import ast
import base64
import dataclasses
import io
import re

import nbformat
import pytest
from PIL import Image

from docs.make import figures, gallery, links, notebooks, pages, parts, reference, tables
from docs.make.source_folder import SourceFolder
from stylelab import recipes
from stylelab.base.course import REPOSITORY
from stylelab.cli import commands as cli
from stylelab.errors import InputError
from stylelab.run.options import CallOptions
from stylelab.tools.gallery.paint import write_records


@pytest.fixture
def source(tmp_path) -> SourceFolder:
    return SourceFolder(tmp_path / "source")


@pytest.fixture
def site(tmp_path):
    """A function that writes the pages of a small site and returns what is wrong with its links."""

    def write(**files: str) -> list[str]:
        for name, body in files.items():
            (tmp_path / f"{name}.html").write_text(f"<!DOCTYPE html><html><body>{body}</body></html>")
        return [fault.rpartition(": ")[2] for fault in links.faults(tmp_path)]

    return write


def relinked(text: str, source: SourceFolder, file: str = "docs/grading.md", page: str = "grading.md") -> str:
    """The text of a page with its links adapted to the site."""
    return pages.relink(text, pages.ROOT / file, page, source)


@pytest.mark.parametrize(
    ("link", "expected"),
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
def test_a_link_in_the_repository_becomes_a_link_on_the_site(link, expected, source):
    assert relinked(link, source) == expected


def test_links_are_relative_to_their_page(source):
    assert relinked("[a](../speed.md)", source, "docs/reference/torch.md", "reference/torch.md") == "[a](../speed.md)"
    assert relinked("[a](docs/grading.md)", source, "CONTRIBUTING.md", "contributing.md") == "[a](grading.md)"


def test_an_image_that_a_page_shows_is_copied(source):
    assert relinked("![x](../assets/readme/lesson_00.jpg)", source) == "![x](images/assets/readme/lesson_00.jpg)"
    assert (source.path / "images/assets/readme/lesson_00.jpg").is_file()


def test_a_broken_link_is_reported_with_its_page(source):
    with pytest.raises(InputError, match=r"docs/grading.md: broken link to 'speeed.md'"):
        relinked("[a](speeed.md)", source)


def test_every_page_has_a_title_and_a_description_of_the_right_length_for_search_results():
    for page, file in pages.page_files().items():
        description = re.match(r"---\ndescription: (.+)\n---\n\n\S", pages.read(file))
        assert description, f"{page}: begin with ---, description, ---, and a title"
        assert 50 <= len(description[1]) <= 170, page


def test_the_first_paragraph_describes_a_page_without_a_description(monkeypatch, tmp_path):
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    (tmp_path / "page.md").write_text("# A title\n\nThe *first* [paragraph](x.md) with `code`\nin two lines.\n\nThe second.\n")
    assert pages.read(tmp_path / "page.md").startswith(
        '---\ndescription: "The first paragraph with code in two lines."\n---\n\n# A title'
    )


def test_every_placeholder_in_the_pages_names_a_part(source):
    for page, file in pages.page_files().items():
        text = parts.fill(file.read_text(), lambda: "the gallery", source)
        assert not parts.PLACEHOLDER.search(text), page
    with pytest.raises(InputError, match="a page asks for 'galery'"):
        parts.fill("<!-- site: galery -->", str, source)


def test_a_build_removes_stale_files_and_does_not_rewrite_unchanged_ones(source):
    source.write("old.md", "old")
    next_build = SourceFolder(source.path)
    next_build.write("new/page.md", "new")
    written = (source.path / "new/page.md").stat().st_mtime_ns
    next_build.write("new/page.md", "new")
    next_build.remove_stale()
    assert [path.name for path in sorted(source.path.rglob("*")) if path.is_file()] == ["page.md"]
    assert (source.path / "new/page.md").stat().st_mtime_ns == written


def test_an_image_in_a_notebook_becomes_a_file_with_its_description_and_size(source):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), "red").save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    html, (figure,) = figures.unpack(
        f'<img src="data:image/png;base64,{data}" alt="A &quot;red&quot; thing" width="16">', "x", source
    )
    assert (source.path / "extra" / figure.file).read_bytes() == buffer.getvalue()
    assert figure.alt == 'A "red" thing'
    assert html == f'<img src="../{figure.file}" alt="A &#34;red&#34; thing" width="16" height="12" loading="lazy">'


def test_lesson_pages_have_no_embedded_images_or_widgets_and_can_be_downloaded(source):
    path = notebooks.lessons()[0]
    notebooks.add(path, source)
    notebook = nbformat.read(source.path / "lessons" / path.name, as_version=4)
    shown = [output.data for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]
    assert shown and all(data.keys() == {"text/html"} and "base64" not in data["text/html"] for data in shown)
    assert len({html["text/html"] for html in shown}) == len(shown)
    assert "(PyTorch)" in notebook.cells[0].source.splitlines()[0]
    assert (source.path / "downloads" / path.name).read_bytes() == path.read_bytes()
    assert sum("raise NotImplementedError" in cell.source for cell in notebook.cells) >= 1


def test_what_answers_a_prediction_is_folded(source):
    output = nbformat.v4.new_output("stream", text="6 dB")
    cells = [nbformat.v4.new_code_cell("1 + 1", outputs=[output], metadata={"stylelab": {"name": name}}) for name in ("a", "b")]
    cells[0].metadata["jupyter"] = {"outputs_hidden": True}
    for cell in cells:
        notebooks._adapt_code_cell(cell, notebooks.lessons()[0], source)
    assert cells[0].metadata["tags"] == ["hide-output"] and "tags" not in cells[1].metadata


def test_links_to_lessons_show_the_lessons_number_and_edition():
    text = notebooks.LINK.sub(notebooks._name_lesson, "[04_style_transfer_torch.ipynb](04_style_transfer_torch.ipynb)")
    assert text == "[lesson 4, PyTorch](04_style_transfer_torch.ipynb)"


def test_both_halves_have_the_same_functions_and_signatures_in_the_reference():
    torch, tensorflow = reference.functions("torch"), reference.functions("tensorflow")
    assert list(torch) == list(tensorflow) and "gram_matrix" in torch
    assert [reference.signature(node) for node in torch.values()] == [reference.signature(node) for node in tensorflow.values()]


@pytest.mark.parametrize("text", ["(a, b=1, *, c, d='x')", "(*a, **k)", "(a, /, b)", "()"])
def test_the_reference_shows_a_signature_as_written(text):
    shown = reference.signature(ast.parse(f"def f{text}: pass").body[0])
    assert shown.replace("/, ", "") == text.replace("/, ", "")


def test_the_reference_shows_the_options_of_transfer_as_keywords():
    table, text = reference.options(), reference.read("tensorflow")
    for option in dataclasses.fields(CallOptions):
        assert f"| `{option.name}`{{.unbroken}} |" in table and f":param {option.name}:" in text
    assert "stylelab.tensorflow.transfer(content, style, *, recipe='stylelab', encoder='auto', size=None" in text


def test_the_reference_of_the_other_half_has_arguments_and_errors():
    text = reference.read("tensorflow")
    assert ".. py:function:: stylelab.tensorflow.gram_matrix(activation, normalisation" in text
    assert ":param activation:" in text and ":raises InputError:" in text


def test_every_recipe_is_on_its_page():
    assert all(f"| `{loss}` | `{about.function}` |" in tables.losses() for loss, about in recipes.LOSSES.items())
    text = tables.recipes()
    for name, recipe in recipes.RECIPES.items():
        assert f"({name})=" in text and recipe.source in text
        assert all(difference in text for difference in recipe.differs)


def test_every_command_and_option_is_on_its_page():
    import typer

    text = parts.fill("<!-- site: commands -->", str, None)
    for name, command in typer.main.get_command(cli.app).commands.items():
        assert f"## `stylelab {name}`" in text
        options = [option for parameter in command.params if parameter.name != "help" for option in parameter.opts]
        assert all(f"`{option}`" in text for option in options if option.startswith("--"))
    assert "| `--seed`{.unbroken} | Seed of the noise, 0 or more, for recipes that start from noise. | 0 |" in text


def test_a_link_needs_its_page_and_its_anchor(site):
    assert site(index='<a href="b.html#x">1</a><a href="b.html">2</a><a href="#y">3</a><p id="y">', b='<p id="x">') == []
    assert site(index='<a href="c.html">', b='<a href="index.html#z">') == ["no such anchor on that page", "no such file"]


@pytest.mark.parametrize(
    ("html", "reason"),
    [
        ('<img src="https://example.org/a.png">', "the page loads this from another site"),
        ('<link rel="stylesheet" href="//example.org/a.css">', "the page loads this from another site"),
        ('<a href="https://example">', "not a web address"),
        ('<a href="/index.html">', "starts at the root of the server, so it breaks in a subfolder"),
        ('<a href="./">', "leads to a folder, which shows no page when opened as a file"),
        ('<a href="../secret.txt">', "leads out of the site"),
    ],
)
def test_an_address_that_would_break_somewhere_is_a_fault(site, html, reason):
    assert site(index=html) == [reason]


def test_links_to_other_sites_are_allowed_and_not_opened(site):
    html = '<a href="https://arxiv.org/abs/1409.1556"><img src="data:image/png;base64,AA"><a href="mailto:a@b.org">'
    assert site(index=html) == []


def test_a_gallery_that_has_been_painted_needs_no_workers(tmp_path, monkeypatch, source):
    selection = gallery.Selection(("china",), ("fluid",), ("gatys",), 32, "ci")
    plan = gallery._plan(selection, tmp_path, "gatys")
    plan.folder.mkdir()
    Image.new("RGB", (32, 21)).save(plan.folder / plan.pairs[0].file)
    plan.pairs[0].state, plan.pairs[0].facts = "done", {"loss_start": 8.0, "loss_end": 1.0, "steps": 10}
    write_records(plan)
    monkeypatch.setattr("stylelab.tools.cluster.connect", None)
    pairs = gallery.paint(selection, tmp_path, print)
    text = gallery.page(selection, pairs, tmp_path, source)
    assert "10 steps, 12.5% of the loss left" in text and "danielbuechele on Flickr, CC BY 2.0" in text
    assert 'alt="An eight-sided pagoda of four storeys above trees and a lake, in the style of fluid, by recipe gatys"' in text
