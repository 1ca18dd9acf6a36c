"""Settings: recorded from a run, saved, loaded, and repeated to the same image. Any fault in a file gives one line."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylelab.cli import commands as cli
from stylelab.errors import InputError, MachineError
from stylelab.images import open_image
from stylelab.images.decode import MOST_BYTES, ImageFile
from stylelab.recipes import RECIPES, scaled
from stylelab.result import Step
from stylelab.run import settings_file
from stylelab.run.checksums import FIRST_DIGESTS, sha256_of
from stylelab.run.collect import collect
from stylelab.run.options import Options
from stylelab.run.prepare import prepare, prepare_run
from stylelab.run.provenance import embed
from stylelab.run.settings import Settings

SMALL = dict(encoder="mini", size=48, steps=3)
NOISE = np.random.default_rng(0).uniform(size=(40, 50, 3)).astype(np.float32)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("STYLELAB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def pretended(content="china", style="cat", **options):
    """A Result of a run without a framework; its image is white, then ever darker."""
    run = prepare_run([content], [style], Options(**SMALL | options))
    steps = ([Step(n, 100 / n, {}, lambda n=n: np.full_like(run.job.content, 1 / n))] for n in range(1, run.steps + 1))
    return collect(steps, run, backend="torch", device="cpu", precision="float32")[0]


def photograph(name="mine.jpg", seed=0):
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (60, 80, 3), np.uint8)).save(name)
    return name


# the same image again, in each framework


@pytest.mark.parametrize("recipe", ["gatys", "coursera", "tf-tutorial"])
def test_settings_lead_to_the_same_image_bit_for_bit(sl, framework, recipe):
    first = sl.transfer("china", photograph(), recipe=recipe, seed=3, device="cpu", style_weight=7.5, **SMALL)
    settings = Settings.load(first.settings.save("run.json"))
    assert settings == first.settings and settings.backend == framework and settings.style_weight == 7.5
    import stylelab

    again = stylelab.transfer(*settings.images(), **settings.options())
    np.testing.assert_array_equal(again.image, first.image)
    assert again.settings == settings and settings.differences(again.settings) == () and settings.threads > 0


def test_the_command_repeats_settings_to_the_same_file(capsys, framework):
    how = ("--backend", framework, "--encoder", "mini", "--size", "48", "--steps", "3", "--device", "cpu", "--scales", "2")
    assert cli.run(["transfer", photograph(), "coffee", "-o", "a.png", *how, "--save-settings", "a.json"]) == 0
    assert cli.run(["transfer", "--settings", "a.json", "-o", "b.png"]) == 0
    assert cli.run(["transfer", "--settings", "a.png", "-o", "c.png"]) == 0
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes() == Path("c.png").read_bytes()
    assert cli.run(["transfer", "--settings", "a.json", "-o", "d.png", "--style-weight", "9"]) == 0
    assert (open_image("d.png") != open_image("a.png")).any()
    assert sorted(os.listdir()) == ["a.json", "a.png", "b.png", "c.png", "d.png", "mine.jpg"]


def test_a_stopped_run_is_repeated_up_to_its_image(sl):
    def stop(step):
        if step.index == 4:
            raise KeyboardInterrupt

    first = sl.transfer("china", "cat", device="cpu", watch=stop, **SMALL | dict(steps=50))
    assert first.stopped and 0 < first.settings.steps < 5
    again = sl.transfer(*first.settings.images(), **{k: v for k, v in first.settings.options().items() if k != "backend"})
    np.testing.assert_array_equal(again.image, first.image)


def test_an_array_is_embedded_exactly(sl):
    first = sl.transfer(NOISE, Image.open(photograph()), device="cpu", **SMALL | dict(size=32, steps=2))
    settings = Settings.parse(first.settings.text())
    assert [file.name for file in settings.images()] == ["content.npy", "style.png"]
    again = sl.transfer(*settings.images(), device="cpu", **SMALL | dict(size=32, steps=2))
    np.testing.assert_array_equal(again.image, first.image)


def test_weights_scale_their_parts_of_the_loss(sl):
    def parts(**weights):
        history = sl.transfer("china", "cat", recipe="gatys", device="cpu", **SMALL | dict(steps=1), **weights).history
        return {name: history[name][0] for name in ("content", "style", "tv")}

    usual, other = parts(tv_weight=2.0), parts(tv_weight=4.0, style_weight=3e8)
    assert other["tv"] == pytest.approx(2 * usual["tv"], rel=1e-5)
    assert other["style"] == pytest.approx(3 * usual["style"], rel=1e-5)
    assert parts(tv_weight=0)["tv"] == 0


# what is recorded


def test_settings_record_what_auto_was_resolved_to():
    settings = pretended(encoder="auto", size=None, steps=None, recipe=scaled("keras", "ci")).settings
    assert (settings.encoder, settings.precision, settings.device, settings.recipe) == ("mini", "float32", "cpu", "keras")
    assert settings.size == 144 and settings.steps == scaled("keras", "ci").steps  # 96 high
    assert set(settings.sha256) == {"content", "style", "encoder", "recipe"}
    assert set(settings.versions) == {"stylelab", "torch", "numpy", "pillow"}


def test_the_text_begins_with_the_images_and_ends_with_embedded_files():
    style = ImageFile("mine.jpg", Path(photograph()).read_bytes())
    written = json.loads(pretended(style=style).settings.text())
    assert list(written)[:4] == ["format", "content", "style", "recipe"] and list(written)[-1] == "files"
    assert written["format"] == 1 and written["content"] == "china" and written["style"] == {"file": "mine.jpg"}


def test_an_uploaded_image_is_embedded_as_its_own_file():
    data = Path(photograph()).read_bytes()
    settings = Settings.load(pretended(style=ImageFile("mine.jpg", data)).settings.save("a.json"))
    assert settings.images()[1].data == data
    np.testing.assert_array_equal(open_image(settings.images()[1]), open_image("mine.jpg"))


def test_embedding_is_exact_and_uses_8_bits_if_they_are_enough():
    eight_bits = open_image(photograph("a.png"))
    assert embed(eight_bits, "a").name == "a.png"
    for image in (eight_bits, NOISE):
        np.testing.assert_array_equal(open_image(embed(image, "a")), image)
    with pytest.raises(InputError, match="'a.npy' has 23 MB, more than 20"):
        embed(np.full((1000, 2000, 3), 0.123, np.float32), "a")


def test_a_file_that_changes_during_the_run_is_detected():
    name = photograph()
    result = pretended(style=name)
    photograph(seed=1)
    with pytest.raises(InputError, match="is not the style image"):
        result.settings.images()


def test_a_result_of_a_custom_recipe_is_saved_without_settings():
    result = pretended(recipe=replace(RECIPES["gatys"], noise=0.5))
    with pytest.raises(InputError, match="this 'gatys' is one of your own"):
        result.settings  # noqa: B018
    result.save("a.png")
    with pytest.raises(InputError, match="carries no settings"):
        Settings.load("a.png")


def test_a_png_reveals_neither_folders_nor_uploaded_images():
    os.mkdir("secret")
    data = Path(photograph()).read_bytes()
    pretended(content=os.path.abspath(photograph("secret/scene.png")), style=ImageFile("mine.jpg", data)).save("a.png")
    with Image.open("a.png") as saved:
        carried = saved.info[settings_file.PNG_KEYWORD]
    assert "secret" not in carried and "files" not in json.loads(carried)
    with pytest.raises(InputError, match="cannot find the content image of these settings"):
        Settings.load("a.png").images()
    os.rename("secret/scene.png", "scene.png")
    assert Settings.load("a.png").images() == ("scene.png", "mine.jpg")
    assert os.path.getsize("a.png") < 48 * 36 * 3 + 3000


def test_an_image_is_also_looked_for_in_the_folder_of_the_settings():
    os.mkdir("run")
    os.chdir("run")
    pretended(style=photograph()).settings.save("a.json")
    os.chdir("..")
    assert Settings.load("run/a.json").images() == ("china", "run/mine.jpg")
    photograph(seed=1)  # another of that name is not taken for it
    assert Settings.load("run/a.json").images() == ("china", "run/mine.jpg")
    os.rename("mine.jpg", "china")  # nor for a built-in image
    assert Path(Settings.load("run/a.json").images()[0]).name == "china.jpg"


def test_differences_from_the_saved_run_are_reported(monkeypatch):
    settings = pretended().settings
    assert settings.differences() == ()
    older = replace(settings, versions=settings.versions | {"torch": "1.0"}, sha256=settings.sha256 | {"encoder": "0" * 64})
    torch, encoder = older.differences()
    assert "saved with torch 1.0, and this is" in torch and "encoder 'mini' is not the one" in encoder
    monkeypatch.setitem(RECIPES, "stylelab", replace(RECIPES["stylelab"], noise=0.1))
    assert "recipe 'stylelab' has changed" in settings.differences()[0]
    assert older.changed(encoder="random", recipe="lab").differences() == (torch,)
    few, many = (replace(settings.changed(recipe="lab"), threads=count) for count in (1, 8))
    assert few.differences(few) == () and "with 8 threads, and first with 1" in few.differences(many)[0]


OLD = """{
 "format": 1, "content": "china", "style": "cat", "recipe": "gatys", "backend": "torch", "encoder": "mini", "size": 48, "steps": 3,
 "seed": 0, "device": "cpu", "precision": "float32", "scales": 1, "tile": null, "content_weight": null, "style_weight": 10000000.0,
 "tv_weight": null, "content_layers": null, "style_layers": ["conv1_1", "conv2_1"],
 "sha256": {"recipe": "19de33a462b3db5ab419d6936234e75aeaa89c81e53874fa84df2f9ce46f1e9f"}, "versions": {}, "threads": 2
}"""


def test_settings_of_an_earlier_version_are_read_and_fit_the_same_recipes():
    settings = Settings.parse(OLD)
    assert (settings.style_layers, settings.style_weight) == (("conv1_1", "conv2_1"), 1e7)
    assert settings.differences() == ()
    first = [RECIPES[name] for name in ("gatys", "coursera", "pytorch-adam", "lab")]  # whose numbers are the same
    assert [sha256_of(recipe) for recipe in first] == list(FIRST_DIGESTS.values())


def test_the_options_of_settings_are_keywords_of_transfer():
    settings = Settings("china", "cat", size=64, tv_weight=0.0)
    assert settings.options() == vars(Options(size=64, tv_weight=0.0)) | {"backend": "torch"}
    prepare("china", "cat", tv_weight=0.0, style_layers=["conv1_1"], **SMALL)


# files with faults

WRONG = [
    ("", "is not a settings file"),
    ("not JSON", "is not a settings file"),
    ("[1, 2]", 'has no "format"'),
    ('{"cells": [], "nbformat": 4}', 'has no "format"'),
    ('{"format": "png"}', "its format is 'png'"),
    ('{"format": 2}', "has format 2, and this stylelab reads 1: install a newer one"),
    ('{"format": 1}', "names no content image"),
    ('{"format": 1, "content": "china"}', "names no style image"),
    ("[" * 200_000, "nested too deeply"),
    ('{"format": 1, "content": ' + "[" * 500 + "]" * 500 + "}", "content must be a path, a name or a file; got a list"),
    ('{"format": 1, "content": "china", "style": "cat", "style_weight": NaN}', "NaN is not a number"),
    ('{"format": 1, "content": "china", "style": "cat", "style_weight": 1e999}', "style_weight must be a number; got inf"),
    ('{"format": 1, "content": "china", "style": "cat", "seed": 1' + "0" * 5000 + "}", "is not a settings file"),
    ('{"format": 1, "content": "china", "style": "\\u0000"}', "no image '?'"),
    ('{"format": 1, "content": "\\ud800", "style": "cat"}', "no image '?'"),
]
VALUES = [
    ("colour", "red", "unknown setting 'colour'"), ("styles", "cat", "did you mean 'style'?"), ("content", 5, "got 5"),
    ("content", None, "got null"), ("content", {"file": 3}, "got an object"), ("recipe", "gatis", "did you mean 'gatys'?"),
    ("recipe", None, "recipe must be a name"), ("recipe", "\ud800", "recipe must be"), ("backend", "jax", "unknown backend"),
    ("encoder", "x" * 5000, "encoder must be"), ("size", 64.5, "got 64.5"), ("size", "64", "got '64'"), ("size", True, "got true"),
    ("size", 2**70, "size must be a whole number"), ("size", -1, "got -1"), ("size", 2**40, "more than 100 million"),
    ("steps", 0, "steps is 0"), ("seed", -1, "seed is -1"), ("scales", 0, "scales is 0"), ("tile", 3, "tile is 3"),
    ("precision", "half", "unknown precision 'half'"), ("style_weight", -1, "style weight is -1"),
    ("content_layers", "conv4_2", "a list of layers"), ("content_layers", [1], "a list of layers"),
    ("style_layers", ["conv9_1"], "unknown layer"), ("sha256", {"content": 3}, "checksums by name"),
    ("sha256", {"content": "0" * 64}, "is not the content image"), ("style", {"file": "a.png"}, "is not in its files"),
    ("content", "gone.jpg", "no image 'gone.jpg'"), ("content", "~no-such-user/a.jpg", "no image '~no-such-user/a.jpg'"),
]  # fmt: skip


def refused(capsys, *arguments) -> str:
    """The one line of a command that wrote nothing."""
    before = sorted(os.listdir())
    assert cli.run(["transfer", *map(str, arguments)]) == 1
    out, err = capsys.readouterr()
    assert err.startswith("stylelab: ") and err.count("\n") == 1 and out == "" and len(err) < 500, err
    assert sorted(os.listdir()) == before
    return err


@pytest.fixture
def no_run(monkeypatch):
    monkeypatch.setattr("stylelab.cli.transfer.load_backend", lambda name: pytest.fail("the run was started"))


@pytest.mark.parametrize(("text", "words"), WRONG, ids=range(len(WRONG)))
def test_a_text_that_is_not_a_settings_file_gives_one_line(capsys, no_run, text, words):
    Path("run.json").write_text(text)
    assert words in refused(capsys, "--settings", "run.json", "-o", "a.png")


@pytest.mark.parametrize(("key", "value", "words"), VALUES, ids=range(len(VALUES)))
def test_a_wrong_value_gives_one_line(capsys, no_run, key, value, words):
    Path("run.json").write_text(json.dumps({"format": 1, "content": "china", "style": "cat", **SMALL} | {key: value}))
    assert words in refused(capsys, "--settings", "run.json", "-o", "a.png")


@pytest.mark.parametrize(("name", "words"), [
    (".", "is a folder"), ("none.json", "no settings file 'none.json'"), ("/dev/zero", "not a regular file"),
    ("text.json", "is not text"), ("photo.png", "carries no settings"), ("broken.png", "is a broken PNG"),
    ("huge.json", "has more than 200 MB"), ("~no-such-user/a.json", "no settings file"),
])  # fmt: skip
def test_a_file_of_another_kind_gives_one_line(capsys, no_run, name, words):
    Path("text.json").write_bytes(b"\xff\xfe\x00")
    photograph("photo.png")
    Path("broken.png").write_bytes(Path("photo.png").read_bytes()[:20])
    with open("huge.json", "wb") as file:
        file.truncate(2**31)
    assert words in refused(capsys, "--settings", name, "-o", "a.png")


def test_damaged_and_missing_images_give_one_line(capsys, no_run):
    settings = pretended(style=ImageFile("mine.jpg", Path(photograph()).read_bytes())).settings
    settings.save("a.json")
    written = json.loads(settings.text())
    for data, words in (("?", "is damaged"), ("AAAA", "is damaged"), (5, "is not in its files")):
        Path("b.json").write_text(json.dumps(written | {"files": {"style": data}}))
        assert words in refused(capsys, "--settings", "b.json", "-o", "a.png")
    for data, words in (("AA?AA", "is damaged"), ("AAAA", "'mine.jpg' is not an image")):
        Path("b.json").write_text(json.dumps(written | {"files": {"style": data}, "sha256": {}}))
        assert words in refused(capsys, "--settings", "b.json", "-o", "a.png")


def test_an_image_too_large_to_embed_is_refused():
    with pytest.raises(InputError, match="'mine.tif' has 20 MB, more than 20"):
        ImageFile("mine.tif", bytes(MOST_BYTES + 1))


@pytest.mark.parametrize(("arguments", "words"), [
    (("-o", "a.json"), "its ending"), ((), "'run.png' exists"), (("-o", "run.png"), "is the file of the settings"),
    (("-o", "a.png", "--save-settings", "a.txt"), "ending must be .json"),
    (("-o", "a.png", "--save-settings", "no/a.json"), "does not exist"),
    (("-o", "a.png", "--film", "a.png"), "would be written twice"), (("-o", "a.png", "--film", "a.mp4"), "must be .gif or .png"),
    (("-o", "a.png", "--film", "no/a.gif"), "does not exist"), (("-o", "a.png", "--style-weight", "nan"), "style weight is nan"),
    (("-o", "a.png", "--tv-weight", "inf"), "tv weight is inf"), (("-o", "a.png", "--content-weight", "-1"), "content weight is -1"),
    (("-o", "a.png", "--content-weight", "0", "--style-weight", "0", "--tv-weight", "0"), "all zero"),
    (("-o", "a.png", "--scales", "0"), "scales is 0"), (("gone.jpg", "-o", "a.png"), "no image 'gone.jpg'"),
])  # fmt: skip
def test_options_that_override_settings_are_checked_before_the_run(capsys, no_run, arguments, words):
    pretended().save("run.png")
    assert words in refused(capsys, "--settings", "run.png", *arguments)


def test_sizes_that_are_too_small_are_left_out():
    run = prepare_run(["china"], ["cat"], Options(scales=10**6, **SMALL | dict(size=128, steps=10)))
    assert [max(batch[0].content.shape) for batch in run.stages] == [64, 128]


# from another machine, version or framework: a note and the nearest that works, or one line


@pytest.mark.parametrize("device", ["cuda:1", "mps", "gpu:0"])
def test_settings_painted_on_a_gpu_that_is_not_here_are_painted_on_what_there_is(capsys, device):
    Path("run.json").write_text(json.dumps({"format": 1, "content": "china", "style": "cat", **SMALL, "device": device}))
    settings = Settings.load("run.json")
    found = []

    def find(name):
        found.append(name)
        if name:
            raise MachineError(f"no '{name}' on this machine")
        return "cpu"

    assert prepare_run(["china"], ["cat"], settings).device(find) == "cpu" and found == [device, None]
    for asked in (settings.changed(device="cuda"), Settings("china", "cat", device=device, **SMALL)):
        with pytest.raises(MachineError):
            prepare_run(["china"], ["cat"], asked).device(find)
    repeated = pretended().settings
    assert settings.differences(repeated) == (f"painted on cpu, and first on {device}: the image may differ in details",)


def test_a_path_of_another_system_is_looked_for_by_its_name_in_the_folder_of_the_settings():
    settings = pretended(style=photograph()).settings
    for path in (r"C:\Users\me\mine.jpg", r"..\mine.jpg", "/home/server/mine.jpg"):
        replace(settings, style=path).save("run.json")
        assert Settings.load("run.json").images()[1] == "mine.jpg"
    photograph(seed=1)
    with pytest.raises(InputError, match="is not the style image"):
        Settings.load("run.json").images()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_settings_are_read_in_every_encoding_that_an_editor_saves(encoding):
    text = Settings("china", "cat", size=48).text().replace("\n", "\r\n")
    Path("run.json").write_bytes(text.encode(encoding))
    assert Settings.load("run.json").size == 48


def test_a_later_version_s_option_is_left_out_if_it_is_not_used_and_named_if_it_is(capsys, no_run):
    later = {"format": 1, "content": "china", "style": "cat", "grain": None, "versions": {"stylelab": "9.1"}}
    assert Settings.parse(json.dumps(later)).content == "china"
    Path("run.json").write_text(json.dumps(later | {"grain": 0.5}))
    line = refused(capsys, "--settings", "run.json", "-o", "a.png")
    assert "unknown setting 'grain': it was saved with stylelab 9.1, and this is" in line


def test_another_encoder_under_the_name_of_the_old_one_is_refused(tmp_path):
    from stylelab import encoders

    mini = encoders.find_encoder("mini")
    copy = tmp_path / "mine.safetensors"
    copy.write_bytes(mini.path.read_bytes())
    settings = pretended(encoder=str(copy)).settings
    assert settings.images() == ("china", "cat")
    encoders.save(copy, encoders.read_weights(mini, ["conv5_1"]), mini)
    with pytest.raises(InputError, match="is not the encoder that these settings were saved with"):
        settings.images()
