"""`--help` in the user's language, in lines that are as wide as what they show: a Chinese character takes two columns."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from stylelab.languages import say
from stylelab.languages.sentences import WIDE

OPENING, CLOSING = "（《“", "，。：；？！）》”、]"  # no line ends with the first, or begins with the second
SENTENCE = re.compile(r"(?<=\.) ")
NARROW = "\0"  # makes a wide character count as two where the line must not break
HEADINGS = ("Usage:", "Arguments:", "Options:", "Commands:")
REMARKS = ("Show this message and exit.", "required", "default: {1}", "default: ({1})")
IN_ENGLISH = ("gallery", "release", "grade", "bench")  # their options; they are the instructor's


def translate(program: Any) -> Any:
    """The command line of typer, with its help in the user's language."""
    for command in _commands(program):
        command.context_class = _context(command.context_class)
        command.short_help = say(SENTENCE.split(_one_line(command.help))[0])
    return program


def texts(program: Any) -> Iterator[str]:
    """What the help says in English, sentence by sentence."""
    yield from (*HEADINGS, *REMARKS)
    for command in _commands(program):
        for paragraph in command.help.split("\n\n"):
            yield from SENTENCE.split(_one_line(paragraph))
        for parameter in () if command.name in IN_ENGLISH else command.params:
            yield from filter(None, (parameter.help, parameter.show_default if parameter.show_default is not True else ""))


def _commands(command: Any) -> Iterator[Any]:
    yield command
    for each in getattr(command, "commands", {}).values():
        yield from _commands(each)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _context(kind: type) -> type:
    """A context like `kind` whose formatter translates. Which library typer takes it from depends on its version."""
    base: Any = kind.formatter_class  # type: ignore[attr-defined]

    class Formatter(base):
        def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
            super().write_usage(prog, args, f"{say('Usage:')} ")

        def write_heading(self, heading: str) -> None:
            self.write(f"{'':>{self.current_indent}}{say(f'{heading}:')}\n")

        def write_text(self, text: str) -> None:
            super().write_text("\n\n".join(_spread(say(_one_line(paragraph))) for paragraph in text.split("\n\n")))

        def write_dl(self, rows: Sequence[tuple[str, str]], *args: Any, **options: Any) -> None:
            super().write_dl([(first, _spread(_row(second))) for first, second in rows], *args, **options)

        def getvalue(self) -> str:
            return re.sub(rf"({WIDE.pattern})[ {NARROW}]", r"\1", super().getvalue())

    return type("Context", (kind,), {"formatter_class": Formatter})


def _row(text: str) -> str:
    """An option's help line and, in brackets, its default."""
    about, bracket, rest = text.partition("  [")
    return say(about) + (f"{bracket}{say(rest.removesuffix(']'))}]" if bracket else "")


def _spread(text: str) -> str:
    """With room after each wide character, so that it counts as two, and a line may end there if that reads well."""

    def room(match: "re.Match[str]") -> str:
        after = text[match.end() : match.end() + 1]
        return match[0] + (NARROW if match[0] in OPENING or (after and after in CLOSING) else " ")

    return WIDE.sub(room, text)
