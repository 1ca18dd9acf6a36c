"""The command `stylelab`. A command imports what is slow itself, after its input is checked."""

import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import Field, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from stylelab.errors import InputError, MachineError, StylelabError
from stylelab.run.options import Options

UsageError = typer.BadParameter.__mro__[1]  # typer may carry a copy of click: this is whichever it uses

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # --help in colour would take half a second to import
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Neural style transfer, in PyTorch and in TensorFlow.\n\n"
    "Exit status: 0 done, 1 the input is at fault, 2 the machine is, 130 ended with Ctrl-C.",
)
encoders_app = typer.Typer(help="List the encoders, or download one.", rich_markup_mode=None)
app.add_typer(encoders_app, name="encoders")

IMAGE = "a file, or the name of a built-in image"
FOLDER = "a folder of images, one image, or 'builtin'"
Backend = Annotated[str, typer.Option(help="Framework: torch or tensorflow.")]
Scheduler = Annotated[
    str | None,
    typer.Option(help="A Dask scheduler's address, such as tcp://host:8786.", show_default="this machine"),
]


def option_type(field: Field) -> Any:
    """An option of `stylelab.run.options.Options` as typer reads it."""
    kind, default_text = field.metadata["kind"], field.metadata["default_text"]
    value = kind.type if field.default is not None else kind.type | None
    return Annotated[value, typer.Option(help=field.metadata["help"], show_default=default_text or True)]


def with_options(command: Callable[..., int], kind: type[Options] = Options) -> Callable[..., int]:
    """A command that has an option for each field of `kind`, after --backend; it gets their values as `**options`."""
    known = [field for field in fields(kind) if field.metadata["kind"]]

    @functools.wraps(command)
    def call(**given: Any) -> int:
        for field in known:
            if given[field.name] is not None:
                given[field.name] = field.metadata["kind"].parse(given[field.name])
        return command(**given)

    parameters = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.kind is not parameter.VAR_KEYWORD:
            parameters.append(parameter)
        if parameter.name == "backend":
            parameters += [
                inspect.Parameter(field.name, parameter.kind, default=field.default, annotation=option_type(field))
                for field in known
            ]
    call.__signature__ = inspect.Signature(parameters)
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


Device = option_type(next(field for field in fields(Options) if field.name == "device"))


def main() -> None:
    """Run the command line and leave with its exit status."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status. An error of the user's or the machine's is one line on stderr."""
    try:
        return app(arguments, prog_name="stylelab", standalone_mode=False) or 0
    except StylelabError as error:
        return _refuse(str(error), error.exit_status)
    except UsageError as error:
        if not error.format_message():  # no command at all: the help has been shown
            return InputError.exit_status
        where = error.ctx.command_path if error.ctx else "stylelab"
        return _refuse(f"{_usage(error)} (see `{where} --help`)", InputError.exit_status)
    except MemoryError:
        return _refuse("not enough memory: choose a smaller --size", MachineError.exit_status)


def _usage(error: Exception) -> str:
    return " ".join(error.format_message().split()).rstrip(".")


def _refuse(message: str, status: int) -> int:
    print(f"stylelab: {message}", file=sys.stderr)
    return status


@app.command()
@with_options
def transfer(
    context: typer.Context,
    content: Annotated[str | None, typer.Argument(help=f"The scene: {IMAGE}.", show_default=False)] = None,
    style: Annotated[str | None, typer.Argument(help=f"The manner of painting: {IMAGE}.", show_default=False)] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Where to save: a .png, .jpg or .webp file.", show_default="with --settings X: X.png"),
    ] = None,
    backend: Backend = "torch",
    settings: Annotated[
        Path | None,
        typer.Option(help="Repeat a run from a settings file, or from a PNG that stylelab saved. Other options override it."),
    ] = None,
    save_settings: Annotated[Path | None, typer.Option(help="Save the settings of the run as a .json file.")] = None,
    film: Annotated[Path | None, typer.Option(help="Save an animation of the run (.gif) or a filmstrip (.png).")] = None,
    **options: Any,
) -> int:
    """Paint one image's content in another's style. Ctrl-C saves the best image so far."""
    from stylelab.cli import transfer as painting

    given = [name for name in context.params if context.get_parameter_source(name).name == "COMMANDLINE"]
    values = {"content": content, "style": style, "backend": backend, **options}
    found = painting.find_settings(values, given, settings)
    return painting.transfer(found, out, file=settings, save_settings=save_settings, film=film)


@app.command()
@with_options
def gallery(
    content_dir: Annotated[str, typer.Argument(help=f"The scenes: {FOLDER}.")],
    style_dir: Annotated[str, typer.Argument(help=f"The manners of painting: {FOLDER}.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the images and index.html; made if missing.")],
    scheduler: Scheduler = None,
    backend: Backend = "torch",
    **options: Any,
) -> int:
    """Paint every pair of a content and a style image, on Dask. Pairs that are already painted are kept."""
    from stylelab.cli import transfer as painting

    return painting.gallery(content_dir, style_dir, out, scheduler=scheduler, backend=backend, **options)


@encoders_app.callback(invoke_without_command=True)
def encoders(context: typer.Context) -> None:
    """List the encoders and where each one is, or download one."""
    if context.invoked_subcommand is None:
        from stylelab.cli import listings as tables

        tables.encoders()


@encoders_app.command()
def download(name: Annotated[str, typer.Argument(help="vgg19 or vgg19-torchvision.")]) -> None:
    """Fetch an encoder's weights once, check them, and keep them in the cache."""
    from stylelab.cli import listings as tables

    tables.download(name)


