"""The commands of networks that paint in one pass: fast, train and export."""

import io
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from PIL import Image

from stylelab import images
from stylelab.base.files import (
    check_folder,
    check_parent_folder,
    check_target,
    expand_home,
    file_kind,
    folder_errors,
    printable,
    quoted,
    refused,
    temporary_files,
)
from stylelab.base.values import one_of
from stylelab.cli.edge import tell
from stylelab.cli.progress import progress
from stylelab.errors import InputError, Interrupted, NotFiniteError, StylelabError
from stylelab.languages import say
from stylelab.networks import NAMES, find_network, load_weights, mix
from stylelab.networks.file import check_name, check_style
from stylelab.run.backends import check_backend, load_backend
from stylelab.run.one_pass import choose_network
from stylelab.run.options import FROM_NOTHING, OnePassOptions, TrainingOptions
from stylelab.tools.gallery.plan import find_images, note_left_out

STANDARD = "-"  # standard input, or standard output


def fast(content: str, styles: list[str], out: str, *, backend: str, options: OnePassOptions) -> int:
    """Paint an image, or a folder of them, in one pass; returns the exit status, that of the worst image.

    Args:
        content: an image, a built-in name, a folder, or '-' for standard input.
        styles: names, paths; several are blended.
        out: an image, a folder if `content` is one, or '-' for standard output.
        backend: 'torch' or 'tensorflow'.
        options: network, size, strength and so on.

    Raises:
        InputError, MachineError: nothing could be painted; one line for stderr.
    """
    check_backend(backend)
    network = choose_network(styles, options)
    known = getattr(network, "styles", ())
    inputs = [images.find_image(style) for style in styles if not (known and check_style(network, style))]
    if content != STANDARD and file_kind(expand_home(content)) == "folder":
        return _paint_folder(content, styles, out, backend, options, inputs)
    target = None if out == STANDARD else images.check_writable(out)
    if not target and sys.stdout.isatty():
        raise InputError("standard output is a terminal: name a file with -o, or add `> painted.png`")
    source: Any = _read_standard(sys.stdin) if content == STANDARD else images.find_image(content)
    if target:
        _check_not_an_input(target, [*inputs, *([] if content == STANDARD else [source])])
    opened = images.open_with_notes(source)
    with temporary_files(target.parent if target else Path.cwd()):
        paint = load_backend(backend).one_pass(styles, options)
        began = time.perf_counter()
        painted = paint(opened.image)
    seconds = time.perf_counter() - began
    for note in opened.notes:
        tell(note)
    height, width = painted.shape[:2]
    if target:
        images.save(painted, target)
        print(say(f"saved {quoted(target)} ({width} x {height} pixels), painted in {seconds:.2f} s"))
    else:
        _write_standard(painted)
    return 0


def _check_not_an_input(target: Path, inputs: list[Path]) -> None:
    if any(target.exists() and target.samefile(path) for path in inputs):
        raise InputError(f"'{printable(target)}' is one of the input images: choose another name to save to")


def _paint_folder(
    content: str, styles: list[str], out: str, backend: str, options: OnePassOptions, inputs: list[Path]
) -> int:  # fmt: skip
    if out == STANDARD:
        raise InputError("a folder of images cannot be written to standard output: name a folder with -o")
    target, files = expand_home(out), find_images(content, ())
    if file_kind(target) not in ("", "folder"):
        raise InputError(f"'{printable(target)}' is not a folder: name one for the painted images")
    if target.resolve() == expand_home(content).resolve():
        raise InputError(f"'{printable(target)}' is the folder of the images: name another for the painted ones")
    check_parent_folder(target)
    for name in files:
        _check_not_an_input(target / f"{name}.png", inputs)
    if note := note_left_out(content, target):
        tell(note)
    worst, painted, began = 0, 0, time.perf_counter()
    try:
        with progress(len(files)) as show, temporary_files(target.parent):
            paint = load_backend(backend).one_pass(styles, options)
            with folder_errors(target):
                target.mkdir(parents=True, exist_ok=True)
            check_folder(target)
            for index, (name, path) in enumerate(files.items(), 1):
                try:
                    opened = images.open_with_notes(path)
                    for note in opened.notes:
                        tell(f"{printable(name)}: {note}")
                    images.save(paint(opened.image), target / f"{name}.png")
                    painted += 1
                except StylelabError as error:
                    tell(f"{printable(name)}: {error}")
                    worst = max(worst, error.exit_status)
                show(index)
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted: {painted} of {len(files)} images are painted") from None
    print(say(f"painted {painted} of {len(files)} images in {time.perf_counter() - began:.1f} s into {quoted(target)}"))
    return worst


