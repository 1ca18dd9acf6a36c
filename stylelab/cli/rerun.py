"""What `stylelab transfer` is to do: its options, or a file of settings with the options that stand beside it."""

from pathlib import Path

from stylelab.base.files import printable
from stylelab.errors import InputError
from stylelab.run.settings import Settings

LAYERS = ("content_layers", "style_layers")
ELSEWHERE = ("out", "settings", "save_settings", "film")  # parameters that are no settings


def from_command_line(context, file: Path | None, out: Path | None) -> tuple[Settings, Path]:
    """The settings asked for, and where the image goes.

    Args:
        context: typer's, of the command.
        file: settings to run again.
        out: where the image goes; None for the name of the settings in this folder, if there is no such file yet.

    Raises:
        InputError: something is missing, or the file holds no settings.
    """
    given = {name: value for name, value in context.params.items() if name not in ELSEWHERE}
    given |= {name: layers(given[name]) for name in LAYERS}
    if file is None:
        for name, value in (("CONTENT", given["content"]), ("STYLE", given["style"]), ("-o / --out", out)):
            if value is None:
                raise InputError(f"missing {name} (see `{context.command_path} --help`)")
        return Settings(**given), out
    explicit = {name: value for name, value in given.items() if context.get_parameter_source(name).name == "COMMANDLINE"}
    return Settings.load(file).but(**explicit), out or _beside(file)


def _beside(file: Path) -> Path:
    out = Path(f"{file.stem}.png")
    if out.exists():
        raise InputError(f"'{printable(out)}' is there already: say with -o where to save the image")
    return out


def layers(text: str | None) -> tuple[str, ...] | None:
    """'conv1_1,conv2_1' as names; None asks for the recipe's own."""
    return None if text is None else tuple(name for name in text.replace(",", " ").split())
