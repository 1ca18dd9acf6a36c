"""The command `stylelab`. Each command imports what it needs itself, so that `--help` is quick."""

import functools
import inspect
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import Field, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from stylelab.cli.edge import open_standard_streams, protect
from stylelab.errors import INTERRUPTED, InputError, Interrupted
from stylelab.languages import ENGLISH, current_language
from stylelab.run.backends import USUAL
from stylelab.run.options import NUMBERS, Checked, OnePassOptions, Options, TrainingOptions, VideoOptions

UsageError: Any = typer.BadParameter.__mro__[1]  # from click, or from typer's own copy of it

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # --help in colour would take half a second to import
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Neural style transfer in PyTorch and TensorFlow.\n\n"
    "Exit status: 0 done, 1 something is wrong with the input, 2 with the machine, 130 stopped with Ctrl-C.",
)
encoders_app = typer.Typer(help="List the encoders, or download one.", rich_markup_mode=None)
app.add_typer(encoders_app, name="encoders")
course_app = typer.Typer(help="Begin a course of your own, or check it.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(course_app, name="course")
lessons_app = typer.Typer(help="Build the lessons of your own course.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(lessons_app, name="lessons")

IMAGE = "a file, or the name of a built-in image"
FOLDER = "a folder of images, one image, or 'builtin'"
Backend = Annotated[str, typer.Option(help="Framework: torch or tensorflow.")]
OwnCourse = Annotated[Path, typer.Option("--course", metavar="DIR", help="Folder of the course, with course.toml.")]
OtherCourse = Annotated[
    Path | None, typer.Option("--course", metavar="DIR", help="Folder of a course of your own.", show_default="stylelab's own")
]
Scheduler = Annotated[
    str | None,
    typer.Option(help="A Dask scheduler's address, such as tcp://host:8786.", show_default="this machine"),
]


def option_type(field: Field) -> Any:
    """The type that makes typer offer a field of `Options` as a command-line option."""
    kind, default_text = field.metadata["kind"], field.metadata["default_text"]
    value = kind.type if field.default is not None else kind.type | None
    return Annotated[value, typer.Option(help=field.metadata["help"], show_default=default_text or True)]


def with_options(command: Callable[..., int], kind: type[Checked] = Options, *, of_one_pair: bool = True) -> Callable[..., int]:
    """Give a command an option for each field of `kind`, after --backend. The command gets their values as `**options`.

    Without `of_one_pair`, those are left out that say something about one image.
    """
    known: list[Field] = [
        field for field in fields(kind) if field.metadata["kind"] and (of_one_pair or not field.metadata["one_pair"])
    ]

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
    signed: Any = call
    signed.__signature__ = inspect.Signature(parameters)
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


Device: Any = option_type(next(field for field in fields(Options) if field.name == "device"))


def main() -> None:
    """Run the command line and exit with its status."""
    open_standard_streams()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status. An error is one line on stderr."""
    return protect(lambda: _run(arguments))


def _run(arguments: list[str]) -> int:
    try:
        status = _program()(joined(arguments), prog_name="stylelab", standalone_mode=False) or 0
    except UsageError as error:
        if not error.format_message():  # no command at all: the help has been shown
            return InputError.exit_status
        where = error.ctx.command_path if error.ctx else "stylelab"
        message = " ".join(error.format_message().split()).rstrip(".")
        raise InputError(f"{message} (see `{where} --help`)") from None
    if status == INTERRUPTED:  # typer returns it for a KeyboardInterrupt that no command has caught
        raise Interrupted("interrupted")
    return status


def _program() -> Any:
    """The command line, whose help speaks the user's language."""
    program = typer.main.get_command(app)
    if current_language() == ENGLISH:
        return program
    from stylelab.cli import help as in_language

    return in_language.translate(program)


def joined(arguments: list[str]) -> list[str]:
    """`--blend 0.7 0.3` as `--blend 0.7,0.3`: an option of a command line has one value."""
    result: list[str] = []
    for argument in arguments:
        if result[-2:-1] == ["--blend"] and _is_number(argument) and _is_number(result[-1].split(",")[-1]):
            result[-1] += f",{argument}"
        else:
            result.append(argument)
    return result


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@app.command()
@with_options
def transfer(
    context: typer.Context,
    content: Annotated[str | None, typer.Argument(help=f"The scene: {IMAGE}.", show_default=False)] = None,
    style: Annotated[
        list[str] | None, typer.Argument(help=f"The manner of painting: {IMAGE}; several are blended.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Where to save: a .png, .jpg or .webp file.", show_default="with --settings X: X.png"),
    ] = None,
    backend: Backend = USUAL,
    settings: Annotated[
        Path | None,
        typer.Option(help="Repeat a run from a settings file, or from a PNG that stylelab saved. Other options override it."),
    ] = None,
    save_settings: Annotated[Path | None, typer.Option(help="Save the settings of the run as a .json file.")] = None,
    film: Annotated[Path | None, typer.Option(help="Save an animation of the run (.gif) or a filmstrip (.png).")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue a run that was stopped: from OUT.state, where every run is kept.")
    ] = False,
    **options: Any,
) -> int:
    """Paint one image's content in another's style. Ctrl-C saves the best image so far, and --resume continues from there."""
    from stylelab.cli import transfer as painting

    sources = {name: context.get_parameter_source(name) for name in context.params}
    given = [name for name, source in sources.items() if source and source.name == "COMMANDLINE"]
    values = {"content": content, "style": tuple(style or ()), "backend": backend, **options}
    found = painting.find_settings(values, given, settings)
    return painting.transfer(found, out, file=settings, save_settings=save_settings, film=film, resume=resume)


@app.command()
@functools.partial(with_options, of_one_pair=False)
def gallery(
    content_dir: Annotated[str, typer.Argument(help=f"The scenes: {FOLDER}.")],
    style_dir: Annotated[str, typer.Argument(help=f"The manners of painting: {FOLDER}.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the images and index.html; created if missing.")],
    scheduler: Scheduler = None,
    backend: Backend = USUAL,
    **options: Any,
) -> int:
    """Paint every pair of a content and a style image, on Dask. Pairs that are already painted are kept."""
    from stylelab.cli import transfer as painting

    return painting.gallery(content_dir, style_dir, out, scheduler=scheduler, backend=backend, **options)


@app.command()
@functools.partial(with_options, kind=OnePassOptions)
def fast(
    image: Annotated[str, typer.Argument(help=f"The scene: {IMAGE}; a folder of images; or - for standard input.")],
    style: Annotated[list[str], typer.Argument(help=f"The manner of painting: {IMAGE}; several are blended.")],
    out: Annotated[
        str, typer.Option("--out", "-o", help="Where to save: a .png, .jpg or .webp file; a folder; or - for standard output.")
    ],
    backend: Backend = USUAL,
    **options: Any,
) -> int:
    """Paint in one pass of a trained network: within a second instead of a minute."""
    from stylelab.cli import one_pass

    return one_pass.fast(image, style, out, backend=backend, options=OnePassOptions(**options))


@app.command()
@functools.partial(with_options, kind=VideoOptions)
def video(
    source: Annotated[
        str, typer.Argument(metavar="FILM", help="A folder of frames, a GIF or another animation, or a video file.")
    ],
    style: Annotated[list[str], typer.Argument(help=f"The manner of painting: {IMAGE}; several are blended.")],
    out: Annotated[str, typer.Option("--out", "-o", help="Where to save: a .gif, .mp4 or .webm file, or a folder of frames.")],
    backend: Backend = USUAL,
    fps: Annotated[float | None, typer.Option(help="Frames a second.", show_default="the film's own; 12 for a folder")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue a film that was stopped: from OUT.state, where painted frames are kept.")
    ] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Paint each frame by itself too, and compare the flicker; that takes twice the time.")
    ] = False,
    **options: Any,
) -> int:
    """Paint a film frame by frame, without flicker. Ctrl-C keeps the frames that are painted, and --resume continues."""
    from stylelab.cli import video as films

    return films.video(
        source, style, out, backend=backend, resume=resume, fps=fps, report=report, options=VideoOptions(**options)
    )


@app.command()
@functools.partial(with_options, kind=TrainingOptions)
def train(
    style: Annotated[list[str], typer.Argument(help=f"What to learn: {IMAGE}; several styles make one network.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="NET", help="Where to save the network: a .safetensors file.")],
    backend: Backend = USUAL,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue a training that was stopped: from NET.state, where each is kept.")
    ] = False,
    **options: Any,
) -> int:
    """Teach the fast network a new style. Ctrl-C saves it as it is, and --resume continues from there."""
    from stylelab.cli import one_pass

    return one_pass.train(style, out, backend=backend, resume=resume, options=TrainingOptions(**options))


@app.command()
def export(
    network: Annotated[str, typer.Argument(help="six, any, or a file that `stylelab train` wrote.")],
    out: Annotated[Path, typer.Option("--onnx", "-o", help="Where to save: a .onnx file.")],
    style: Annotated[
        list[str] | None, typer.Option(help="Style to fix, blended if given several times.", show_default="the file takes a code")
    ] = None,
    blend: Annotated[str | None, typer.Option(help="Weights of several styles, such as 0.7,0.3.", show_default="equal")] = None,
    backend: Backend = USUAL,
) -> int:
    """Write a fast network as ONNX, for other programs, phones and browsers."""
    from stylelab.cli import one_pass

    return one_pass.export(network, style or [], out, backend=backend, blend=NUMBERS.parse(blend))


@encoders_app.callback(invoke_without_command=True)
def encoders(context: typer.Context) -> None:
    """List the encoders and where they are, or download one."""
    if context.invoked_subcommand is None:
        from stylelab.cli import listings as tables

        tables.encoders()


@encoders_app.command()
def download(name: Annotated[str, typer.Argument(help="vgg19 or vgg19-torchvision.")]) -> None:
    """Download an encoder's weights, check them, and keep them in the cache."""
    from stylelab.cli import listings as tables

    tables.download(name)


@app.command()
def recipes(name: Annotated[str | None, typer.Argument(help="A recipe to show in full.")] = None) -> None:
    """List the recipes and their sources."""
    from stylelab.cli import listings as tables

    tables.recipes() if name is None else tables.recipe(name)


@app.command()
def losses() -> None:
    """List the losses: what each sees, what it is blind to, and its source."""
    from stylelab.cli import listings as tables

    tables.losses()


@app.command()
def doctor() -> int:
    """Check what this machine has, what it lacks, and what to do about it."""
    from stylelab.cli import listings as tables

    return tables.doctor()


@app.command()
def start(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Your own folder; created if missing.")] = Path("my-lessons"),
    framework: Annotated[
        str | None, typer.Option(help="Only torch or only tensorflow.", show_default="what is installed")
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="Of the lessons' text, such as zh.", show_default="that of the lessons in DIR, or yours")
    ] = None,
) -> int:
    """Copy the lessons into a folder of your own. Notebooks that you have changed are kept; newer ones get another name."""
    from stylelab.cli import start as lessons

    try:
        print(lessons.start(folder, framework, language))
    except KeyboardInterrupt:
        raise Interrupted("interrupted: all files are complete; run it again to copy the rest") from None
    return 0


@app.command(name="hand-in")
def hand_in(
    notebooks: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[NOTEBOOK]...", help="What to hand in.", show_default="the lessons here that were begun"),
    ] = None,
    to: Annotated[str, typer.Option(help="A folder, or nbgrader.", show_default="where the course collects")] = "",
) -> int:
    """Hand in notebooks as they were last saved: copy them to where the course collects them, and print a receipt for each."""
    from stylelab.exercises.hand_in import hand_in_command

    hand_in_command(notebooks or (), to)
    return 0


