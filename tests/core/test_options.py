"""One dataclass of options: a new field is a keyword, an option of the commands and a setting, with nothing else to change."""

import inspect
import json
import os
import sys
from dataclasses import dataclass, fields
from types import SimpleNamespace

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

import stylelab
from stylelab.cli import commands
from stylelab.cli import transfer as painting
from stylelab.errors import InputError
from stylelab.run import settings_file
from stylelab.run.collect import collect
from stylelab.run.options import NUMBER, CallOptions, Options, document, keywords, option
from stylelab.run.settings import Settings

GRAIN = option(None, "Grain of the paper.", NUMBER, "smooth paper")


@dataclass(frozen=True, kw_only=True)
class MoreOptions(Options):
    grain: float | None = GRAIN


@dataclass(frozen=True)
class MoreSettings(Settings):
    grain: float | None = GRAIN


def test_a_new_option_is_a_keyword_with_its_help_line():
    @keywords(MoreOptions)
    def paint(content, style, options):
        """Paint.

        Args:
            options: all of them;
                on two lines.

        Returns:
            The options.
        """
        return options

    assert inspect.signature(paint).parameters["grain"].default is None
    assert "            grain: Grain of the paper; by default smooth paper.\n\n        Returns:" in paint.__doc__
    assert "two lines" not in paint.__doc__
    assert paint("china", "cat", grain=0.5, size=64) == MoreOptions(grain=0.5, size=64)
    with pytest.raises(TypeError, match="unexpected keyword argument 'grian': did you mean 'grain'?"):
        paint("china", "cat", grian=0.5)


def test_a_new_option_is_an_option_of_a_command_with_its_help_line():
    seen = []

    def paint(backend: str = "torch", last: int = 0, **options) -> int:
        seen.append(options)
        return 0

    app = typer.Typer(rich_markup_mode=None)
    app.command()(commands.with_options(paint, MoreOptions))
    text = " ".join(CliRunner().invoke(app, ["--help"]).output.split())
    assert "--grain <float> Grain of the paper. [default: (smooth paper)] --last" in text
    assert CliRunner().invoke(app, ["--grain", "0.5", "--style-layers", "conv1_1,conv2_1"]).exit_code == 0
    assert seen == [vars(MoreOptions(grain=0.5, style_layers=("conv1_1", "conv2_1")))]


def test_a_new_option_is_a_setting():
    start = {"format": 1, "content": "china", "style": "cat"}
    assert settings_file.schema(MoreSettings)["properties"]["grain"]["title"] == "a number"
    assert MoreSettings.parse(json.dumps(start | {"grain": 0.5})).grain == 0.5
    with pytest.raises(InputError, match="grain must be a number; got 'much'"):
        MoreSettings.parse(json.dumps(start | {"grain": "much"}))
    with pytest.raises(InputError, match="unknown setting 'grain'"):
        Settings.parse(json.dumps(start | {"grain": 0.5}))


def test_every_option_has_a_help_line():
    assert all(field.metadata["help"].endswith(".") for field in fields(CallOptions))


def test_transfer_shows_its_keywords_with_their_defaults(sl):
    for function in (sl.transfer, stylelab.transfer):
        parameters = inspect.signature(function).parameters
        assert list(parameters)[:2] == ["content", "style"]
        assert {field.name: field.default for field in fields(CallOptions)}.items() <= {
            name: parameter.default for name, parameter in parameters.items() if parameter.kind is parameter.KEYWORD_ONLY
        }.items()
        assert "size: Long side of the image in pixels; by default the recipe's.\n" in function.__doc__
        with pytest.raises(TypeError, match="did you mean 'style_layers'"):
            function("china", "cat", style_layer=["conv1_1"])


def test_a_docstring_without_options_stays_as_it_is():
    assert document("Paint.", Options) == "Paint."


def test_the_trip_from_the_command_line_opens_each_image_once(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png"):
        Image.new("RGB", (60, 40), (200, 90, 30)).save(name)
    opened = []

    def listen(event, arguments):
        if listening and event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            opened.append(os.path.basename(os.fsdecode(arguments[0])))

    def paint(run, **how):
        return collect([], run, backend="torch", device="cpu", precision="float32", **how)

    monkeypatch.setattr(painting, "load_backend", lambda name: SimpleNamespace(paint=paint))
    sys.addaudithook(listen)  # it cannot be taken away again
    listening = True
    assert commands.run(["transfer", "a.png", "b.png", "-o", "c.png", "--encoder", "mini", "--size", "48"]) == 0
    listening = False
    assert sorted(name for name in opened if name in ("a.png", "b.png")) == ["a.png", "b.png"]
    assert "saved c.png" in capsys.readouterr().out


def test_a_prepared_run_comes_out_as_transfer_does(sl, framework):
    from stylelab.run.prepare import prepare_run

    how = dict(encoder="random", size=32, steps=2, device="cpu", scales=2, precision="float32")
    (result,) = sl.paint(prepare_run(["china"], ["cat"], Options(**how)))
    expected = sl.transfer("china", "cat", **how)
    np.testing.assert_array_equal(result.image, expected.image)
    assert result.settings == expected.settings and result.settings.backend == framework
