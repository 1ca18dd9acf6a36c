"""What the commands print in Chinese, and what stays as it is."""

import ast
import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rich.cells import cell_len
from typer.main import get_command

from lessons.make import translations
from lessons.make.sentences import PACKAGE, SPEAKERS, sentences
from stylelab.cli import help as in_language
from stylelab.cli import run
from stylelab.cli.commands import app
from stylelab.cli.doctor import Finding
from stylelab.cli.start import start
from stylelab.cli.transfer import summary
from stylelab.cli.video import _summary as film_summary
from stylelab.languages import say
from stylelab.recipes import RECIPES
from stylelab.result import History, Step

pytestmark = pytest.mark.plain
HAN = r"[\u4e00-\u9fff]"
QUOTED = re.compile(r"`[^`]*`|'[^']*'|“[^”]*”|\w+\([^()]*\)|[\w-]*[/.][\w/.-]*", re.ASCII)  # code, names and titles
ENGLISH = re.compile(r"(?<![\w-])(?:the|and|of|is|are|it|with|for|not|each|every|one|its|in|by|from|to|a)(?![\w-])", re.ASCII)
PAGES = [[], *([name] for name in get_command(app).commands if name not in in_language.IN_ENGLISH)]
HELP = [[*page, "--help"] for page in [*PAGES, ["encoders", "download"]]]
TABLES = [["encoders"], ["recipes"], ["losses"], *(["recipes", name] for name in RECIPES)]
WRONG = {
    ("frobnicate",): "没有“frobnicate”这个命令（参见`stylelab --help`）",
    ("transfer", "--foo"): "没有--foo这个选项",
    ("fast", "china"): "缺少参数“style”（参见`stylelab fast --help`）",
    ("fast", "china", "fluid"): "缺少选项“--out”或“-o”",
    ("recipes", "gatys", "lab"): "多余的参数：lab",
    ("recipes", "gaty"): "未知的配方“gaty”：你是想写“gatys”吗？",
    ("transfer", "cat"): "缺少STYLE",
    ("video", "nope", "fluid", "-o", "x.gif"): "没有影片“nope”",
}


@pytest.fixture
def chinese(monkeypatch, tmp_path):
    monkeypatch.setenv("STYLELAB_LANGUAGE", "zh")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)


def english(text: str) -> list[str]:
    """The lines that have English words besides names, titles and code."""
    return [line for line in text.splitlines() if ENGLISH.search(QUOTED.sub("", line))]


@pytest.mark.parametrize("arguments", HELP, ids=" ".join)
def test_help_is_chinese_and_no_line_is_wider_than_a_terminal(arguments, chinese, capsys):
    assert run(arguments) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("用法：stylelab") and english(shown) == []
    assert in_language.NARROW not in shown and not re.search(rf"{HAN} {HAN}", shown)
    assert max(map(cell_len, shown.splitlines())) <= 80
    assert not re.search(r"^ *[，。：；？！）》”、\]]", shown, re.MULTILINE)


@pytest.mark.parametrize("arguments", TABLES, ids=" ".join)
def test_tables_are_chinese(arguments, chinese, capsys):
    assert run(arguments) == 0
    shown = re.sub(r"\s+", " ", capsys.readouterr().out)  # a cell may be folded within a title
    assert re.search(HAN, shown) and english(shown) == []


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_a_wrong_command_is_told_in_chinese(arguments, chinese, capsys):
    assert run([*arguments]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"stylelab: {WRONG[arguments]}") and told.count("\n") == 1


def test_the_state_of_the_machine_is_told_in_chinese(chinese, capsys, monkeypatch):
    found = Finding("memory", "0.4 of 23.5 GB free, 2 cores", "close other programs, or choose a smaller --size")
    monkeypatch.setattr("stylelab.cli.doctor.report", lambda: [found])
    assert run(["doctor"]) == 0
    assert " ".join(capsys.readouterr().out.split()).startswith("说明 状态 怎么办 内存 空闲0.4 GB，共23.5 GB，2核 请关闭其他程序")


def test_start_tells_what_it_did_in_the_lessons_language_and_keeps_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # "new" and "image" are words of the kit too
    assert start("new", "torch", "zh").splitlines() == ["new：10个笔记本", "  10 新增", "打开方式：jupyter lab new"]
    assert start("image", "torch", "en").splitlines() == ["image: 10 notebooks", "  10 new", "open them with: jupyter lab image"]


