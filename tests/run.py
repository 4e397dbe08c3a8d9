#!/usr/bin/env python3
"""The one test command: linters, unit tests, and a real build with its checks.

    tests/run.py                all of it, as continuous integration runs it
    tests/run.py lint unit      only these parts
    tests/run.py integration -- -k sandbox    arguments after -- go to pytest

It makes its own virtual environment (below build/venv) from requirements-dev.txt, prints every command that it runs,
and ends with a table. The exit status is 0 only if every part passed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from pythonbuild import bootstrap, virtualenv  # noqa: E402 - the repository has to be on the path first

PARTS = ("lint", "unit", "integration")


def development_environment() -> Path:
    """Make the environment of requirements-dev.txt if it is not there; return its directory of programs."""
    requirements = str(REPOSITORY / "requirements-dev.txt")
    try:
        bootstrap.refuse_old_python("tests/run.py", sys.version_info[:2])
        venv = str(REPOSITORY / "build" / "venv" / virtualenv.environment_key(requirements))
        if not virtualenv.is_ready(venv):
            virtualenv.make_environment(venv, requirements)
    except virtualenv.BootstrapError as error:
        sys.exit(f"tests/run.py: {error}")
    return Path(virtualenv.interpreter(venv)).parent


def shell_scripts() -> list[str]:
    """Return every shell script that git tracks or would track."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.sh", ".ci/run"],
                            cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.split("\n")  # fmt: skip
    return [name for name in listed if name and (REPOSITORY / name).exists()]


def commands(part: str, bin_dir: Path, arguments: list[str]) -> list[list[str]]:
    """Return the commands of one part."""
    python = str(bin_dir / "python")
    entries = ["build-linux.py", "build-macos.py", "build-windows.py"]
    if part == "lint":
        return [
            [str(bin_dir / "ruff"), "check", "--no-cache", "."],
            [str(bin_dir / "ruff"), "format", "--no-cache", "--check", "."],
            [python, "-m", "mypy", "pythonbuild", "tests", "benchmarks", *entries],
            [str(bin_dir / "lint-imports"), "--no-cache"],
            [str(bin_dir / "shellcheck"), *shell_scripts()],
            [
                str(bin_dir / "actionlint"),
                "-no-color",
                "-shellcheck",
                str(bin_dir / "shellcheck"),
                "-pyflakes",
                "",
                *(str(path.relative_to(REPOSITORY)) for path in sorted(REPOSITORY.glob(".github/workflows/*.yml"))),
            ],
        ]
    # Two at once: one waits for a build or a signal while the other works. tests/integration/conftest.py says which
    # tests stay together; they begin in the order of their names, the longest early.
    return [[python, "-m", "pytest", "-p", "no:cacheprovider", "--durations=15", "-n", "2", "--dist", "loadscope",
             "--no-loadscope-reorder", f"tests/{part}", *arguments]]  # fmt: skip


def main(arguments: list[str]) -> int:
    """Run the parts asked for (default: all) and return the exit status."""
    if "--" in arguments:
        split = arguments.index("--")
        arguments, extra = arguments[:split], arguments[split + 1 :]
    else:
        extra = []
    for name in arguments:
        if name not in PARTS:
            print(f"{sys.argv[0]}: unknown part {name!r}, expected one of {', '.join(PARTS)}", file=sys.stderr)
            return 2
    bin_dir = development_environment()
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(REPOSITORY)}
    rows = []
    for part in [name for name in PARTS if name in arguments or not arguments]:
        for command in commands(part, bin_dir, extra):
            shown = " ".join([Path(command[0]).name, *command[1:]])
            print(f"\n$ {shown if len(shown) < 200 else shown[:200] + ' …'}", flush=True)
            start = time.monotonic()
            status = subprocess.run(command, cwd=REPOSITORY, env=environment, check=False).returncode
            label = "pytest" if "pytest" in command else Path(command[2 if command[1] == "-m" else 0]).name
            rows.append((part, label, time.monotonic() - start, status))
    print()
    for part, name, seconds, status in rows:
        print(f"{part:12} {name:14} {seconds:7.1f} s   {'passed' if status == 0 else f'FAILED (exit {status})'}")
    return 1 if any(status for *_, status in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
