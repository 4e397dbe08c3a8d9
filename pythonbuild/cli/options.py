"""Every flag and every command, declared once.

The parser (:mod:`pythonbuild.cli.arguments`), the help (:mod:`pythonbuild.cli.help`), the environment variables and
docs/flags.rst (:mod:`pythonbuild.cli.reference`) are derived from the two tables here. Only the standard library is
imported: the entry scripts answer ``--help`` and refuse wrong flags before any package is installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "switch", "count", "size", "version", "choice", "path", "existing", "directories", "urls"]

WHAT = "What to build"
WHERE = "Where and how"
SOURCES = "Where sources come from"
OUTPUT = "Output"


@dataclass(frozen=True)
class Option:
    """One flag. ``metavar`` is empty for a switch; ``default`` is text as a user would give it.

    ``default_text`` says in words what no fixed text can (such as "the usable cores").
    """

    flag: str
    kind: Kind
    group: str
    help: str
    metavar: str = ""
    default: str = ""
    default_text: str = ""
    choices: tuple[str, ...] = ()
    repeatable: bool = False

    @property
    def name(self) -> str:
        """The key of its value: ``cache_dir`` for ``--cache-dir``."""
        return self.flag[2:].replace("-", "_")

    @property
    def variable(self) -> str:
        """Its environment variable: ``PYTHONBUILD_CACHE_DIR`` for ``--cache-dir``."""
        return "PYTHONBUILD_" + self.name.upper()

    @property
    def usage(self) -> str:
        return f"{self.flag} {self.metavar}" if self.metavar else self.flag


OPTIONS = (
    Option("--python", "version", WHAT, "a series (3.13) or an exact version (3.13.5)", "VERSION", "3.13"),
    Option("--python-source", "existing", WHAT, "build this CPython tree or tarball instead", "PATH"),
    Option("--target-triple", "text", WHAT, "what to build for", "TRIPLE", default_text="this machine's"),
    Option("--options", "text", WHAT, "how CPython is built: noopt, debug, lto, pgo or pgo+lto, each also as"
           " freethreaded+…, without the GIL (3.13 and newer)", "OPTIONS", "noopt"),
    Option("--optimized", "switch", WHAT, "the best options that the target has"),
    Option("--profile", "existing", WHAT, "with pgo: use this profile, or that of this archive, and do not train",
           "FILE"),
    Option("--profile-task", "choice", WHAT, "with pgo: what the interpreter learns from: full or quick", "TASK",
           "full", choices=("full", "quick")),
    Option("--toolchain", "text", WHAT, "packaged, bootstrap (made from source first), or a name of toolchain list",
           "NAME", "packaged"),
    Option("--toolchain-archive", "text", WHAT, "use this exported toolchain: a file, or NAME@SHA256:SIZE, to be"
           " fetched like a source", "FILE"),
    Option("--stages", "choice", WHAT, "of a bootstrap: how often Clang is compiled, from 2 on by itself", "N", "1",
           choices=("1", "2", "3")),
    Option("--link", "text", WHAT, "how a dependency is linked: shared (a shared library, shipped), system (that of the"
           " system) or static; several with commas, such as openssl=shared,xz=system", "NAME=KIND", repeatable=True,
           default_text="static"),
    Option("--against", "existing", WHAT, "compare with this: an archive to build again (verify-reproducible), another"
           " interpreter, ROOT/usr/bin/python3.X, to run what failed (test-distribution)", "PATH"),
    Option("--tests", "text", WHAT, "only these files of CPython's suite, such as test_ssl,test_json", "NAMES",
           default_text="all"),
    Option("--without", "text", WHAT, "leave these extension modules out, such as _ssl,_sqlite3,_tkinter", "MODULES",
           repeatable=True),
    Option("--no-tests", "switch", WHAT, "leave CPython's own tests out: packages and extension modules"),
    Option("--no-tk", "switch", WHAT, "leave tkinter, idle, turtle, Tcl/Tk and the X libraries out"),
    Option("--only", "text", WHAT, "keep these extension modules only, and those that the interpreter cannot do"
           " without", "MODULES", repeatable=True),
    Option("--add", "text", WHAT, "link an extension module of your own: NAME=FILE.o or NAME:INIT_FUNCTION=FILE.o; more"
           " files (.o, .a) and system libraries (-lm) with commas", "NAME=FILES", repeatable=True),
    Option("--cc", "text", WHAT, "clang or gcc; of relink, the command that links, or pinned for that of the build",
           "COMMAND", default_text="clang; of relink, the first of cc, clang, gcc, else pinned"),
    Option("--environment", "choice", WHERE, "where steps run: auto, docker, sandbox, or native (the machine itself: on"
           " Linux for test-distribution and validate alone)", "NAME", "auto",
           choices=("auto", "docker", "sandbox", "native")),
    Option("--jobs", "count", WHERE, "processes at once, over all steps", "N", default_text="the usable cores"),
    Option("--steps-at-once", "count", WHERE, "steps at once; they share the processes", "N",
           default_text="as many as processes"),
    Option("--keep-going", "switch", WHERE, "after a failure, build what does not need the failed step"),
    Option("--debug-shell", "text", WHERE, "open a shell in this step's environment instead of running it", "STEP"),
    Option("--dry-run", "switch", WHERE, "print the plan: steps, what is cached, expected times"),
    Option("--cache-dir", "path", WHERE, "downloads, store, logs and the virtual environment", "DIR",
           default_text="build in the checkout"),
    Option("--work", "path", WHERE, "build in here, and leave the stores for the next verification", "DIR",
           default_text="a directory of its own in the cache, removed at the end"),
    Option("--keep", "switch", WHERE, "do not remove the builds"),
    Option("--source-dir", "directories", SOURCES, "look for sources here first", "DIR", repeatable=True),
    Option("--mirror", "urls", SOURCES, "also try URL/<sha256> and URL/<filename>", "URL", repeatable=True),
    Option("--offline", "switch", SOURCES, "never use the network"),
    Option("--locked", "switch", SOURCES, "take the newest pin and the locked packages exactly, or fail"),
    Option("--output", "path", OUTPUT, "where the archives go", "DIR", default_text="dist in the checkout"),
    Option("--archives", "text", OUTPUT, "which archives: full, install_only, install_only_stripped, or all; several"
           " with commas", "KINDS", "full"),
    Option("--tag", "text", OUTPUT, "stands in the names of archives that are not full, and tells builds of one version"
           " apart: the greatest is the newest", "TAG", default_text="the day of CPython's source, such as 20261007"),
    Option("--python-json", "choice", OUTPUT, "the format of full archives' PYTHON.json: 0, this project's; 7 or 8, the"
           " ecosystem's", "FORMAT", "0", choices=("0", "7", "8")),
    Option("--base-url", "urls", OUTPUT, "where DIR's files can be had, for those who install from it", "URL",
           default_text="as before, or the directory itself: file:///…"),
    Option("--sign", "switch", OUTPUT, "sign with sigstore: FILE.sigstore.json beside each archive and SHA256SUMS; who"
           " signs is told by SIGSTORE_IDENTITY_TOKEN, the CI service or the browser"),
    Option("--trust-config", "existing", OUTPUT, "sign with the sigstore services that this client trust configuration"
           " names", "FILE", default_text="the public ones"),
    Option("--sign-key", "existing", OUTPUT, "sign with this SSH key, by ssh-keygen: FILE.sig beside each archive and"
           " SHA256SUMS", "FILE"),
    Option("--log-format", "choice", OUTPUT, "auto, board, plain, json or github", "FORMAT", "auto",
           choices=("auto", "board", "plain", "json", "github")),
    Option("--skip", "text", WHAT, "do not run this check, or any whose id begins with it (behaviour)", "ID",
           repeatable=True),
    Option("--strict", "switch", WHAT, "a test that is expected to fail and does not is a failure, too"),
    Option("--junit", "path", OUTPUT, "also write the results as JUnit XML", "FILE"),
    Option("--check", "switch", OUTPUT, "write nothing; fail if a document is not up to date"),
    Option("--json", "switch", OUTPUT, "print JSON"),
    Option("--max-size", "size", OUTPUT, "keep at most this much, the most recently used first", "SIZE", "20G"),
)  # fmt: skip

BY_FLAG = {option.flag: option for option in OPTIONS}

_WHAT = ("--python", "--python-source", "--target-triple", "--options", "--optimized", "--profile", "--profile-task",
         "--toolchain", "--toolchain-archive", "--stages", "--cc", "--link", "--without", "--no-tests",
         "--no-tk")  # fmt: skip
_SOURCES = ("--source-dir", "--mirror", "--offline", "--locked")


@dataclass(frozen=True)
class Command:
    """One command; ``argument`` holds a metavar for each word that it takes; ``…`` after the last one means more of
    it, brackets around one that it may be left out. The name of the build itself is "". ``platform`` is whose script
    has the command, "" for all.
    """

    name: str
    summary: str
    description: str
    flags: tuple[str, ...]
    argument: str = ""
    platform: str = ""


COMMANDS = (
    Command(
        "",
        "build a distribution",
        "Build a self-contained CPython distribution from pinned sources.",
        (*_WHAT, "--environment", "--jobs", "--steps-at-once", "--keep-going", "--debug-shell", "--dry-run",
         "--cache-dir", *_SOURCES, "--output", "--archives", "--tag", "--python-json", "--log-format"),
    ),
    Command(
        "why",
        "tell which input made a step run again",
        "Tell why STEP was built, or would be built now: which of its inputs differs from the last time.",
        (*_WHAT, "--environment", "--cache-dir", *_SOURCES, "--log-format"),
        "STEP",
    ),
    Command(
        "gc",
        "bound the size of the cache",
        "Remove from the cache what was not used for the longest time, until it is no bigger than --max-size, and the"
        " virtual environments that no start has used for a week. Safe while builds run.",
        ("--max-size", "--cache-dir"),
    ),
    Command(
        "doctor",
        "tell what this machine lacks and how to get it",
        "Check this machine for everything that a build needs. Ends with status 1 when something is missing that no"
        " build can do without.",
        ("--environment", "--cache-dir"),
    ),
    Command(
        "inspect",
        "describe an archive",
        "Print what ARCHIVE holds: version, target, options, extension modules and what they are linked with.",
        ("--json", "--cache-dir"),
        "ARCHIVE",
    ),
    Command(
        "validate",
        "check archives",
        "Run the checks that end every build over each ARCHIVE, also of other builders, and its Python in several root"
        " filesystems. Ends with status 1 when one fails. docs/checks.rst tells of every check.",
        ("--skip", "--environment", "--jobs", "--cache-dir", *_SOURCES, "--json", "--log-format"),
        "ARCHIVE…",
    ),
    Command(
        "convert",
        "write an archive's PYTHON.json in another format",
        "Write ARCHIVE again, with the same content and PYTHON.json in the format that --python-json says, from nothing"
        " but the archive; nothing of it is run. From format 0 to 7 and 8, and between these. The name is that which"
        " a build in this format gives. docs/python-json.rst",
        ("--python-json", "--output", "--jobs", "--cache-dir", "--json"),
        "ARCHIVE",
    ),
    Command(
        "universal2",
        "make one installation for both processors of macOS",
        "Unite two ARCHIVEs of the installation alone, for x86_64-apple-darwin and aarch64-apple-darwin, of the same"
        " version, options and tag: machine code for both in each file, headers and sysconfig that go by the processor."
        " Nothing of them is run. docs/building-macos.rst",
        ("--output", "--jobs", "--cache-dir", "--json"),
        "ARCHIVE ARCHIVE",
        platform="macos",
    ),
    Command(
        "publish",
        "put archives where uv installs them from",
        "Check the name of each ARCHIVE against its content, copy it into DIR with its checksums and its SBOM, and add"
        " it to DIR/download-metadata.json, from which uv installs Pythons (UV_PYTHON_DOWNLOADS_JSON_URL). Without"
        " ARCHIVE: everything in --output. docs/archives.rst",
        ("--base-url", "--sign", "--trust-config", "--sign-key", "--output", "--cache-dir", "--json"),
        "DIR [ARCHIVE]…",
    ),
    Command(
        "test-distribution",
        "run CPython's own test suite on an archive",
        "Unpack ARCHIVE elsewhere and run the test suite that it holds by its own Python, in an isolated environment"
        " without network; on macOS and Windows on the machine itself. Ends with status 1 when a test fails that"
        " cpython-unix/expected-failures.yml does not name. With --against, the files that have failures are run by"
        " that Python too, to tell which failures are the machine's. docs/test-suite.rst",
        ("--tests", "--strict", "--against", "--environment", "--jobs", "--target-triple", "--cache-dir", *_SOURCES,
         "--junit", "--json", "--log-format"),
        "ARCHIVE",
    ),
    Command(
        "relink",
        "link an archive's Python again, with fewer or other extension modules",
        "Link the interpreter and libpython of ARCHIVE again with other extension modules, from nothing but the archive"
        " and a C compiler, and write a new archive, without the libraries that nothing needs any more."
        " docs/relinking.rst",
        ("--without", "--only", "--add", "--cc", "--environment", "--jobs", "--cache-dir", *_SOURCES, "--output",
         "--json", "--log-format"),
        "ARCHIVE",
    ),
    Command(
        "toolchain",
        "export a toolchain that was made from source, import one",
        "ACTION is export: make the toolchain of --toolchain, if it is not made yet, and pack it into --output. Or"
        " import: check FILE (or NAME@SHA256:SIZE) and keep it in the cache; whatever asks for this toolchain then uses"
        " it. Or list: what toolchains there are. docs/toolchains.rst",
        ("--toolchain", "--cc", "--stages", "--target-triple", "--environment", "--jobs", "--steps-at-once",
         "--cache-dir", *_SOURCES, "--output", "--log-format", "--json"),
        "ACTION [FILE]",
    ),
    Command(
        "cross-check",
        "compile for macOS on Linux, and look at what comes out",
        "Compile CPython and all it is linked with for macOS on Linux, as far as that goes without an SDK, install,"
        " assemble and pack that as on a Mac, and run every check over the result that needs no Mac. Nothing is"
        " published: it shows that recipes, flags and this program are right. Only the dependencies named, if any are."
        " Without --target-triple for aarch64-apple-darwin. docs/building-macos.rst",
        ("--python", "--python-source", "--target-triple", "--options", "--environment", "--jobs", "--steps-at-once",
         "--keep-going", "--cache-dir", *_SOURCES, "--archives", "--python-json", "--log-format", "--json"),
        "[DEPENDENCY]…",
        platform="macos",
    ),
    Command(
        "compare",
        "tell whether two archives are the same",
        "Compare two archives. Ends with status 0 when they are the same byte by byte; otherwise with 1 after naming"
        " the members that differ, and where: section, member of a static library, line, key.",
        ("--json", "--cache-dir"),
        "ARCHIVE ARCHIVE",
    ),
    Command(
        "verify-reproducible",
        "build twice under different conditions and compare",
        "Build what the flags say twice, from empty stores, in different directories, environments and time zones, as"
        " different users, with different numbers of jobs; or once, --against an archive that somebody else has built."
        " Ends with status 0 when the archives are the same byte by byte, else with 1. docs/reproducibility.rst",
        (*_WHAT, "--against", "--archives", "--tag", "--environment", "--jobs", "--steps-at-once", "--work", "--keep",
         "--cache-dir", *_SOURCES, "--log-format", "--json"),
    ),
    Command(
        "relock",
        "resolve the locks anew from signed indices",
        "Rewrite the locks of the root filesystems and sysroots, or of ROOT alone, from the distribution's signed"
        " package indices. Needs gpgv.",
        ("--cache-dir", "--log-format"),
        "[ROOT]",
    ),
    Command(
        "update",
        "propose newer pins",
        "Compare the sources file with the upstream projects' release indices and print the pins that are newer.",
        ("--cache-dir", "--log-format"),
    ),
    Command(
        "generate",
        "write the generated documents",
        "Write docs/checks.rst, docs/flags.rst, docs/python-json.rst, the schema of its format 7 and"
        " python-licenses.rst from what they are generated from.",
        ("--check", "--cache-dir"),
    ),
)  # fmt: skip

BY_COMMAND = {command.name: command for command in COMMANDS}
