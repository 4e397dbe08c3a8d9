"""What ``--help`` and ``--version`` print, derived from the tables in :mod:`pythonbuild.cli.options`."""

from __future__ import annotations

import textwrap
from pathlib import Path

from pythonbuild.cli.options import BY_FLAG, COMMANDS, OPTIONS, Command, Option

_WIDTH = 100
_COLUMN = 26


def help_text(command: Command, script: str) -> str:
    """Return the help of a command; that of the build itself also lists the commands."""
    build = not command.name
    if build:
        lines = [f"usage: ./{script} [FLAGS]", f"       ./{script} COMMAND [FLAGS]", ""]
    else:
        words = " ".join(filter(None, [f"usage: ./{script}", command.name, command.argument, "[FLAGS]"]))
        lines = [words, ""]
    lines += textwrap.wrap(command.description, _WIDTH)
    if build:
        lines += ["", "Examples:", f"  ./{script}", f"  ./{script} --python 3.11 --optimized --output /srv/pythons"]
    lines += _flags(command)
    if build:
        lines += ["", f"Commands (./{script} COMMAND --help tells more):"]
        shown = [other for other in COMMANDS if other.name and other.platform in script]
        lines += [_row(f"{other.name} {other.argument}".strip(), other.summary) for other in shown]
    lines += ["", "A flag can be given as a variable too: --cache-dir as PYTHONBUILD_CACHE_DIR. All: docs/flags.rst"]
    return "\n".join(lines) + "\n"


def _flags(command: Command) -> list[str]:
    lines = []
    options = [option for option in OPTIONS if option.flag in command.flags]
    for group in dict.fromkeys(BY_FLAG[option.flag].group for option in options):
        lines += ["", f"{group}:"]
        lines += [_row(option.usage, describe(option)) for option in options if option.group == group]
    return [*lines, "", _row("--help, --version", "print this, or the version, and end")]


def describe(option: Option) -> str:
    """Return the option's help with its default."""
    default = option.default or option.default_text
    return f"{option.help} [{default}]" if default else option.help


def _row(left: str, right: str) -> str:
    wrapped = textwrap.wrap(right, _WIDTH - _COLUMN)
    first = f"  {left:<{_COLUMN - 4}}  {wrapped[0]}"
    return "\n".join([first, *(" " * _COLUMN + line for line in wrapped[1:])])


def version_text(script: str, repository: Path) -> str:
    """Return the project's version and, in a git checkout, the commit."""
    from pythonbuild import __version__

    commit = _commit(repository)
    return f"{script} {__version__}" + (f" ({commit})" if commit else "") + "\n"


def _commit(repository: Path) -> str:
    """Return the checked-out commit, read without git; "" when there is none to read."""
    git = repository / ".git"
    try:
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref: "):
            return head[:12]
        name = head.removeprefix("ref: ")
        loose = git / name
        if loose.exists():
            return loose.read_text(encoding="utf-8").strip()[:12]
        for line in (git / "packed-refs").read_text(encoding="utf-8").splitlines():
            if line.endswith(" " + name):
                return line[:12]
    except OSError:
        pass
    return ""
