"""cl: compiles, and preprocesses; of the real sources it looks at nothing but that they are there."""

import os
from pathlib import Path

from common import NOTHING, TRIPLES, expect

FLAGS = {"-nologo", "-c", "-O2", "-MD", "-W3", "-Brepro", "-MP", "-EP"}


def main(arguments: list, machine: object) -> int:
    output, sources, includes, defines, preprocess = None, [], [], [], "-EP" in arguments
    for word in arguments:
        if word.startswith("-Fo"):
            output = word[3:]
        elif word.startswith("-I"):
            expect(Path(word[2:]).is_dir(), f"there is no directory {word[2:]}")
            includes.append(word)
        elif word.startswith("-D"):
            defines.append(word)
        elif word.startswith("-Tc"):
            sources.append(Path(word[3:]))
        elif word.startswith("-"):
            expect(word in FLAGS, f"unexpected flag {word}")
        else:
            sources.append(Path(word))
    for source in sources:
        expect(source.is_file() and source.is_absolute(), f"there is no {source}")
    expect(sources, "nothing to compile")
    if preprocess:
        # Only this is real: the assembly has to be there when the preprocessor is done, and nothing unknown in it.
        resources = machine.compiler / "usr/lib/llvm-22/lib/clang/22"
        includes += [f"-I{directory}" for directory in os.environ["INCLUDE"].split(";")]
        target = Path(os.environ["TEMP"]) / "preprocessed"
        target_flag = f"--target={TRIPLES[machine.platform]}"
        machine.llvm("clang", target_flag, "-resource-dir", resources, "-E", "-P", "-x", "c",
                     "-Wno-everything", *includes, *defines, *sources, "-o", target)  # fmt: skip
        print(target.read_text(), end="")
        return 0
    expect("-c" in arguments and output and output.endswith(os.sep), f"no directory for objects: {output}")
    expect(Path(output).is_dir(), f"there is no directory {output}")
    expect(len({source.name for source in sources}) == len(sources), "two sources would make one object")
    machine.compile({source.stem: NOTHING for source in sources}, Path(output))
    return 0
