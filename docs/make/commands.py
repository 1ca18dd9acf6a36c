"""The reference of the command line, from the command line's own definitions."""

from collections.abc import Iterator

from docs.make.tables import escape, table


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
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    options = [parameter for parameter in command.params if parameter.param_type_name == "option" and parameter.name != "help"]
    usage = " ".join([name, *map(_argument_name, arguments), *(["[OPTIONS]"] if options else [])])
    parts = [f"## `{name}`", escape(" ".join((command.help or "").split())), f"```sh\n{usage}\n```"]
    if arguments:
        rows = [[f"`{_argument_name(argument)}`", escape(argument.help or "")] for argument in arguments]
        parts.append(table(("argument", "what"), rows))
    if options:
        parts.append(table(("option", "what", "default"), map(_option_row, options)))
    return "\n\n".join(parts)


def _argument_name(argument) -> str:
    name = argument.metavar or argument.name.upper()
    return name if argument.required else f"[{name.strip('[]')}]"


def _option_row(option) -> list[str]:
    names = ", ".join(f"`{name}`{{.unbroken}}" for name in sorted(option.opts, key=len, reverse=True))
    if isinstance(option.show_default, str):
        default = option.show_default
    elif option.required:
        default = "required"
    else:
        default = "" if option.default is None or option.default is False or callable(option.default) else str(option.default)
    return [names, escape(option.help or ""), escape(default)]
