"""Write painted frames as a film: a folder, a GIF, or a video file. One frame is in memory at a time."""

import shutil
from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image
from PIL.GifImagePlugin import getdata, getheader

from stylelab import images
from stylelab.base.files import check_folder, check_parent_folder, check_target, expand_home, file_kind, folder_errors, printable
from stylelab.base.files import write_file as write_whole
from stylelab.errors import InputError
from stylelab.tools.video.frames import import_av

CODECS = {".mp4": ("libx264", "mpeg4"), ".webm": ("libvpx-vp9", "libvpx")}  # the first that PyAV has
ENDINGS = (".gif", *CODECS)
SAMPLES, SAMPLE_SIDE = 16, 128  # frames, of this size, from which the palette of a GIF is chosen


def check_out(out: "str | Path", resume: bool) -> Path:
    """The path, if a film can be written there; nothing that is there already is lost.

    Args:
        out: ends in .gif, .mp4 or .webm; any other path without an ending, or of a folder, is a folder of frames.
        resume: whether the folder may hold frames of this film.

    Raises:
        InputError: another ending, a folder that is not empty, or a path that cannot be written.
        MachineError: a video file without PyAV to write it.
    """
    path = expand_home(out)
    ending, kind = path.suffix.lower(), file_kind(path)
    if ending in CODECS:
        import_av()
    if ending in ENDINGS:
        return check_target(path)
    if kind not in ("", "folder"):
        raise InputError(f"'{printable(path)}' is a file: end the name in {', '.join(ENDINGS)}, or name a folder for the frames")
    if ending and not kind:
        raise InputError(f"cannot write '{printable(path)}': end it in {', '.join(ENDINGS)}, or name a folder without an ending")
    if kind and not resume and any(path.iterdir()):
        raise InputError(f"folder '{printable(path)}' is not empty: name a new one for the frames")
    check_parent_folder(path)
    return path


def write_film(files: Sequence[Path], path: Path, *, fps: float, names: Sequence[str] = ()) -> None:
    """Write painted frames as a film.

    Args:
        files: PNG files of one size, in their order.
        path: as `check_out` returned it.
        fps: frames a second.
        names: of the frames, without ending, for a folder; by default their numbers.

    Raises:
        InputError, MachineError: it cannot be written.
    """
    ending = path.suffix.lower()
    if ending == ".gif":
        write_whole(path, lambda stream: _gif(stream, files, fps))
    elif ending in CODECS:
        write_whole(path, lambda stream: _video(stream, files, ending, fps))
    else:
        with folder_errors(path):
            path.mkdir(parents=True, exist_ok=True)
        check_folder(path)
        for index, file in enumerate(files):
            name = names[index] if index < len(names) else f"{index + 1:06d}"
            with file.open("rb") as source:
                write_whole(path / f"{name}.png", partial(shutil.copyfileobj, source))


def _gif(stream: BinaryIO, files: Sequence[Path], fps: float) -> None:
    """Pillow's own way to save a GIF keeps all frames in memory, and gives each its own palette, which flickers."""
    chosen = [files[round(index)] for index in np.linspace(0, len(files) - 1, min(SAMPLES, len(files)))]
    samples = [images.resize(images.open_image(file), SAMPLE_SIDE) for file in chosen]
    palette = Image.fromarray((np.concatenate(samples) * 255 + 0.5).astype(np.uint8)).quantize(256)
    duration = max(20, round(1000 / fps))  # milliseconds; browsers slow down faster ones
    for index, file in enumerate(files):
        with Image.open(file) as frame:
            indexed = frame.convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE)  # dots of a dither would dance
        if index == 0:
            stream.writelines(getheader(indexed, info={"loop": 0, "duration": duration})[0])
        stream.writelines(getdata(indexed, duration=duration, include_color_table=index > 0))
    stream.write(b";")


def _video(stream: BinaryIO, files: Sequence[Path], ending: str, fps: float) -> None:
    av: Any = import_av()
    codec = next((name for name in CODECS[ending] if name in av.codecs_available), CODECS[ending][-1])
    with av.open(stream, "w", format=ending[1:]) as container:
        track = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001))
        track.pix_fmt, track.options = "yuv420p", {"crf": "18"}
        for index, file in enumerate(files):
            image = (images.open_image(file) * 255 + 0.5).astype(np.uint8)
            image = np.pad(image, ((0, image.shape[0] % 2), (0, image.shape[1] % 2), (0, 0)), "edge")  # sides must be even
            if index == 0:
                track.height, track.width = image.shape[:2]
            container.mux(track.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(track.encode())
