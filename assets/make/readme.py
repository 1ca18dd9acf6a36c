"""The README's images, each below 60 KB: `python assets/make/readme.py`.

lesson_NN.jpg   cut from what the committed PyTorch notebook of a lesson shows
result_*.jpg    an image that the embedded encoder painted (assets/encoder-mini), beside the two that it was painted from
"""

import base64
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from stylelab import images

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "assets" / "readme"
WIDTH, HEIGHT = 420, 210  # shown at about 265 x 132
MOST_BYTES = 60_000
PAINTED = ("chelsea-woodblock", "coffee-fluid", "china-brushstrokes")


@dataclass(frozen=True)
class Cut:
    """Which part of a stored figure is shown.

    Attributes:
        lesson, cell: whose output, by number and by name.
        index: of the figures that the cell shows.
        columns: how many images stand side by side in the figure.
        chosen: which of them are shown, from 0; none for the figure as it is.
        in_row: how many of those in a row.
        title: share of the figure's height that its titles take, cut off when images are chosen.
    """

    lesson: str
    cell: str
    index: int = 0
    columns: int = 1
    chosen: tuple[int, ...] = ()
    in_row: int = 2
    title: float = 0.0


LADDER = (
    Cut("00", "result", columns=4, chosen=(0, 1, 2, 3), title=0.12),
    Cut("01", "maps"),
    Cut("02", "depth", columns=5, chosen=(0, 3, 4), in_row=3, title=0.12),
    Cut("03", "row", columns=6, chosen=(0, 1, 2, 3, 4, 5), in_row=3, title=0.12),
    Cut("04", "grid"),
    Cut("05", "six"),
)


def figure(cut: Cut) -> Image.Image:
    """The stored figure that a cut is of."""
    (path,) = (ROOT / "lessons").glob(f"{cut.lesson}_*_torch.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    (cell,) = [each for each in cells if each["metadata"]["stylelab"]["name"] == cut.cell]
    shown = "".join("".join(each.get("data", {}).get("text/html", "")) for each in cell["outputs"])
    found = re.findall(r'src="data:image/\w+;base64,([^"]+)"', shown)
    return Image.open(io.BytesIO(base64.b64decode(found[cut.index]))).convert("RGB")


def mosaic(whole: Image.Image, cut: Cut) -> Image.Image:
    """The chosen images of a figure in rows, without titles and white margins."""
    width, top = whole.width / cut.columns, round(whole.height * cut.title)
    parts = [trimmed(whole.crop((round(n * width), top, round((n + 1) * width), whole.height))) for n in cut.chosen]
    wide, high = min(part.width for part in parts), min(part.height for part in parts)
    rows = -(-len(parts) // cut.in_row)
    sheet = Image.new("RGB", (cut.in_row * (wide + 4) - 4, rows * (high + 4) - 4), "white")
    for n, part in enumerate(parts):
        sheet.paste(part.resize((wide, high)), (n % cut.in_row * (wide + 4), n // cut.in_row * (high + 4)))
    return sheet


def trimmed(image: Image.Image) -> Image.Image:
    """Without margins that are as good as white."""
    ink = np.asarray(image).min(axis=2) < 250
    rows, columns = np.flatnonzero(ink.mean(axis=1) > 0.2), np.flatnonzero(ink.mean(axis=0) > 0.2)
    return image.crop((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))


def framed(image: Image.Image) -> Image.Image:
    """In the middle of a white WIDTH x HEIGHT, as large as goes."""
    scale = min(WIDTH / image.width, HEIGHT / image.height)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    frame = Image.new("RGB", (WIDTH, HEIGHT), "white")
    frame.paste(image, ((WIDTH - image.width) // 2, (HEIGHT - image.height) // 2))
    return frame


def result(name: str) -> Image.Image:
    """What was painted, beside the photograph and the style image that it was painted from."""
    painted = Image.open(ROOT / "assets" / "encoder-mini" / f"{name}.jpg").convert("RGB")
    width, height = painted.size
    half = (height - 4) // 2
    sheet = Image.new("RGB", (width + 4 + width // 2, height), "white")
    sheet.paste(painted, (0, 0))
    for y, source in zip((0, height - half), name.split("-", 1), strict=True):
        sheet.paste(covering(source, (width // 2, half)), (width + 4, y))
    return sheet


def covering(name: str, size: tuple[int, int]) -> Image.Image:
    """A built-in image cut to `size`, its middle kept."""
    array = images.open_image(name)
    image = Image.fromarray((array * 255 + 0.5).astype(np.uint8))
    scale = max(size[0] / image.width, size[1] / image.height)
    image = image.resize((round(image.width * scale) + 1, round(image.height * scale) + 1), Image.Resampling.LANCZOS)
    left, top = (image.width - size[0]) // 2, (image.height - size[1]) // 2
    return image.crop((left, top, left + size[0], top + size[1]))


def save(image: Image.Image, name: str) -> None:
    """As good as it can be in MOST_BYTES."""
    for quality in range(90, 30, -5):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() < MOST_BYTES:
            break
    (FOLDER / name).write_bytes(buffer.getvalue())
    print(f"{name}  {image.width} x {image.height}  quality {quality}  {buffer.tell()} bytes")


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for cut in LADDER:
        whole = figure(cut)
        save(framed(mosaic(whole, cut) if cut.chosen else whole), f"lesson_{cut.lesson}.jpg")
    for name in PAINTED:
        save(result(name), f"result_{name}.jpg")


if __name__ == "__main__":
    main()