@course_app.command()
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    title: Annotated[str | None, typer.Option(help="Of the course.", show_default="made from DIR")] = None,
) -> int:
    """Write a small course that works: one lesson, two exercises, their tests, a Makefile. Nothing of it needs a framework."""
    from stylelab.tools.course.new import new as begin

    print(begin(folder, title))
    return 0


@course_app.command()
def check(folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the course, with course.toml.")]) -> int:
    """List what a course lacks, a line each. Every exercise is tried with its own answer and its own mistakes."""
    from stylelab.base.course import read_course
    from stylelab.languages import say
    from stylelab.tools.course.check import check as faults

    lines = faults(read_course(folder))
    print("\n".join(lines) or say(f"{folder}: nothing is missing"))
    return 1 if lines else 0


@lessons_app.command()
def build(
    numbers: Annotated[list[str] | None, typer.Argument(metavar="[NUMBER]...", help="Such as 01.", show_default="all")] = None,
    course: OwnCourse = Path("."),
    edition: Annotated[str | None, typer.Option(help="numpy, torch or tensorflow.", show_default="the course's")] = None,
    execute: Annotated[bool, typer.Option("--execute/--no-execute", help="Run the cells and store what they show.")] = True,
) -> int:
    """Make notebooks of the files in DIR/lessons/source, and run them."""
    from stylelab.base.course import read_course
    from stylelab.tools.course.build import build_course

    for path in build_course(read_course(course), numbers or (), edition, run=execute):
        print(path)
    return 0


@app.command()
def release(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for notebooks and zips; created if missing.")],
    framework: Annotated[str | None, typer.Option(help="Only torch, tensorflow or numpy.", show_default="all")] = None,
    lessons: Annotated[str | None, typer.Option(help="Numbers of the lessons, such as 03,04.", show_default="all")] = None,
    nbgrader: Annotated[
        bool, typer.Option("--nbgrader", help="Make DIR an nbgrader course: source/, nbgrader_config.py.")
    ] = False,
    solutions: Annotated[
        bool,
        typer.Option("--solutions", help="Write the edition for instructors instead: model answers, and the hints below them."),
    ] = False,
    course: OtherCourse = None,
) -> int:
    """Write the lessons to hand out: without outputs, with nbgrader's metadata, and a zip of each. Other files are kept."""
    from stylelab.tools.classroom.handout import release as handout

    numbers = [] if lessons is None else lessons.replace(",", " ").split() or [lessons]
    try:
        with _course(course):
            print(handout.release(out, framework, numbers, nbgrader=nbgrader, solutions=solutions))
    except KeyboardInterrupt:
        raise Interrupted("interrupted: all files are complete; run it again to write the rest") from None
    return 0


@app.command()
def grade(
    submissions: Annotated[
        list[Path],
        typer.Argument(
            metavar="SUBMISSIONS...",
            help="A folder of notebooks, a folder per student, nbgrader's folder, or a zip from Canvas, Moodle ...; several, the first "
            "attempt first.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for marks and reports, outside the submissions; created if missing.")
    ],
    scheduler: Scheduler = None,
    sandbox: Annotated[
        str, typer.Option(help="bwrap; or none, and then students' code runs as you and can reach all your files.")
    ] = "bwrap",
    seconds: Annotated[float, typer.Option(help="Time limit for one answer in seconds, 0.1 to 3600.")] = 10.0,
    due: Annotated[
        list[str] | None,
        typer.Option(help="Due date, such as '2026-11-20 23:59 Europe/Berlin', or '03=...' for one lesson; can be repeated."),
    ] = None,
    late: Annotated[str, typer.Option(help="Late policy: none, or such as '10/day, cap 50, grace 15 min'.")] = "none",
    lessons: Annotated[
        str | None,
        typer.Option(help="Lessons that count, such as 03,04.", show_default="all but those that hardly anyone submitted"),
    ] = None,
    attempts: Annotated[
        str, typer.Option(help="Which of several submissions of a lesson counts: best, last or average.")
    ] = "best",
    weights: Annotated[
        str | None, typer.Option(help="Of lessons in the percentage, such as '03=2, 04=1'.", show_default="by their points")
    ] = None,
    canvas: Annotated[Path | None, typer.Option(help="A gradebook exported from Canvas, to fill in.")] = None,
    seed: Annotated[
        str | None, typer.Option(help="32 hexadecimal digits: the secret of an earlier run.", show_default="the folder's")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Mark everything again, with the folder's own secret.")] = False,
    anonymous: Annotated[
        bool, typer.Option("--anonymous", help="Labels instead of names in all marks and reports; DIR/key.json maps them back.")
    ] = False,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="End the anonymity: write the reports of anonymous marks with names.")
    ] = False,
    course: OtherCourse = None,
) -> int:
    """Grade notebooks in a sandbox and write marks, feedback and reports. Run it again to resume."""
    from stylelab.tools.classroom import grade as grading

    with _course(course):
        return grading.grade(
            submissions,
            out,
            scheduler=scheduler,
            kind=sandbox,
            seconds=seconds,
            due=due,
            late=late,
            lessons=lessons,
            attempts=attempts,
            weights=weights,
            canvas=canvas,
            seed=seed,
            again=again,
            anonymous=anonymous,
            show_names=reveal,
        )


