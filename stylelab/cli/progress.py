"""A progress bar."""

from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from stylelab.result import Step


@contextmanager
def progress(steps: int):
    """Show step, loss and ms per step on stderr, if it is a terminal. Yields a function to call with each Step."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("starting", total=steps, note="")

        def watch(step: Step) -> None:
            elapsed = bar.tasks[0].elapsed or 0.0
            first, began = bar.tasks[0].fields.setdefault("began", (step.index, elapsed))  # the first step includes the imports
            pace = f"{1000 * (elapsed - began) / (step.index - first):.0f} ms per step" if step.index > first else ""
            bar.update(task, completed=step.index, description="painting", note=f"loss {step.loss:.4g}  {pace}")

        yield watch
