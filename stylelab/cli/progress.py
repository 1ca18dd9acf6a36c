"""A progress bar."""

from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from stylelab.languages import say


@contextmanager
def progress(steps: int):
    """Show a bar on stderr, if it is a terminal. Yields a function to call after each step, with its number and its loss, if any."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(say("starting"), total=steps, note="")
        painting, of_loss, of_pace = map(say, ("painting", "loss {loss:.4g}", "{pace:.0f} ms per step"))

        def watch(index: int, loss: float | None = None) -> None:
            elapsed = bar.tasks[0].elapsed or 0.0
            first, began = bar.tasks[0].fields.setdefault("began", (index, elapsed))  # the first step includes the imports
            words = [] if loss is None else [of_loss.format(loss=loss)]
            words += [of_pace.format(pace=1000 * (elapsed - began) / (index - first))] if index > first else []
            bar.update(task, completed=index, description=painting, note="  ".join(words))

        yield watch
