"""What the stand-ins of Windows' programs share: they check how they are called, and end with status 97 if it is not
as the real one would want it; they write down every call.

``machine.json`` of the made-up machine says where things are. Objects, libraries, DLLs and programs are real: Clang and
lld of the build's root filesystem make them of small C sources.
"""

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

WRONG = 97
TRIPLES = {"x64": "x86_64-pc-windows-msvc", "Win32": "i686-pc-windows-msvc", "ARM64": "aarch64-pc-windows-msvc"}
#: Machine code without anything of the C library's.
FREESTANDING = ("-emit-obj", "-O1", "-ffreestanding", "-fno-builtin", "-fms-extensions", "-w")


class Machine:
    """The machine that the stand-ins make up: ``root`` is the directory that all of it lies in."""

    def __init__(self, root: Path) -> None:
        self.root = root
        told = json.loads((root / "machine.json").read_text())
        self.compiler, self.msvc = Path(told["compiler"]), told["msvc"]
        self.platform = told["platform"]

    def note(self, program: str, arguments: list) -> None:
        row = {"program": program, "arguments": arguments, "cwd": str(Path.cwd())}
        with (self.root / "calls.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")

    def llvm(self, program: str, *arguments: object) -> None:
        """Run a program of LLVM, which is in a root filesystem of its own."""
        libraries = ":".join(str(self.compiler / each) for each in ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu",
                                                                    "usr/lib/llvm-22/lib"))  # fmt: skip
        loader = self.compiler / "lib64/ld-linux-x86-64.so.2"
        command = [
            loader,
            "--argv0",
            program,
            "--library-path",
            libraries,
            self.compiler / "usr/lib/llvm-22/bin" / program,
        ]
        done = subprocess.run([*map(str, command), *map(str, arguments)], check=False, capture_output=True, text=True)
        if done.returncode:
            wrong(f"{program} {' '.join(map(str, arguments))[:300]}: {done.stderr[-2000:]}")

    def compile(self, sources: dict, directory: Path, platform: str = "") -> list:
        """Compile texts of C, by the stem of each object; return the objects. The same text is compiled once."""
        directory.mkdir(parents=True, exist_ok=True)
        firsts = {}
        for stem, text in sources.items():
            firsts.setdefault(text, stem)

        def one(stem: str) -> Path:
            source, made = directory / f"{stem}.c", directory / f"{stem}.obj"
            source.write_text(sources[stem])
            # The driver would start another process of the compiler, by a path that the loader hides from it.
            self.llvm("clang", "-cc1", "-triple", TRIPLES[platform or self.platform], *FREESTANDING, "-o", made, source)
            source.unlink()
            return made

        with ThreadPoolExecutor(2) as pool:
            made = dict(zip(firsts, pool.map(one, firsts.values()), strict=True))
        objects = [directory / f"{stem}.obj" for stem in sources]
        for path, text in zip(objects, sources.values(), strict=True):
            if path != made[text]:
                shutil.copyfile(made[text], path)
        return objects


def wrong(text: str) -> None:
    """End: the stand-in was called in a way that the real program would not have been."""
    print(f"STAND-IN {Path(sys.argv[0]).name}: {text}", flush=True)
    sys.exit(WRONG)


def expect(condition: object, text: str) -> None:
    if not condition:
        wrong(text)


def words_of(line: str) -> list:
    """Split a line as Windows' programs do: quotation marks hold together, and a backslash before one takes its meaning
    away; two are one backslash."""
    words, word, quoted, started, at = [], "", False, False, 0
    while at < len(line):
        slashes = len(line[at:]) - len(line[at:].lstrip("\\"))
        if slashes and line[at + slashes : at + slashes + 1] == '"':
            word += "\\" * (slashes // 2)
            started = True
            if slashes % 2:
                word += '"'
            else:
                quoted = not quoted
            at += slashes + 1
            continue
        character = line[at]
        if character == '"':
            quoted, started = not quoted, True
        elif character == " " and not quoted:
            words += [word] if started or word else []
            word, started = "", False
        else:
            word += character
        at += 1
    return [*words, *([word] if started or word else [])]


#: What stands for sources of which nothing is asked.
NOTHING = "static const int nothing = 1;\n"
