"""From the words of a command line and the environment to checked values.

A flag wins over its environment variable, which wins over the default. Every value remembers where it came from, so
that an error names the flag or the variable that holds it. All problems are UsageError: one line, exit status 2.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pythonbuild.cli.options import BY_COMMAND, BY_FLAG, COMMANDS, OPTIONS, Command, Option
from pythonbuild.errors import UsageError

_VERSION = re.compile(r"(cpython-)?3\.\d+(\.\d+)?((a|b|rc)\d+)?")
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_SHOW = {"-h": "help", "--help": "help", "--version": "version"}
_YES = ("1", "yes", "true", "on")
_NO = ("0", "no", "false", "off", "")


@dataclass(frozen=True)
class Value:
    """A checked value and where it came from: a flag, a variable, or "" for a default."""

    value: Any
    origin: str


@dataclass(frozen=True)
class Arguments:
    """What the user said: ``words`` follow the command. ``show`` is "help" or "version" when that was asked for.

    ``platform`` is what the script that was started builds for: linux, macos, windows.
    """

    command: Command
    words: tuple[str, ...]
    values: Mapping[str, Value]
    show: str = ""
    platform: str = "linux"

    @property
    def argument(self) -> str:
        """The first word, "" when there is none."""
        return self.words[0] if self.words else ""

    def __getitem__(self, name: str) -> Any:
        return self.values[name].value

    def origin(self, name: str) -> str:
        return self.values[name].origin


def parse(arguments: Sequence[str], environ: Mapping[str, str], platform: str = "linux") -> Arguments:
    """Return the checked arguments. Raises UsageError."""
    words, given, show = _split(arguments)
    command = _find_command(words)
    if command.platform not in ("", platform):
        raise UsageError(f"{command.name} is a command of build-{command.platform}.py", advice="start it with that")
    if show:
        return Arguments(command, (), {}, show, platform)
    _count_words(command, words[1:])
    _refuse_empty(command, words[1:])
    for flag in given:
        if flag not in command.flags:
            raise UsageError(f"{flag} has no meaning for {command.name or 'a build'}",
                             advice=f"{command.name} --help tells its flags".strip())  # fmt: skip
    values = {option.name: _value(option, given, environ) for option in OPTIONS if option.flag in command.flags}
    _refuse_contradictions(values)
    return Arguments(command, tuple(words[1:]), values, platform=platform)


def _count_words(command: Command, words: Sequence[str]) -> None:
    """Refuse too few and too many words."""
    metavars = command.argument.removesuffix("…").split()
    needed = [metavar for metavar in metavars if not metavar.startswith("[")]
    if len(words) < len(needed):
        found = " ".join(words) if words else None
        raise UsageError(f"{command.name} needs {' and '.join(map(_with_article, needed))}", found=found)
    if len(words) > len(metavars) and not command.argument.endswith("…"):
        raise UsageError(f"{command.name} takes no further words", found=" ".join(words[len(metavars) :]))


def _refuse_empty(command: Command, words: Sequence[str]) -> None:
    """Refuse an empty word: what an unset variable of a script leaves, and a path to the current directory."""
    metavars = command.argument.removesuffix("…").split()
    for number, word in enumerate(words):
        if not word.strip():
            metavar = metavars[min(number, len(metavars) - 1)].strip("[]…")
            raise UsageError(f"{command.name}: {metavar} is empty", found=repr(word), advice="give it a value")


def _with_article(metavar: str) -> str:
    return f"{'an' if metavar[0] in 'AEIOU' else 'a'} {metavar}"


def _split(arguments: Sequence[str]) -> tuple[list[str], dict[str, list[str]], str]:
    """Tell words from flags: (words, texts by flag, "help" or "version" if asked for)."""
    words: list[str] = []
    given: dict[str, list[str]] = {}
    show = ""
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            words.extend(rest)
        elif argument in _SHOW:
            show = show or _SHOW[argument]
        elif argument.startswith("-") and argument != "-":
            flag, text = _flag(argument, rest)
            given.setdefault(flag, []).append(text)
        else:
            words.append(argument)
    return words, given, show


def _flag(argument: str, rest: Any) -> tuple[str, str]:
    """Read one flag and its value; a switch's value is "yes", or "no" when given as --no-…."""
    flag, equals, text = argument.partition("=")
    # A flag may begin with "--no-" itself: --no-tests, which --no-no-tests takes back.
    switch = BY_FLAG.get(flag) or BY_FLAG.get("--" + flag.removeprefix("--no-"))
    if switch is not None and switch.kind == "switch":
        if equals:
            raise UsageError(f"{flag} takes no value", found=repr(text))
        return switch.flag, "yes" if flag == switch.flag else "no"
    if flag not in BY_FLAG:
        raise UsageError(f"unknown flag {flag}", advice=near(flag, BY_FLAG) or "--help tells all flags")
    if not equals:
        text = next(rest, "--")
        if text.startswith("--"):
            raise UsageError(f"{flag} needs a value", expected=BY_FLAG[flag].metavar)
    return flag, text


