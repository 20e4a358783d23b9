"""Plain help without boxes, which lists names that a command takes; commands are imported when they are run."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from ._commands import TOPICS, find_command, summaries
from ._known import Known, known_plugins

__all__ = ["Command", "Group"]

WIDEST, NARROWEST = 100, 32
INDENT = 2


class Command(TyperCommand):
    """A command whose help has examples, its options by topic, and the names that it takes."""

    examples: Sequence[tuple[str, str]] = ()
    lists: Sequence[str] = ()

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the line; for a completion, without converting values, which imports more than all else."""
        if not ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        given, ctx.args, _ = self.make_parser(ctx).parse_args(args=[*args])
        ctx.params.update({one.name: given.get(one.name) for one in self.get_params(ctx)})
        return ctx.args

    def get_help(self, ctx: Any) -> str:
        """Format the help for the width of the terminal."""
        page = _Page()
        page.usage(ctx.command_path, _usage(self, ctx))
        page.text(self.help or "")
        if self.examples:
            page.heading("Examples")
            for what, line in self.examples:
                page.example(what, line)
        for title, rows in _panels(self, ctx):
            page.heading(title)
            page.table(rows)
        listed = [page.names(kind) for kind in self.lists]
        if any(listed):
            page.line()
            page.text("`ensemblekit plugins NAME` says what each is, and what its options mean.")
        return page.finished()


class Group(TyperGroup):
    """The command itself; the module of a subcommand is imported when it is run, or its own help is asked for."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = {name: TyperCommand(name, short_help=text) for name, text in summaries().items()}
        self._are_listed = False
        self._has_options = True

    def get_params(self, ctx: Any) -> list[Any]:
        """List the options; none where the line begins with a command, as typer would import much to read nothing."""
        return super().get_params(ctx) if self._has_options else []

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of this name; where commands are listed, only its name and what it does."""
        if self._are_listed or cmd_name not in self.commands:
            return super().get_command(ctx, cmd_name)
        return find_command(cmd_name, Command)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Show the help if no command is given."""
        if not args and not ctx.resilient_parsing:
            typer.echo(self.get_help(ctx))
            ctx.exit(2)
        self._has_options = not ctx.resilient_parsing and (not args or args[0].startswith("-"))
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """List the commands whose names start with this text."""
        self._are_listed = self._has_options = True
        try:
            return super().shell_complete(ctx, incomplete)
        finally:
            self._are_listed = False

    def get_help(self, ctx: Any) -> str:
        """Format the help for the width of the terminal."""
        self._has_options = True
        page = _Page()
        page.usage(ctx.command_path, "[OPTIONS] COMMAND ...")
        page.text(self.help or "")
        for topic, commands in TOPICS.items():
            page.heading(topic)
            page.table([*commands.items()])
        for title, rows in _panels(self, ctx):
            page.heading(title)
            page.table(rows)
        page.line()
        page.text("Begin with `ensemblekit init`, and `ensemblekit COMMAND --help`.")
        return page.finished()


def _usage(command: Any, ctx: Any) -> str:
    arguments = [one for one in command.get_params(ctx) if one.param_type_name == "argument"]
    return " ".join(["[OPTIONS]", *(_name(one) if one.required else f"[{_name(one)}]" for one in arguments)])


def _panels(command: Any, ctx: Any) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Give the arguments and options with their help, by the topic of each."""
    panels: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
    for one in command.get_params(ctx):
        if not one.hidden:
            kind = "Arguments" if one.param_type_name == "argument" else "Options"
            panels.setdefault(getattr(one, "rich_help_panel", None) or kind, []).append((_name(one), _told(one)))
    return ((title, rows) for title, rows in panels.items() if rows)


def _name(one: Any) -> str:
    """Name an argument or option with its placeholder: typer's own record differs between its versions."""
    if one.param_type_name == "argument":
        return f"{one.metavar or one.name.upper()}{'' if one.nargs == 1 else '...'}"
    names = ", ".join(sorted(one.opts, key=len))
    if one.is_flag:
        return " / ".join([names, *one.secondary_opts])
    return f"{names} {one.metavar or one.name.upper()}"


