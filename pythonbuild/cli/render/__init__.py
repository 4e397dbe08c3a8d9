"""Renderers: each shows the same stream of events in its own way.

:class:`Screen` stands between the engine and a renderer: it lets one thread through at a time, and when nobody reads
the output any more (``… | head``) or it cannot be written, it falls silent and stops the build.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TextIO

from pythonbuild import host
from pythonbuild.engine.events import Event, StepFinished

_STDOUT = 0xFFFFFFF5  # STD_OUTPUT_HANDLE, -11
_ESCAPES = 4  # ENABLE_VIRTUAL_TERMINAL_PROCESSING


class Renderer(Protocol):
    """Shows events. Called by one thread at a time; never after ``close``."""

    def show(self, event: Event) -> None:
        """Show one event."""

    def error(self, reason: str, message: str, exit_code: int) -> None:
        """Show the failure that ends the command, as far as the format has a form of its own for it."""

    def close(self) -> None:
        """Show what comes at the end, and give the terminal back."""


def choose_format(wanted: str, environ: Mapping[str, str], terminal: bool) -> str:
    """Resolve ``auto``: CI groups on GitHub, the board on a terminal that can draw one, plain lines elsewhere."""
    if wanted == "auto":
        wanted = "github" if environ.get("GITHUB_ACTIONS") == "true" else "board"
    if wanted == "board" and not (terminal and _draws(environ)):
        return "plain"
    return wanted


def _draws(environ: Mapping[str, str]) -> bool:
    """Tell whether the terminal knows how to draw in place: TERM says so; on Windows, where it is rare, we ask."""
    term = environ.get("TERM", "")
    return term != "dumb" if term else host.WINDOWS and enable_escapes()


def enable_escapes() -> bool:
    """Let Windows' console take escape sequences; False where it is too old for them, or no console at all."""
    import ctypes

    kernel: Any = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined,unused-ignore]
    kernel.GetStdHandle.restype = ctypes.c_void_p
    mode = ctypes.c_uint32()
    handle = ctypes.c_void_p(kernel.GetStdHandle(ctypes.c_uint32(_STDOUT)))
    if not kernel.GetConsoleMode(handle, ctypes.byref(mode)):
        return False
    return bool(kernel.SetConsoleMode(handle, ctypes.c_uint32(mode.value | _ESCAPES)))


class Screen:
    """The sink that the engine is given; ``lost`` is the reason why the output can no longer be written."""

    def __init__(self, log_format: str, stream: TextIO, answers: TextIO) -> None:
        self.log_format = log_format
        self.lost: OSError | None = None
        self.failed: set[str] = set()
        self._stream = stream
        self._answers = answers
        self._lock = threading.RLock()
        self._closed = False
        self._renderer = self._make(log_format)

    def _make(self, log_format: str) -> Renderer:
        if log_format == "json":
            from pythonbuild.cli.render.jsonlines import JsonRenderer

            return JsonRenderer(lambda line: _write(self._answers, line))
        if log_format == "github":
            from pythonbuild.cli.render.github import GithubRenderer

            return GithubRenderer(lambda line: _write(self._stream, line))
        if log_format == "board":
            from pythonbuild.cli.render.board import BoardRenderer

            return BoardRenderer(self._stream)
        from pythonbuild.cli.render.plain import PlainRenderer

        return PlainRenderer(lambda line: _write(self._stream, line))

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepFinished) and event.status == "failed":
            self.failed.add(event.step)
        self._guard(lambda: self._renderer.show(event))

    def error(self, reason: str, message: str, exit_code: int) -> None:
        self._guard(lambda: self._renderer.error(reason, message, exit_code))

    def answer(self, lines: Iterable[str], *, documents: Iterable[dict[str, Any]] = ()) -> None:
        """Write what a command was asked for; as JSON lines its ``documents``, if it has them."""
        as_json = self.log_format == "json"
        texts = [json.dumps(document, ensure_ascii=False) for document in documents] if as_json else []
        self._guard(lambda: _write(self._answers, "\n".join(texts or lines)))

    def close(self) -> None:
        """End the rendering; further events are ignored."""
        self._guard(self._renderer.close)
        self._closed = True

    def _guard(self, action: Callable[[], object]) -> None:
        with self._lock:
            if self.lost or self._closed:
                return
            try:
                action()
            except OSError as error:
                self.lost = error
                silence(self._stream)
                silence(self._answers)
                _stop_main_thread()


def _write(stream: TextIO, line: str) -> None:
    stream.write(line + "\n")
    stream.flush()


def silence(stream: TextIO) -> None:
    """Let nothing more be written to a stream that broke, not even by the interpreter's last flush."""
    try:
        target = os.open(os.devnull, os.O_WRONLY)
        os.dup2(target, stream.fileno())
        os.close(target)
    except (OSError, ValueError):
        pass


def _stop_main_thread() -> None:
    """Stop the build the way a user would: the main thread ends running steps and cleans up."""
    if threading.current_thread() is threading.main_thread() or sys.platform == "win32":
        signal.raise_signal(signal.SIGTERM)
    else:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