def _course(folder: Path | None) -> "AbstractContextManager":
    """Work on the course in this folder; on stylelab's own without one."""
    from stylelab.base.course import OURS, choose_course, read_course

    return choose_course(OURS if folder is None else read_course(folder))


@app.command()
def studio(
    port: Annotated[int, typer.Option(help="Port on this machine, 1 to 65535.")] = 8866,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
) -> int:
    """Open the studio in the browser to choose images, paint, compare and save. Ctrl-C stops it."""
    from stylelab.tools.studio import serve

    sys.exit(serve.serve(port, browser))  # without a line that it was interrupted: this is how it ends


@app.command()
def bench(
    backend: Annotated[list[str] | None, typer.Option(help="torch or tensorflow; can be repeated.", show_default="both")] = None,
    size: Annotated[
        list[int] | None, typer.Option(help="Long side in pixels; can be repeated.", show_default="256 and 512")
    ] = None,
    precision: Annotated[
        list[str] | None,
        typer.Option(help="float32, bfloat16 or auto; can be repeated.", show_default="float32 and auto"),
    ] = None,
    encoder: Annotated[
        str,
        typer.Option(help="A name or a weights file. vgg19 gets random filters if it is not downloaded; they cost the same."),
    ] = "vgg19",
    steps: Annotated[int | None, typer.Option(help="Steps to measure, 2 or more.", show_default="10")] = None,
    race: Annotated[
        int | None, typer.Option(help="Steps of the race to the tutorial's loss; 0 for none.", show_default="300")
    ] = None,
    picture: Annotated[bool, typer.Option("--picture/--no-picture", help="Measure the time to a good picture.")] = True,
    judge: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Weights of a second judge of pictures, with VGG-19's first layers.")
    ] = None,
    tile: Annotated[
        int | None, typer.Option(help="Side in pixels of the tiles to measure, too; 0 for none.", show_default="half the size")
    ] = None,
    device: Device = None,
    content: Annotated[str, typer.Option(help=f"The scene: {IMAGE}.")] = "china",
    style: Annotated[str, typer.Option(help=f"The manner of painting: {IMAGE}.")] = "coffee",
    peers: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder with other programs to measure too; see docs/speed.md.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Save the figures as JSON.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Plot the figures as a .png, .pdf or .svg file.")] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Begin nothing after this time, and print what was left out.", show_default="no limit")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A minute or two: 256 pixels, five steps, no race.")] = False,
    one_pass: Annotated[
        bool, typer.Option("--one-pass", help="Measure instead the networks of `stylelab fast`, also in onnxruntime.")
    ] = False,
) -> int:
    """Measure time to a good picture, time per step, memory and time to a given loss, and compare with the tutorials' loops and this machine's limit."""
    from stylelab.tools.bench import command

    return command.run(
        backends=tuple(backend or ()), sizes=tuple(size or ()), precisions=tuple(precision or ()), encoder=encoder, steps=steps,
        race=race, picture=picture, judge=judge, tile=tile, device=device, content=content, style=style, peers=peers, out=out, plot=plot,
        minutes=minutes, quick=quick, one_pass=one_pass,
    )  # fmt: skip
