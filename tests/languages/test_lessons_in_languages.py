"""Lessons in other languages: complete, built like the English ones, and different from them in nothing but texts."""

import json
import re

import pytest

from lessons.make import translations
from lessons.make.translations import texts
from stylelab import languages
from stylelab.cli.start import start
from stylelab.errors import InputError
from stylelab.tools.course.assemble import assemble, sources

LANGUAGES = languages.languages()
SOURCES = sources()
EDITIONS = ("torch", "tensorflow")
pytestmark = pytest.mark.plain
every_lesson = pytest.mark.parametrize("source", SOURCES, ids=[source.stem for source in SOURCES])
every_language = pytest.mark.parametrize("language", LANGUAGES)
HAN = r"[\u4e00-\u9fff]"
CHINESE = {  # what a Chinese text never has -> why
    rf"{HAN} +[A-Za-z0-9`$]|[A-Za-z0-9`$] +{HAN}": "no space between Chinese and Latin letters or digits",
    rf"{HAN}[,;:!?](?!\w)|{HAN}\.(?:\s|$)": "Chinese punctuation after Chinese",
    rf"(?<![*A-Za-z])\*{HAN}[^*\n]*\*(?!\*)": "no slanted Chinese: ** for emphasis",
    "[一两这]团点云": "clouds are 一片点云",
    "图片": "image is 图像",
    "合成图": "generated image is 生成图像",
    "样式": "style is 风格",
    "代价函数": "loss is 损失",
    "Gram矩阵": "Gram matrix is 格拉姆矩阵",
    "规范化|正规化": "normalisation is 归一化",
    "汇聚层": "pooling is 池化",
    "全变分": "total variation is 总变差",
    "笔刷": "brush stroke is 笔触",
    "您": "a student is 你",
}


def prose(text: str) -> str:
    """Without code, formulas, tags and targets of links, and without the marks of lists, headings and emphasis."""
    text = re.sub(r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$\n]*\$", "文", text, flags=re.DOTALL)
    return re.sub(r"\]\([^)]*\)|<[^>]*>|\{\{\w+\}\}|^ *(?:[-|]+|\d+\.) +|^#+ [\d.]*", "", text, flags=re.MULTILINE)


@every_lesson
@every_language
def test_every_text_of_a_lesson_is_there_and_renders_the_english_of_today(source, language):
    assert translations.unfinished(source, language) == []


@every_lesson
@every_language
def test_only_texts_differ(source, language):
    for framework in EDITIONS:
        english, other = (assemble(source, framework, one) for one in ("en", language))
        assert [cell.id for cell in other.cells] == [cell.id for cell in english.cells]
        assert [cell.metadata for cell in other.cells] == [cell.metadata for cell in english.cells]
        for ours, theirs in zip(english.cells, other.cells, strict=True):
            assert (ours.source == theirs.source) == (ours.cell_type == "code"), ours.id
        assert "{{" not in json.dumps(other)


@every_lesson
def test_chinese_texts_keep_the_rules_of_writing_and_one_word_for_one_term(source):
    found = []
    for key, unit in languages.read_units(translations.units_path(source, "zh")).items():
        for pattern, why in CHINESE.items():
            if match := re.search(pattern, prose(unit.text), re.MULTILINE):
                found.append(f"{key}: {why}: …{prose(unit.text)[max(0, match.start() - 15) : match.end() + 15]}…")
    assert found == []


def test_a_changed_english_text_is_named_and_shown_in_english(tmp_path, monkeypatch):
    source = tmp_path / "source" / SOURCES[0].name
    source.parent.mkdir()
    english = SOURCES[0].read_text(encoding="utf-8")
    key, text = next((key, text) for key, text in texts(SOURCES[0]).items() if key != "title" and text.count("\n") > 2)
    line = max(text.splitlines(), key=len)
    source.write_text(english.replace(line, f"{line} Quite."), encoding="utf-8")
    assert [line.split("'")[1] for line in translations.unfinished(source, "zh")] == [key]
    cells = {cell.metadata.stylelab.name: cell.source for cell in assemble(source, "torch", "zh").cells}
    shown = cells[key.split()[0]]
    assert shown.startswith(languages.find_language("zh").untranslated) and "Quite." in shown
    assert sum("Quite." in cell for cell in cells.values()) == 1


def test_texts_are_added_in_english_until_they_are_stamped(tmp_path, monkeypatch):
    """A further language is a folder: nothing else is written for it."""
    monkeypatch.setattr("stylelab.languages.units.HERE", tmp_path)
    (tmp_path / "ar").mkdir()
    about = {"name": "العربية", "direction": "rtl", "untranslated": "*—*", "open_in": "▶"}
    (tmp_path / "ar" / "language.json").write_text(json.dumps(about), encoding="utf-8")
    assert languages.languages() == ["ar"]
    source = SOURCES[0]
    assert all("is missing" in line for line in translations.unfinished(source, "ar"))
    translations.add_units(source, "ar")
    assert all("earlier English text" in line for line in translations.unfinished(source, "ar"))
    first, second, *_ = texts(source)
    translations.stamp(source, "ar", [first])
    cells = [cell.source for cell in assemble(source, "torch", "ar").cells if cell.cell_type == "markdown"]
    assert cells[0].startswith('<div dir="rtl">\n\n# 0') and cells[1].startswith('<div dir="rtl">\n\n*—*\n\n</div>\n\n## ')
    translations.stamp(source, "ar", ["all"])
    assert translations.unfinished(source, "ar") == []


@pytest.mark.parametrize(
    "broken", ["text\n<!-- unit: a 00000000 -->\nb\n", "<!-- unit: a 00000000 -->\nb\n<!-- unit: a 00000000 -->\nc\n"]
)
def test_a_broken_file_of_units_costs_one_line(tmp_path, broken):
    (tmp_path / "units.md").write_text(broken, encoding="utf-8")
    with pytest.raises(InputError, match="before its first unit, or a unit twice"):
        languages.read_units(tmp_path / "units.md")


def test_units_come_back_as_they_were_written(tmp_path):
    units = {
        "a": languages.Unit("0123abcd", "# 甲\n\n乙 $x$"),
        "b torch": languages.Unit("00000000", "<details>\n\n丙\n\n</details>"),
    }
    languages.write_units(tmp_path / "units.md", units)
    assert languages.read_units(tmp_path / "units.md") == units
    assert languages.read_units(tmp_path / "none.md") == {}


def test_a_student_gets_the_lessons_in_chinese(tmp_path):
    start(tmp_path / "mine", "torch", "zh")
    for source in SOURCES:
        notebook = json.loads((tmp_path / "mine" / f"{source.stem}_torch.ipynb").read_text(encoding="utf-8"))
        assert re.search(HAN, "".join(notebook["cells"][0]["source"]))
        assert not any("暂以英文显示" in "".join(cell["source"]) for cell in notebook["cells"])
    start(tmp_path / "mine", "torch")  # as the next time: the language stays
    assert re.search(HAN, (tmp_path / "mine" / f"{SOURCES[0].stem}_torch.ipynb").read_text(encoding="utf-8"))
    start(tmp_path / "mine", "torch", "en")
    assert not re.search(HAN, (tmp_path / "mine" / f"{SOURCES[0].stem}_torch.ipynb").read_text(encoding="utf-8"))
    with pytest.raises(InputError, match="unknown language 'zz'"):
        start(tmp_path / "other", "torch", "zz")
    assert not (tmp_path / "other").exists()
