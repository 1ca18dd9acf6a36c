"""The command line's reference, from the command line itself."""

from collections.abc import Iterator

from docs.make.tables import table


def page() -> str:
    """A section for each command: what it does, its arguments, its options."""
    import typer

    from stylelab.cli.commands import app

    return "\n\n".join(_section(name, command) for name, command in _commands(typer.main.get_command(app), "stylelab"))


def _commands(group, path: str) -> Iterator[tuple[str, object]]:
    for name, command in group.commands.items():
        yield f"{path} {name}", command
        if hasattr(command, "commands"):
            yield from _commands(command, f"{path} {name}")


def _section(name: str, command) -> str:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option" and each.name != "help"]
    usage = " ".join([name, *(_place(each) for each in arguments), *(["[OPTIONS]"] if options else [])])
    parts = [f"## `{name}`", _escaped(" ".join((command.help or "").split())), f"```sh\n{usage}\n```"]
    if arguments:
        parts.append(table(("argument", "what"), [[f"`{_place(each)}`", _escaped(each.help or "")] for each in arguments]))
    if options:
        parts.append(table(("option", "what", "default"), [_option(each) for each in options]))
    return "\n\n".join(parts)


def _place(argument) -> str:
    name = argument.metavar or argument.name.upper()
    return name if argument.required else f"[{name.strip('[]')}]"


def _option(option) -> list[str]:
    names = ", ".join(f"`{name}`{{.unbroken}}" for name in sorted(option.opts, key=len, reverse=True))
    return [names, _escaped(option.help or ""), _escaped(_default(option))]


def _default(option) -> str:
    if isinstance(option.show_default, str):
        return option.show_default
    if option.required:
        return "must be given"
    return "" if option.default is None or option.default is False or callable(option.default) else str(option.default)


def _escaped(text: str) -> str:
    """Plain text as Markdown: no emphasis or HTML by chance. Backticks are kept: they are meant as code."""
    return "".join(f"\\{character}" if character in "*_<>[]$" else character for character in text)