def _read_standard(stream: TextIO | None) -> images.ImageFile:
    data = stream.buffer.read() if stream else b""
    if not data:
        raise InputError(
            "no image on standard input: pipe one in, such as `stylelab fast - fluid -o - < photo.jpg > painted.png`"
        )
    return images.ImageFile("standard input", data)


def _write_standard(image: np.ndarray) -> None:
    whole = io.BytesIO()
    Image.fromarray((image * 255 + 0.5).astype(np.uint8)).save(whole, format="PNG")
    stream: Any = getattr(sys.stdout, "stream", sys.stdout)  # the one behind that for messages
    try:
        stream.buffer.write(whole.getvalue())
        stream.buffer.flush()
    except OSError as error:
        raise refused(error, "cannot write to standard output") from None


def train(styles: list[str], out: Path, *, backend: str, resume: bool, options: TrainingOptions) -> int:
    """Teach a network new styles and save it; returns the exit status.

    Args:
        styles: built-in names or paths.
        out: the file to write, ending in .safetensors. Until the end the training is kept beside it.
        backend: 'torch' or 'tensorflow'.
        resume: continue a training that was stopped.
        options: steps, minutes and so on.

    Raises:
        InputError, MachineError: one line for stderr.
    """
    from stylelab.base.interrupts import interrupts
    from stylelab.networks.training import open_styles

    check_backend(backend)
    target, kept = check_name(out), Path(f"{expand_home(out)}.state")
    check_target(target)
    opened = open_styles(styles)
    if str(options.network) not in FROM_NOTHING:
        if str(options.network).isidentifier():
            one_of("network", options.network, (*NAMES, *FROM_NOTHING))
        find_network(options.network)
    if not resume:
        kept.unlink(missing_ok=True)
    elif not file_kind(kept):
        tell(f"no stopped training in '{printable(kept)}': this one starts at step 1")
    first: Any = None
    last: Any = None
    failed: NotFiniteError | None = None
    with temporary_files(target.parent), interrupts() as signals:
        signals.defers = True  # until the end of a step
        steps = load_backend(backend).train(opened, **vars(replace(options, resume=kept)))
        try:
            with progress(options.steps) as show, closing(steps):
                for step in steps:
                    first, last = first or step, step
                    show(step.index, step.loss)
                    if signals.numbers:
                        break
        except KeyboardInterrupt:
            pass
        except NotFiniteError as error:
            failed = error
        if last is None:
            if failed:
                raise failed
            if signals.numbers:
                raise Interrupted("interrupted before the first step: nothing was saved")
            more = "--steps" if options.minutes is None else "--minutes"
            print(say(f"nothing left to train: '{printable(kept)}' has had its time, and stays as it is; give more {more}"))
            return 0
        last.save(target)
    names, losses = ", ".join(last.network.styles), f"{first.loss:.3g} -> {last.loss:.3g}"
    print(say(f"saved {quoted(target)} ({names}): {last.index} steps in {last.seconds:.0f} s, loss {losses}"))
    print(say(f"paint with it: stylelab fast IMAGE {printable(last.network.styles[0])} --network {quoted(target)} -o OUT.png"))
    if failed:
        raise failed
    if signals.numbers:
        raise Interrupted("interrupted: repeat the command with --resume to continue")
    return 0


def export(network: str, styles: list[str], out: Path, *, backend: str, blend: Any) -> int:
    """Write a network as ONNX; a framework is only needed to read a style image.

    Raises:
        InputError, MachineError: one line for stderr.
    """
    from stylelab.networks.export import export_onnx

    check_backend(backend)
    found, weights = load_weights(network)
    if blend is not None and not styles:
        raise InputError("--blend is a mixture of styles: name them with --style")
    code = None
    if styles and found.styles:
        code = mix([weights["codes"][found.styles.index(check_style(found, style))] for style in styles], blend)
    elif styles:
        code = load_backend(backend).load_network(found, device="cpu").code(styles, blend)
    size = export_onnx(network, out, code)
    print(say(f"saved {quoted(out)} ({size / 1e6:.2f} MB): image{'' if styles else ', code'} -> painted"))
    return 0