@app.command()
def recipes(name: Annotated[str | None, typer.Argument(help="One recipe, to see all of it.")] = None) -> None:
    """List the recipes and where each one comes from."""
    from stylelab.cli import listings as tables

    tables.recipes() if name is None else tables.recipe(name)


@app.command()
def doctor() -> int:
    """Say what this machine has and what it lacks, and what to do about it."""
    from stylelab.cli import listings as tables

    return tables.doctor()


@app.command()
def start(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Your own folder; made if missing.")] = Path("my-lessons"),
    framework: Annotated[str | None, typer.Option(help="Only torch or only tensorflow.", show_default="both")] = None,
) -> int:
    """Copy the lessons into a folder of your own. What you have touched is kept; a newer lesson is laid beside it."""
    from stylelab.cli import start as lessons

    try:
        print(lessons.start(folder, framework))
    except KeyboardInterrupt:
        return _refuse("interrupted: what was copied is whole; the same command copies the rest", 130)
    return 0


@app.command()
def release(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for notebooks and zips; made if missing.")],
    framework: Annotated[str | None, typer.Option(help="Only torch or only tensorflow.", show_default="both")] = None,
    lessons: Annotated[str | None, typer.Option(help="Their numbers, such as 03,04.", show_default="all")] = None,
    nbgrader: Annotated[
        bool, typer.Option("--nbgrader", help="Make DIR an nbgrader course: source/, nbgrader_config.py.")
    ] = False,
) -> int:
    """Write the lessons for handing out: no outputs, marked up for nbgrader, a zip each. Other files are kept."""
    from stylelab.tools.classroom.handout import release as handing_out

    numbers = [] if lessons is None else lessons.replace(",", " ").split() or [lessons]
    try:
        print(handing_out.release(out, framework, numbers, course=nbgrader))
    except KeyboardInterrupt:
        return _refuse("interrupted: what was written is whole; the same command writes the rest", 130)
    return 0


@app.command()
def grade(
    submissions: Annotated[
        Path,
        typer.Argument(
            help="What was handed in: a folder of notebooks or of folders per student, nbgrader's, or a zip from Canvas, Moodle ..."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for marks and reports, outside the first; made if missing.")],
    scheduler: Scheduler = None,
    sandbox: Annotated[str, typer.Option(help="bwrap, or none: then students' code runs as you, with all your files.")] = "bwrap",
    seconds: Annotated[float, typer.Option(help="Wall clock that one answer may take, 0.1 to 3600.")] = 10.0,
    due: Annotated[
        list[str] | None,
        typer.Option(
            help="A date such as '2026-11-20 23:59 Europe/Berlin', or '03=...' for one lesson; may be given several times."
        ),
    ] = None,
    late: Annotated[str, typer.Option(help="none, or such as '10/day, cap 50, grace 15 min'.")] = "none",
    canvas: Annotated[Path | None, typer.Option(help="A gradebook exported from Canvas, to be filled in.")] = None,
    seed: Annotated[
        str | None, typer.Option(help="32 hexadecimal digits: the secret of an earlier run.", show_default="the folder's")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Mark everything anew, with the folder's own secret.")] = False,
) -> int:
    """Grade notebooks in a sandbox and write marks, feedback and reports. The same command goes on where it was stopped."""
    from stylelab.tools.classroom import grade as grading

    return grading.grade(
        submissions,
        out,
        scheduler=scheduler,
        kind=sandbox,
        seconds=seconds,
        due=due,
        late=late,
        canvas=canvas,
        seed=seed,
        again=again,
    )


@app.command()
def studio(
    port: Annotated[int, typer.Option(help="Port on this machine, 1 to 65535.")] = 8866,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
) -> int:
    """Open the studio in the browser: choose images, paint, compare, save. Ctrl-C ends it."""
    from stylelab.tools.studio import serve

    return serve.serve(port, browser)


@app.command()
def bench(
    backend: Annotated[
        list[str] | None, typer.Option(help="torch or tensorflow; may be given several times.", show_default="both")
    ] = None,
    size: Annotated[
        list[int] | None, typer.Option(help="Long side in pixels; may be given several times.", show_default="256 and 512")
    ] = None,
    precision: Annotated[
        list[str] | None,
        typer.Option(help="float32, bfloat16 or auto; may be given several times.", show_default="float32 and auto"),
    ] = None,
    encoder: Annotated[
        str,
        typer.Option(help="A name or a weights file. A vgg19 that is not downloaded gets random filters, which cost the same."),
    ] = "vgg19",
    steps: Annotated[int | None, typer.Option(help="Counted steps of each, 2 or more.", show_default="10")] = None,
    race: Annotated[
        int | None, typer.Option(help="Steps of the race to the tutorial's loss; 0 for none.", show_default="300")
    ] = None,
    tile: Annotated[
        int | None, typer.Option(help="Side of a tile in pixels, measured too; 0 for none.", show_default="half the size")
    ] = None,
    device: Device = None,
    content: Annotated[str, typer.Option(help=f"The scene: {IMAGE}.")] = "china",
    style: Annotated[str, typer.Option(help=f"The manner of painting: {IMAGE}.")] = "coffee",
    peers: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder with clones of other programs to measure too; see docs/speed.md.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the figures as JSON.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the figures: a .png, .pdf or .svg file.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A minute or two: 256 pixels, five steps, no race.")] = False,
) -> int:
    """Measure time per step, memory and seconds to a given loss, beside the tutorials' loops and this machine's limit."""
    from stylelab.tools.bench import command

    return command.run(
        backends=tuple(backend or ()), sizes=tuple(size or ()), precisions=tuple(precision or ()), encoder=encoder, steps=steps,
        race=race, tile=tile, device=device, content=content, style=style, peers=peers, out=out, plot=plot, quick=quick,
    )  # fmt: skip
