"""`make demo`: one full transfer in each framework, on built-in images, without a browser.

A process can hold only one framework, so each run has its own process; this one collects their results.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from stylelab import images
from stylelab.base.files import check_folder, folder_errors, quoted, write_file, write_text
from stylelab.base.frameworks import is_installed
from stylelab.cli.edge import protect
from stylelab.cli.progress import progress
from stylelab.errors import MachineError
from stylelab.run.backends import BACKENDS, load_backend

CONTENT, STYLE, RECIPE = "china", "brushstrokes", "stylelab"
SIZE, STEPS = 384, 150


def run(backend: str, out: Path, size: int, steps: int) -> None:
    """Run one transfer in this process and save `demo_BACKEND.png`, a plot of the losses, and a few numbers as JSON."""
    print(f"{backend}: {CONTENT} as {STYLE}, recipe {RECIPE}, {size} px, {steps} steps", flush=True)

    def print_tenths(step) -> None:
        """Without a terminal, a line for every tenth of the run replaces the progress bar."""
        if step.index % max(1, steps // 10) == 0:
            done = 20 * step.index // steps
            print(f"  [{'#' * done}{'.' * (20 - done)}] {step.index}/{steps}  loss {step.loss:.4g}", flush=True)

    half = load_backend(backend)
    with progress(steps) as show:
        watch = (lambda step: show(step.index, step.loss)) if sys.stderr.isatty() else print_tenths
        result = half.transfer(CONTENT, STYLE, recipe=RECIPE, size=size, steps=steps, watch=watch)
    if len(result.history) < steps:
        print(f"  ended before step {steps}, because the image no longer changed visibly", flush=True)
    result.save(out / f"demo_{backend}.png")
    save_figure(result.plot_losses(), out / f"demo_{backend}_losses.png")
    total, seconds = result.history["total"], result.history["seconds"]
    numbers = {
        "backend": backend,
        "device": result.device,
        "encoder": result.encoder,
        "ms per step": 1000 * float(seconds[-1] - seconds[0]) / max(1, len(seconds) - 1),
        "loss at start": float(total[0]),
        "loss at end": float(total[-1]),
    }
    write_text(out / f"demo_{backend}.json", json.dumps(numbers, indent=1))


def save_figure(figure, path: Path) -> None:
    write_file(path, lambda stream: figure.savefig(stream, format="png", dpi=200))


def table(rows: list[dict]) -> str:
    """The numbers of the runs as a table, one run per line."""
    columns = ("backend", "device", "encoder", "ms per step", "loss at start", "loss at end")
    values = [[row[column] for column in columns] for row in rows]
    cells = [columns, *[[f"{value:.4g}" if isinstance(value, float) else str(value) for value in line] for line in values]]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells)


def _installed(pythons: dict[str, str]) -> list[str]:
    """The frameworks to run: those of this Python, and one that has a Python of its own."""
    here = Path(sys.executable).absolute()
    found = [name for name, python in pythons.items() if Path(python).absolute() != here or is_installed(name)]
    return found or list(BACKENDS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-o", "--out", type=Path, default=Path("out"), help="folder for the images")
    parser.add_argument("--only", choices=BACKENDS, help="run one framework, in this process")
    parser.add_argument("--framework", choices=BACKENDS, help="only this one; by default those that are installed")
    parser.add_argument("--tensorflow-python", default=sys.executable, help="the Python that has TensorFlow")
    parser.add_argument("--size", type=int, default=SIZE, help="long side in pixels")
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args()
    with folder_errors(arguments.out):
        arguments.out.mkdir(parents=True, exist_ok=True)
    check_folder(arguments.out)
    if arguments.only:
        run(arguments.only, arguments.out, arguments.size, arguments.steps)
        return 0
    pythons = {"torch": sys.executable, "tensorflow": arguments.tensorflow_python}
    backends = [arguments.framework] if arguments.framework else _installed(pythons)
    for backend in backends:
        options = ["-o", arguments.out, "--size", arguments.size, "--steps", arguments.steps]
        command = [pythons[backend], "-m", "stylelab.cli.demo", "--only", backend, *map(str, options)]
        if subprocess.run(command).returncode:
            raise MachineError(f"the {backend} run failed; run `stylelab doctor` to check this machine")
    rows = [json.loads((arguments.out / f"demo_{backend}.json").read_text()) for backend in backends]
    names = {"content": CONTENT, "style": STYLE} | {backend: arguments.out / f"demo_{backend}.png" for backend in backends}
    from stylelab import plots

    shown = {name: images.open_image(source, arguments.size) for name, source in names.items()}
    save_figure(plots.side_by_side(shown, columns=2), arguments.out / "demo.png")
    print(f"\n{table(rows)}\n\nimages and loss plots are in {quoted(arguments.out)}; demo.png shows them side by side")
    return 0


if __name__ == "__main__":
    sys.exit(protect(main))
