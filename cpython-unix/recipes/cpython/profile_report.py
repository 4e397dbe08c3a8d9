"""What a profile knows of CPython, and whether the compiler could use it.

profile_report.py check PROFILE
    Fails when no function in it was ever run.
profile_report.py watch TALLY
    Passes on the compiler's messages from standard input, counting those on the profile instead: a function whose
    code is another than the profile's, or that the profile does not know.
profile_report.py report PROFILE TALLY OUTPUT
    Writes OUTPUT, a JSON object; fails when the profile is not of this CPython.
"""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

#: A right profile fits all functions but a few: those whose code is chosen by macros that a training does not have. One
#: of another series of CPython does not fit every fourth.
MOST_UNUSED = 0.05
HOTTEST = 25

_CHANGED = re.compile(r"warning: .*function control flow change detected \(hash mismatch\) (\S+) Hash")
_UNKNOWN = re.compile(r"warning: .*no profile data available for function (\S+) Hash")
_GENERATED = re.compile(r"\d+ warnings? generated\.")


def main() -> None:
    command, *arguments = sys.argv[1:]
    {"check": check, "watch": watch, "report": report}[command](*map(Path, arguments))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


def show(profile: Path, *options: str) -> str:
    command = ["llvm-profdata", "show", *options, str(profile)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def number(text: str, label: str) -> int:
    found = re.search(rf"^{re.escape(label)}: (\d+)$", text, re.MULTILINE)
    if not found:
        sys.exit(f"llvm-profdata does not tell {label!r}")
    return int(found[1])


def facts(profile: Path) -> dict[str, object]:
    text = show(profile, "--value-cutoff=1", f"--topn={HOTTEST}")
    hottest = re.findall(r"^  (.+), max count = (\d+)$", text, re.MULTILINE)
    return {
        "sha256": hashlib.sha256(profile.read_bytes()).hexdigest(),
        "functions": number(text, "Total functions"),
        "functions_run": number(text, "Number of functions with maximum count (>= 1)"),
        "hottest": [{"function": name, "count": int(count)} for name, count in hottest],
    }


def check(profile: Path) -> None:
    if not profile.is_file() or not profile.stat().st_size:
        sys.exit(f"{profile.name}: there is no profile: the instrumented interpreter wrote none")
    known = facts(profile)
    say(f"{profile.name}: {known['functions']} functions, {known['functions_run']} of them run")
    for entry in known["hottest"][:10]:
        say(f"  {entry['count']:>14} {entry['function']}")
    if not known["functions_run"]:
        sys.exit(f"{profile.name}: the profile is empty: no function was run")


def watch(tally: Path) -> None:
    changed, unknown = set(), set()
    for line in sys.stdin:
        if found := _CHANGED.search(line):
            changed.add(found[1])
        elif found := _UNKNOWN.search(line):
            unknown.add(found[1])
        elif not _GENERATED.match(line):
            sys.stdout.write(line)
            sys.stdout.flush()
    tally.write_text(json.dumps({"changed": sorted(changed), "unknown": sorted(unknown)}))


def report(profile: Path, tally: Path, output: Path) -> None:
    known, told = facts(profile), json.loads(tally.read_text())
    unused = len(told["changed"]) + len(told["unknown"])
    for kind, names in told.items():
        say(f"{kind} to the profile: {len(names)} functions {' '.join(names[:20])}")
    if unused > MOST_UNUSED * known["functions"]:
        sys.exit(
            f"the profile is not of this CPython: {len(told['changed'])} of its {known['functions']} functions have"
            f" changed, {len(told['unknown'])} are unknown to it; train one, or give one of the same version"
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps({**known, "unused": unused}, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