def _told(one: Any) -> str:
    default = "" if one.default is None or isinstance(one.default, bool) or callable(one.default) else str(one.default)
    if one.param_type_name == "option" and one.secondary_opts:
        default = (one.opts if one.default else one.secondary_opts)[0]
    notes = [f"default: {default}"] if default and not one.required else []
    if one.required and one.param_type_name == "option":
        notes.append("required")
    return f"{one.help or ''} {''.join(f'[{note}]' for note in notes)}".strip()


class _Page:
    """The help as lines that fit the terminal."""

    def __init__(self) -> None:
        self.width = max(NARROWEST, min(shutil.get_terminal_size().columns, WIDEST)) - 1
        self._lines: list[str] = []
        self._style: Callable[[str], str] = _bold if _has_colour() else str

    def finished(self) -> str:
        return "\n".join(self._lines)

    def line(self, text: str = "") -> None:
        self._lines.append(text)

    def heading(self, title: str) -> None:
        self._lines += ["", self._style(f"{title}:")]

    def usage(self, path: str, pieces: str) -> None:
        first, *rest = _wrapped(pieces, self.width - len(path) - 8)
        self.line(f"{self._style('Usage:')} {path} {first}")
        self._lines += [" " * (len(path) + 8) + part for part in rest]
        self.line()

    def text(self, text: str) -> None:
        for paragraph in text.split("\n\n"):
            self._lines += _wrapped(paragraph, self.width)

    def example(self, what: str, line: str) -> None:
        self._lines += [" " * INDENT + part for part in _wrapped(f"{what}:", self.width - INDENT)]
        for part in line.split("\n"):
            self._lines += [" " * 2 * INDENT + piece for piece in _continued(part, self.width - 2 * INDENT)]

    def table(self, rows: Sequence[tuple[str, str]]) -> None:
        """Write names, and beside each what it is; below it if the name is long or the terminal narrow."""
        fitting = [len(name) for name, _ in rows if len(name) <= max(self.width // 3, 12)]
        column = max(fitting, default=8) + 2 + INDENT
        for name, what in rows:
            lines = _wrapped(what, self.width - column)
            beside = len(name) + INDENT + 2 <= column and lines
            self.line(" " * INDENT + name.ljust(column - INDENT) + lines[0] if beside else " " * INDENT + name)
            self._lines += [" " * column + part for part in (lines[1:] if beside else lines)]

    def names(self, kind: str) -> bool:
        """List the plugins of a kind, if there are any; of rules, if asked for so, with their options."""
        known = [one for one in known_plugins() if one.kind == kind.partition(" ")[0]]
        if not known:
            return False
        if kind == "combiner options":
            self.heading("Rules, and their options for --option KEY=VALUE")
            self.table([(one.name, _options(one)) for one in known])
        else:
            self.heading({"combiner": "Rules", "metric": "Metrics"}.get(kind, f"{kind.capitalize()}s"))
            listed = _wrapped(", ".join(one.name for one in known), self.width - INDENT)
            self._lines += [" " * INDENT + part for part in listed]
        return True


def _options(one: Known) -> str:
    return " ".join(f"{option.name}={option.default}" for option in one.options) or "(none)"


def _wrapped(text: str, width: int) -> list[str]:
    """Break a text at spaces; a word is never broken, as it may be a path or a name."""
    import textwrap

    return textwrap.wrap(" ".join(text.split()), max(width, 16), break_long_words=False, break_on_hyphens=False)


def _continued(line: str, width: int) -> list[str]:
    """Break a command line before options, with the mark of the shell, so that it can be pasted."""
    words = re.split(r" (?=-)", line)
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + len(word) + 3 <= width:
            lines[-1] += f" {word}"
        else:
            lines[-1] += " \\"
            lines.append(f"    {word}")
    return lines


def _has_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _bold(text: str) -> str:
    return typer.style(text, bold=True)