def _find_command(words: Sequence[str]) -> Command:
    if not words:
        return BY_COMMAND[""]
    if words[0] in BY_COMMAND and words[0]:
        return BY_COMMAND[words[0]]
    names = [command.name for command in COMMANDS if command.name]
    advice = near(words[0], names) or f"commands are {', '.join(names)}; flags alone build"
    raise UsageError(f"unknown command {words[0]!r}", advice=advice)


def near(word: str, known: Collection[str]) -> str:
    """Return "did you mean …?" for a mistyped word, "" when nothing is near."""
    import difflib

    stem = word.lstrip("-")
    matches = difflib.get_close_matches(word, known, 1) or [name for name in known if stem and stem in name.lstrip("-")]
    return f"did you mean {matches[0]}?" if matches else ""


def _value(option: Option, given: Mapping[str, Sequence[str]], environ: Mapping[str, str]) -> Value:
    """Return the option's value: flag, variable or default, in this order."""
    if option.flag in given:
        origin, texts = option.flag, given[option.flag]
    elif environ.get(option.variable):
        separator = os.pathsep if option.kind == "directories" else None
        text = environ[option.variable]
        origin, texts = option.variable, text.split(separator) if option.repeatable else [text]
    else:
        origin, texts = "", [option.default] if option.default else []
    check = _CHECKS[option.kind]
    if option.repeatable:
        return Value(tuple(check(_Given(option, origin, text)) for text in texts if text), origin)
    if not texts:
        return Value(False if option.kind == "switch" else None, "")
    return Value(check(_Given(option, origin, texts[-1])), origin)


def default_value(option: Option) -> Any:
    """Return the value that the option has when neither flag nor variable is given."""
    return _value(option, {}, {}).value


def _refuse_contradictions(values: Mapping[str, Value]) -> None:
    """Refuse two flags that exclude each other; a flag silently wins over the other's variable."""
    for one, other in (("optimized", "options"), ("python_source", "python")):
        if one in values and values[one].value:
            origins = values[one].origin, values[other].origin
            if all(origins) and [text.startswith("--") for text in origins] in ([True, True], [False, False]):
                raise UsageError(f"{origins[0]} and {origins[1]} exclude each other", advice="give one of them")


# One function per kind of value: text in, checked value out.


@dataclass(frozen=True)
class _Given:
    """A text as it was given, and where."""

    option: Option
    origin: str
    text: str

    def wrong(self, what: str, *, expected: str = "", advice: str = "") -> UsageError:
        """Return (not raise) the error for this text; it names the flag or the variable."""
        return UsageError(f"{self.origin}: {what}", found=repr(self.text), expected=expected or None, advice=advice)


def _text(given: _Given) -> str:
    if not given.text.strip():
        raise UsageError(f"{given.origin} needs a value", expected=given.option.metavar)
    return given.text


def _switch(given: _Given) -> bool:
    if given.text.lower() not in _YES + _NO:
        raise given.wrong("not a yes or no", expected="1 or 0")
    return given.text.lower() in _YES


def _count(given: _Given) -> int:
    if not (given.text.isascii() and given.text.isdigit() and len(given.text) <= 4 and int(given.text)):
        raise given.wrong("not a number of processes", expected="a whole number from 1 on")
    return int(given.text)


def _size(given: _Given) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(i?B)?", given.text.strip(), re.IGNORECASE | re.ASCII)
    if not match:
        raise given.wrong("not a size", expected="such as 500M or 20G")
    return int(float(match[1]) * _UNITS[match[2].upper()])


def _version(given: _Given) -> str:
    if not _VERSION.fullmatch(given.text):
        raise given.wrong("not a Python version", expected="a series such as 3.13 or an exact version such as 3.13.5")
    return given.text


def _choice(given: _Given) -> str:
    if given.text not in given.option.choices:
        raise given.wrong("unknown value", expected=f"one of {', '.join(given.option.choices)}",
                          advice=near(given.text, given.option.choices))  # fmt: skip
    return given.text


def _path(given: _Given) -> Path:
    # Absolute without resolving symlinks: messages keep the words of the user.
    return Path(os.path.abspath(Path(_text(given)).expanduser()))  # noqa: PTH100


def _existing(given: _Given) -> Path:
    path = _path(given)
    if not path.exists():
        raise given.wrong("no such file or directory")
    return path


def _directory(given: _Given) -> Path:
    path = _path(given)
    if not path.is_dir():
        raise given.wrong("no such directory")
    return path


def _url(given: _Given) -> str:
    if not re.match(r"(https?://[^/\s]+|file:///)", given.text):
        raise given.wrong("not an address", expected="http://…, https://… or file:///…")
    return given.text.rstrip("/")


_CHECKS: Mapping[str, Callable[[_Given], Any]] = {
    "text": _text, "switch": _switch, "count": _count, "size": _size, "version": _version, "choice": _choice,
    "path": _path, "existing": _existing, "directories": _directory, "urls": _url,
}  # fmt: skip
