"""Make the README's images and the encoder card's, each below 60 KB: `python assets/make/readme.py`.

lesson_NN.jpg     a figure from the committed PyTorch notebook of a lesson
encoder-mini/*    what the default recipe paints with the embedded encoder
result_*.jpg      one of those, with its content and style image
"""

import base64
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import stylelab.torch as sl
from stylelab import images

ROOT = Path(__file__).resolve().parents[2]
FOLDER, SHOWN = ROOT / "assets" / "readme", ROOT / "assets" / "encoder-mini"
WIDTH, HEIGHT = 420, 210  # shown at about 265 x 132
MOST_BYTES = 60_000
RESULTS = ("chelsea-woodblock", "coffee-fluid", "china-brushstrokes")
PAINTED, LONG_SIDE = (*RESULTS, "rocket-pointillism"), 480


@dataclass(frozen=True)
class Cut:
    """Which part of a notebook's figure to use.

    Attributes:
        lesson, cell: the lesson's number, and the name of the cell.
        index: number of the figure in the cell's output.
        columns, rows: of images in the figure.
        chosen: the images to use, from 0; empty for the whole figure.
        in_row: number of chosen images per row.
        title: share of a row's height above its images, which is cut off.
    """

    lesson: str
    cell: str
    index: int = 0
    columns: int = 1
    rows: int = 1
    chosen: tuple[int, ...] = ()
    in_row: int = 2
    title: float = 0.15


LADDER = (
    Cut("00", "result", columns=2, rows=2, chosen=(0, 1, 2, 3)),
    Cut("01", "maps"),
    Cut("02", "depth", columns=3, rows=2, chosen=(1, 3, 4, 5), in_row=4),
    Cut("03", "row", columns=2, rows=3, chosen=(0, 1, 2, 3, 4, 5), in_row=3),
    Cut("04", "grid"),
    Cut("05", "six", columns=2, rows=3, chosen=(0, 1, 2, 3, 4, 5), in_row=3),
    Cut("06", "go"),
    Cut("07", "where", columns=2, rows=2, chosen=(0, 1, 2), in_row=3),
    Cut("08", "six", columns=3, rows=2, chosen=(0, 1, 2, 3, 4, 5), in_row=3),
    Cut("09", "arrows"),
)


def figure(cut: Cut) -> Image.Image:
    """The figure, read from the notebook."""
    (path,) = (ROOT / "lessons").glob(f"{cut.lesson}_*_torch.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    (outputs,) = [cell["outputs"] for cell in cells if cell["metadata"]["stylelab"]["name"] == cut.cell]
    html = "".join("".join(output.get("data", {}).get("text/html", "")) for output in outputs)
    figures = re.findall(r'src="data:image/\w+;base64,([^"]+)"', html)
    return Image.open(io.BytesIO(base64.b64decode(figures[cut.index]))).convert("RGB")


def mosaic(whole: Image.Image, cut: Cut) -> Image.Image:
    """The chosen images in rows, without titles and white margins."""
    width, height = whole.width / cut.columns, whole.height / cut.rows
    parts = []
    for row, column in (divmod(n, cut.columns) for n in cut.chosen):
        box = column * width, (row + cut.title) * height, (column + 1) * width, (row + 1) * height
        parts.append(trim(whole.crop(tuple(map(round, box)))))
    wide, high = min(part.width for part in parts), min(part.height for part in parts)
    rows = -(-len(parts) // cut.in_row)
    sheet = Image.new("RGB", (cut.in_row * (wide + 4) - 4, rows * (high + 4) - 4), "white")
    for n, part in enumerate(parts):
        sheet.paste(part.resize((wide, high)), (n % cut.in_row * (wide + 4), n // cut.in_row * (high + 4)))
    return sheet


def trim(image: Image.Image) -> Image.Image:
    """Cut off margins that are almost white."""
    ink = np.asarray(image).min(axis=2) < 250
    rows, columns = np.flatnonzero(ink.mean(axis=1) > 0.2), np.flatnonzero(ink.mean(axis=0) > 0.2)
    return image.crop((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))


def fit_in_frame(image: Image.Image) -> Image.Image:
    """The image in the middle of a white WIDTH x HEIGHT, as large as possible."""
    scale = min(WIDTH / image.width, HEIGHT / image.height)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    frame = Image.new("RGB", (WIDTH, HEIGHT), "white")
    frame.paste(image, ((WIDTH - image.width) // 2, (HEIGHT - image.height) // 2))
    return frame


def paint(name: str) -> Image.Image:
    """CONTENT-STYLE, painted."""
    result = sl.transfer(*name.split("-", 1), encoder="mini", size=LONG_SIDE, device="cpu", precision="float32")
    return Image.fromarray((result.image * 255 + 0.5).astype(np.uint8))


def result(name: str) -> Image.Image:
    """A result with its content and style image on the right."""
    generated = Image.open(SHOWN / f"{name}.jpg").convert("RGB")
    width, height = generated.size
    half = (height - 4) // 2
    sheet = Image.new("RGB", (width + 4 + width // 2, height), "white")
    sheet.paste(generated, (0, 0))
    for y, source in zip((0, height - half), name.split("-", 1), strict=True):
        sheet.paste(crop_to(source, (width // 2, half)), (width + 4, y))
    return sheet


def crop_to(name: str, size: tuple[int, int]) -> Image.Image:
    """The middle of a built-in image, scaled and cropped to `size`."""
    array = images.open_image(name)
    image = Image.fromarray((array * 255 + 0.5).astype(np.uint8))
    scale = max(size[0] / image.width, size[1] / image.height)
    image = image.resize((round(image.width * scale) + 1, round(image.height * scale) + 1), Image.Resampling.LANCZOS)
    left, top = (image.width - size[0]) // 2, (image.height - size[1]) // 2
    return image.crop((left, top, left + size[0], top + size[1]))


def save(image: Image.Image, path: Path) -> None:
    """Write a JPEG file with the best quality that fits into MOST_BYTES."""
    for quality in range(90, 30, -5):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() < MOST_BYTES:
            break
    path.write_bytes(buffer.getvalue())
    print(f"{path.name}  {image.width} x {image.height}  quality {quality}  {buffer.tell()} bytes")


def main() -> None:
    """Write all images."""
    FOLDER.mkdir(exist_ok=True)
    for cut in LADDER:
        whole = figure(cut)
        save(fit_in_frame(mosaic(whole, cut) if cut.chosen else whole), FOLDER / f"lesson_{cut.lesson}.jpg")
    for name in PAINTED:
        save(paint(name), SHOWN / f"{name}.jpg")
    for name in RESULTS:
        save(result(name), FOLDER / f"result_{name}.jpg")


if __name__ == "__main__":
    main()
