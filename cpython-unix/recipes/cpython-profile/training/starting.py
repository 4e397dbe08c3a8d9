"""Start-up and imports: what every short program pays for. Each is a process of its own."""

from __future__ import annotations

import subprocess
import sys

_IMPORTS = """
    argparse asyncio collections concurrent.futures dataclasses datetime email.message enum functools
    http.client inspect json logging multiprocessing pathlib re socket sqlite3 ssl subprocess tempfile typing
    unittest urllib.request xml.etree.ElementTree
""".split()


def _run(*arguments: str) -> int:
    return subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL).returncode


def nothing() -> None:
    for _ in range(4):
        _run("-c", "pass")
        _run("-I", "-S", "-c", "pass")


def modules() -> None:
    _run("-c", "import " + ", ".join(_IMPORTS))


def command_line() -> None:
    _run("-m", "json.tool", "--help")
    _run(
        "-c",
        "import argparse; p = argparse.ArgumentParser(); p.add_argument('--x', type=int); p.parse_args(['--x', '1'])",
    )


def byte_code() -> None:
    """Compiling modules, as the first import of a package does."""
    code = "import argparse, ast; text = open(argparse.__file__).read(); ast.parse(text); compile(text, 'a', 'exec')"
    _run("-I", "-c", code)


WORKLOADS = (nothing, modules, command_line, byte_code)