@pytest.mark.parametrize(
    ("english", "other"),
    [
        ("saved image (64 x 43 pixels), painted in 0.2 s", "已保存image（64×43像素），绘制用时0.2秒"),
        ("painted 2 of 3 images in 1.0 s into new", "共3幅图像，已画好2幅，用时1.0秒，存入new"),
        ("10 steps in 0.3 s on cpu in float32", "10步，用时0.3秒，设备cpu，精度float32"),
        (", 12 ms per step, loss 1 -> 0.5", "，每步12 ms，损失1 -> 0.5"),
        ("interrupted: repeat the command with --resume to continue", "已中断：重复该命令并加上--resume即可继续"),
    ],
)
def test_results_are_told_in_chinese_and_names_of_files_stay(english, other):
    assert say(english, "zh") == other


def test_a_run_is_summed_up_in_chinese(chinese):
    history = History()
    for index, loss in enumerate((1.0, 0.5), 1):
        history.append(Step(index, loss, {}, lambda: None), seconds=0.02 * index)
    result = SimpleNamespace(
        image=np.zeros((32, 48, 3)), encoder="mini", history=history, scales=(48,), seconds=0.02, device="cpu", precision="float32",
        recipe=replace(RECIPES["lab"], steps=2), stopped=None, notes=("content image of 4 x 3 pixels was enlarged to 48 x 36, which adds no detail",),
    )  # fmt: skip
    saved, pace, note = summary(result, Path("style"), "auto").splitlines()
    assert saved == "已保存style（48×32像素），配方lab，编码器mini（自动选用）"
    assert pace == "2步，用时0.0秒，设备cpu，精度float32，每步20 ms，损失1 -> 0.5"
    assert re.search(HAN, note) and english(note) == []
    result.recipe = replace(result.recipe, steps=3)
    assert (
        summary(result, Path("style"), "auto").splitlines()[2]
        == "在第3步之前结束，因为图像已看不出变化；--settle 0会走完所有步数"
    )
    result.scales = (34, 48)
    assert summary(result, Path("style"), "mini").splitlines()[1].endswith("，尺寸依次为34, 48 px，最后一种尺寸的损失为0.5")


def test_a_film_is_summed_up_in_chinese(chinese):
    painted = SimpleNamespace(painted=3, resized=1, flicker=[0.004], alone=[0.01])
    saved, resized, flicker = film_summary(SimpleNamespace(progress=painted), Path("new.gif"), (313, 384), 5.7, True).splitlines()
    assert saved == "已保存new.gif（3帧，384×313像素），绘制用时5.7秒"
    assert all(re.search(HAN, line) and not english(line) for line in (saved, resized, flicker))


@pytest.mark.parametrize("name", [name for name in SPEAKERS["commands"] if name != "cli/doctor.py"])
def test_what_a_command_prints_goes_through_say(name):
    for call in ast.walk(ast.parse((PACKAGE / name).read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call) and getattr(call.func, "id", getattr(call.func, "attr", "")) in ("print", "add_task"):
            text = ast.unparse(call.args[0])
            said = "say(" in text or not re.search(r"['\"]", text)
            assert said or text.startswith(("handout.", "painting.")), f"{name}:{call.lineno} prints {text}"


@pytest.mark.parametrize("group", ["commands", "help"])
def test_a_sentence_of_a_command_that_has_no_translation_is_named(group, tmp_path, monkeypatch):
    monkeypatch.setattr("stylelab.languages.units.HERE", tmp_path)
    (tmp_path / "eo" / "sentences").mkdir(parents=True)
    about = {"name": "Esperanto", "direction": "ltr", "untranslated": "*—*", "open_in": "▶"}
    (tmp_path / "eo" / "language.json").write_text(json.dumps(about), encoding="utf-8")
    missing = sentences(group)[-1]
    monkeypatch.setattr(translations, "SPEAKERS", {group: ()})
    pairs = dict.fromkeys(sentences(group), "x") | {missing: "", "Nobody says this.": "x"}
    (tmp_path / "eo" / "sentences" / f"{group}.json").write_text(json.dumps(pairs), encoding="utf-8")
    assert [line.split(":")[0] for line in translations.unsaid("eo")] == [f"{group}.json"] * 2
    assert repr(missing) in translations.unsaid("eo")[0] and "Nobody says this." in translations.unsaid("eo")[1]
