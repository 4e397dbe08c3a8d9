"""What CPython's configure and make really did, read from what they left in the build directory.

    build_facts.py check-configure
        Fails, naming them, when configure found that a module of Setup.local cannot be built.
    build_facts.py collect DIRECTORY [MAKE_VARIABLE=VALUE …]
        Copies every object that was linked and writes DIRECTORY/cpython-build.json.

Variables are expanded by make itself: a file that includes CPython's Makefile prints them.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

BUILD = Path()
SETUP_LOCAL = BUILD / "Modules/Setup.local"
MODULES = Path(os.environ["STEP_TOOLS"], "cpython/modules.json")

#: Variables of the Makefile that say what was linked, and with what.
LISTS = [
    "LIBRARY_OBJS",
    "MODOBJS",
    "MODBUILT_NAMES",
    "MODSHARED_NAMES",
    "MODDISABLED_NAMES",
    "LIBS",
    "SYSLIBS",
    "LIBC",
    "LIBM",
    "MODLIBS",
    "PY_CORE_CFLAGS",
]
TEXTS = [
    "VERSION",
    "LDVERSION",
    "ABIFLAGS",
    "SOABI",
    "EXT_SUFFIX",
    "MULTIARCH",
    "LIBRARY",
    "LDLIBRARY",
    "INSTSONAME",
    "CC",
    "BUILDPYTHON",
    "PLATLIBDIR",
    "LIBDEST",
    "DESTSHARED",
    "INCLUDEPY",
    "OPT",
    "LINKFORSHARED",
]

#: Text files of the build that explain it.
TEXT_FILES = [
    "Makefile",
    "pyconfig.h",
    "Modules/config.c",
    "Modules/Setup",
    "Modules/Setup.local",
    "Modules/Setup.bootstrap",
    "Modules/Setup.stdlib",
]

#: What only the link lines of some targets name (darwin.sh).
OPTIONAL_FILES = ["hidden-symbols.txt"]


def main() -> None:
    command, *arguments = sys.argv[1:]
    if command == "check-configure":
        check_configure()
    else:
        collect(Path(arguments[0]), arguments[1:])


def check_configure() -> None:
    """Compare configure's verdicts (MODULE_<NAME>_STATE) with what Setup.local is going to build."""
    makefile = (BUILD / "Makefile").read_text()
    states = dict(re.findall(r"^MODULE_(\w+)_STATE=(.*)$", makefile, re.MULTILINE))
    modules = json.loads(MODULES.read_text())
    wrong = [
        f"{name} ({states[name.upper()]})"
        for name in modules["builtin"] + modules["shared"]
        if states.get(name.upper(), "yes") != "yes"
    ]
    if wrong:
        sys.exit(f"configure found no way to build these extension modules: {', '.join(wrong)}; see config.log")


def collect(directory: Path, make_variables: list[str]) -> None:
    rules = read_makesetup_rules((BUILD / "Makefile").read_text())
    # Expanded values by variable; the link words of module x stand in a variable of our own, LINK_WORDS_x.
    extra = {f"LINK_WORDS_{name}": words for name, (_, words) in rules.items()}
    values = expand([*LISTS, *TEXTS, *extra], extra, make_variables)
    lists = {name: values[name].split() for name in LISTS}
    modules = {}
    archives = {}
    for name in sorted({*lists["MODBUILT_NAMES"], *lists["MODSHARED_NAMES"]}):
        objects, words = rules[name][0], values[f"LINK_WORDS_{name}"].split()
        shared = name in lists["MODSHARED_NAMES"]
        modules[name] = {"linkage": "shared" if shared else "builtin", "objects": objects, "link_words": words}
        if shared:
            modules[name]["file"] = f"{name}{values['EXT_SUFFIX']}"
        archives.update({word: archive_members(Path(word)) for word in words if word.endswith(".a")})
    facts = {
        "format": 1,
        "version": os.environ["SOURCE_VERSION"],
        "source_date_epoch": int(os.environ["SOURCE_DATE_EPOCH"]),
        "build_options": os.environ["BUILD_OPTIONS"],
        "target_triple": os.environ["TARGET_TRIPLE"],
        "setup": json.loads(MODULES.read_text()),
        "main_object": "Programs/python.o",
        "library": f"lib/{values['LIBRARY']}",
        "lists": lists,
        "texts": {name: values[name] for name in TEXTS},
        "modules": modules,
        "archives": archives,
    }
    copy_files(directory, facts, values["LIBRARY"])
    (directory / "cpython-build.json").write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")


def read_makesetup_rules(makefile: str) -> dict[str, tuple[list[str], str]]:
    """Return (objects, link words) by module, from the rules that makesetup appended to the Makefile."""
    appended = makefile.partition("# Rules appended by makesetup")[2]
    rule = re.compile(r"^Modules/(\w+)\$\(EXT_SUFFIX\): *(.*?); \$\(BLDSHARED\) +(.*?) +-o Modules/", re.MULTILINE)
    rules = {}
    for name, prerequisites, words in rule.findall(appended):
        objects = prerequisites.split()
        # What links against libpython or brings platform quirks concerns the shared form only.
        link = [w for w in words.split() if w not in objects and w not in ("$(MODULE_LDFLAGS_SHARED)", "$(ExtraLibs)")]
        rules[name] = (objects, " ".join(link))
    return rules


def expand(names: list[str], definitions: dict[str, str], make_variables: list[str]) -> dict[str, str]:
    """Return the values that make gives to variables."""
    lines = ["include Makefile", *(f"{name} = {value}" for name, value in definitions.items()), "print-values:"]
    lines += [f"\t@:$(info {name}={'$'}({name}))" for name in names]
    script = "\n".join(lines) + "\n"
    command = ["make", "-s", "--no-print-directory", "-f", "-", *make_variables, "print-values"]
    output = subprocess.run(command, input=script, stdout=subprocess.PIPE, text=True, check=True).stdout
    values = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    missing = set(names) - set(values)
    if missing:
        sys.exit(f"make did not print the values of {', '.join(sorted(missing))}")
    return {name: values[name].strip() for name in names}


def archive_members(archive: Path) -> list[str]:
    """Return the objects of a static library that CPython built, where they lie in the build directory."""
    command = [os.environ["AR"], "t", archive]
    names = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    members = [archive.parent / name for name in names]
    for member in members:
        if not member.is_file():
            sys.exit(f"{archive}: its member {member.name} is not beside it")
    return [str(member) for member in members]


def copy_files(directory: Path, facts: dict, library: str) -> None:
    files = {facts["main_object"], *facts["lists"]["LIBRARY_OBJS"], *TEXT_FILES}
    for module in facts["modules"].values():
        files.update(module["objects"])
    for archive, members in facts["archives"].items():
        files.update([archive, *members])
    files.update(name for name in OPTIONAL_FILES if (BUILD / name).is_file())
    for name in sorted(files):
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(BUILD / name, target)
    (directory / "lib").mkdir(exist_ok=True)
    shutil.copyfile(BUILD / library, directory / "lib" / library)


if __name__ == "__main__":
    main()
