"""MSBuild: reads the projects that pcbuild.proj lists, looks for every file that they name, and makes what they would.

Of each source a small object is compiled at the place where its project wants it, which defines what the real source
does: the init functions of modules. The table of builtin modules names them all, so that pythonXY.dll can only be
linked if every one is there.
"""

import os
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

from common import NOTHING, expect, wrong

SPACE = "{http://schemas.microsoft.com/developer/msbuild/2003}"
ARCH_NAMES = {"x64": "amd64", "Win32": "win32", "ARM64": "arm64"}
TAGS = {"x64": "win_amd64", "Win32": "win32", "ARM64": "win_arm64"}
#: How projects ask for a profile.
ASKS = re.compile(r"<(RequirePGCFiles|RequireProfileData)>true</")
#: Properties that CPython's own sheets have, and what is not read here.
KNOWN = ("IncludeExternals", "BuildForRelease", "IncludeTests", "IncludeTkinter", "PythonBuildDependencies",
         "sqlite3Dir", "mpdecimalDir", "tcltkDir", "zlibNgDir", "zstdDir", "DisableGil")  # fmt: skip
INIT = re.compile(r"^\s*PyMODINIT_FUNC\s+(\w+)\s*\(", re.MULTILINE)
CODECS = re.compile(r"^I_AM_A_MODULE_FOR\((\w+)\)", re.MULTILINE)
#: What of zlib's functions stands for all of them: in CPython's module, and in zlib-ng's library.
CALLS_ZLIB = "extern int deflate(void);\nint module_calls_zlib(void) { return deflate(); }\n"
ASKS_DLL = """extern const char *PyWin_DLLVersionString;
void *sys_winver(void) { return (void *)PyWin_DLLVersionString; }
"""
SAYS_DLL = 'const char *PyWin_DLLVersionString = "0.0";\n'
ZLIB = "int deflate(void) { return 1; }\n"
PREFIX = "@ZLIB_SYMBOL_PREFIX@"
CALLED = re.compile(r"^extern PyObject\s?\* ?(\w+)\(void\);", re.MULTILINE)
#: Functions of the C API that stand for all of it.
API = ("Py_Main", "Py_BytesMain", "Py_Initialize", "Py_InitializeEx", "Py_FinalizeEx", "PyModule_Create2")
SYSTEM = ("ws2_32", "version", "pathcch", "bcrypt", "advapi32", "shell32", "ole32", "oleaut32", "crypt32", "user32",
          "gdi32", "iphlpapi", "rpcrt4", "winmm", "wbemuuid", "propsys", "kernel32")  # fmt: skip


def main(arguments: list, machine: object) -> int:
    return wrong(f"was called directly, with {arguments}")


def build(machine: object, platform: str, configuration: str, properties: dict) -> int:
    machine.note("msbuild", [platform, configuration, *(f"{name}={value}" for name, value in properties.items())])
    expect(platform == machine.platform, f"{platform}, and the compiler was set up for {machine.platform}")
    for name in properties:
        expect(name in KNOWN, f"unknown property {name}")
    Build(machine, platform, configuration, properties).run()
    return 0


def train(machine: object, platform: str, freethreaded: bool) -> None:
    """Leave what runs of instrumented programs do: counts (.pgc) beside each that was linked for training."""
    machine.note("training", [platform])
    place = Path("PCbuild") / ARCH_NAMES[platform] / "instrumented"
    expect((place / "pgort140.dll").is_file(), "instrumented programs do not start without pgort140.dll")
    name = "python3*t.exe" if freethreaded else "python.exe"
    expect(list(place.glob(name)), f"python.bat starts {name}, which is not there")
    for database in place.glob("*.pgd"):
        for run in (1, 2):
            (place / f"{database.stem}!{run}.pgc").write_bytes(b"counts")


class Build:
    def __init__(self, machine: object, platform: str, configuration: str, properties: dict) -> None:
        self.machine, self.configuration, self.platform = machine, configuration, platform
        self.source = Path.cwd()
        self.pcbuild = self.source / "PCbuild"
        self.properties = properties
        text = (self.source / "Include/patchlevel.h").read_text()
        self.number = "".join(re.search(rf"PY_{part}_VERSION\s+(\d+)", text)[1] for part in ("MAJOR", "MINOR"))
        arch = ARCH_NAMES[platform]
        self.out = self.pcbuild / arch / ("instrumented" if configuration == "PGInstrument" else "")
        self.freethreaded = properties["DisableGil"] == "true"
        self.flag = "t" if self.freethreaded else ""
        self.pyd = f".cp{self.number}t-{TAGS[platform]}.pyd" if self.freethreaded else ".pyd"
        self.objects = self.pcbuild / "obj" / f"{self.number}{arch}_{configuration}"
        self.out.mkdir(parents=True, exist_ok=True)
        self.dependencies = Path(properties["PythonBuildDependencies"])
        for name in ("LINK", "CL"):
            expect("/Brepro" in os.environ.get(name, ""), f"{name} does not ask for the same bytes (/Brepro)")
        expect("/PDBALTPATH:%_PDB%" in os.environ["LINK"].split(), "the place of debug information would be told")
        for name in ("tcltkDir", "zstdDir"):
            expect(properties.get(name, os.sep).endswith(os.sep), f"{name} has to end with a separator")

    def run(self) -> None:
        for name in self.listed():
            self.project(name)
        self.others()

    def listed(self) -> list:
        """Return the projects of pcbuild.proj, those first that others are linked with."""
        switches = {f"$({name})": value for name, value in self.properties.items()}
        names = []
        off = set()
        for item in reversed([*ET.parse(self.pcbuild / "pcbuild.proj").iter()]):
            kind = item.tag.removeprefix(SPACE)
            condition = item.get("Condition", "")
            gone = any(switch in condition and value == "false" for switch, value in switches.items())
            # A whole list is switched off where it is put into another.
            if gone and (match := re.match(r"@\((\w+)->", item.get("Include", ""))):
                off.add(match[1])
            gone = gone or kind in off
            lists = ("Projects", "Projects2", "ExtensionModules", "ExternalModules", "TestModules")
            if kind in lists and item.get("Include") and not gone:
                if "Release" in condition and self.configuration != "Release":
                    continue
                names += [word.removesuffix(".vcxproj") for word in item.get("Include").split(";")
                          if "@(" not in word and "_uwp" not in word]  # fmt: skip
        names = ["pythoncore", *dict.fromkeys(name for name in reversed(names) if name != "pythoncore")]
        for name in names:
            expect((self.pcbuild / f"{name}.vcxproj").is_file(), f"pcbuild.proj lists {name}, which is not there")
        # What pythoncore is linked with is built before it.
        core = ET.parse(self.pcbuild / "pythoncore.vcxproj").getroot()
        before = [item.get("Include").removesuffix(".vcxproj") for item in core.iter(f"{SPACE}ProjectReference")]
        return [*dict.fromkeys([*before, *names])]

    def items(self, root: ET.Element) -> list:
        """Return the sources of a project, less those of groups for other platforms."""
        found = []
        for group in root.iter(f"{SPACE}ItemGroup"):
            condition = group.get("Condition", "")
            if "$(Platform)" in condition:
                wanted = re.findall(r"\$\(Platform\) == '(\w+)'", condition)
                expect(condition == " or ".join(f"$(Platform) == '{each}'" for each in wanted), f"what is {condition}?")
                if self.platform not in wanted:
                    continue
            found += [item for kind in ("ClCompile", "CustomBuild") for item in group.findall(f"{SPACE}{kind}")]
        return found

    def headers(self, name: str, root: ET.Element) -> None:
        """Do what targets of a project do that make a header of a template."""
        for target in root.iter(f"{SPACE}Target"):
            if target.find(f"{SPACE}WriteLinesToFile") is None or not target.get("Inputs", "").endswith(".h.in"):
                continue
            template = self.place(target.get("Inputs"))
            expect(template.is_file() and PREFIX in template.read_text(), f"{template} is no template with {PREFIX}")
            header = self.objects / name / target.get("Outputs").removeprefix("$(IntDir)")
            header.parent.mkdir(parents=True, exist_ok=True)
            header.write_text(template.read_text().replace(PREFIX, ""))

    def place(self, include: str) -> "Path | None":
        """Return what a path of a project names, None for what the build itself makes."""
        text = include.replace("$(PySourcePath)", "..\\")
        for name, value in self.properties.items():
            text = text.replace(f"$({name})", value)
        if "$(" in text:
            expect(text.startswith(("$(GeneratedFrozenModulesDir)", "$(IntDir)")), f"nothing says what {text} is")
            return None
        return Path(os.path.normpath(self.pcbuild / text.replace("\\", "/")))

    def project(self, name: str) -> None:
        root = ET.parse(self.pcbuild / f"{name}.vcxproj").getroot()
        kind = next(element.text for element in root.iter(f"{SPACE}ConfigurationType"))
        directories = {}
        self.headers(name, root)
        for item in self.items(root):
            include = item.get("Include")
            excluded = item.find(f"{SPACE}ExcludedFromBuild")
            if include is None or (include.endswith(".asm") and self.platform != "x64"):
                continue
            if excluded is not None and excluded.get("Condition") is None:
                continue
            path = self.place(include)
            expect(path is None or path.is_file(), f"{name}.vcxproj names {include}, and there is no {path}")
            own = next((each.text for each in item.iter(f"{SPACE}ObjectFileName")), "$(IntDir)")
            directory = own.replace("$(IntDir)", f"{self.objects / name}/").replace("\\", "/")
            stem = include.rpartition("\\")[2].rpartition(".")[0]
            directories.setdefault(Path(directory), {})[stem] = self.text(name, include, path, item)
        made = []
        for directory, sources in directories.items():
            made += self.machine.compile(sources, directory, self.platform)
        self.link(name, kind, root, made)

    def text(self, project: str, include: str, path: "Path | None", item: ET.Element) -> str:
        """Return the C source that stands for one of CPython's."""
        own = NOTHING
        if path is None or not include.endswith((".c", ".cpp")):
            return own
        source = path.read_text("utf-8", "replace")
        inits = []
        for name in INIT.findall(source):
            # Some say their name by a macro, which is another one on other systems.
            said = re.findall(rf"^#\s*define {name}\s+(PyInit_\w+)", source, re.MULTILINE)
            module = re.search(r"^#\s*define MODULE_NAME\s+(\w+)", source, re.MULTILINE)
            inits += [f"PyInit_{module[1]}"] if name == "MODINIT_FUNC_NAME" else said or [name]
        inits += [f"PyInit__codecs_{name}" for name in CODECS.findall(source)]
        own += "".join(f"void *{name}(void) {{ return 0; }}\n" for name in dict.fromkeys(inits))
        defined = "".join(each.text for each in item.iter(f"{SPACE}PreprocessorDefinitions")).split(";")
        if include == "..\\Python\\sysmodule.c":
            expect(not self.static or "MS_COREDLL" in defined, "sysmodule.c gives sys no winver, which site asks for")
            own += ASKS_DLL
        if include == "..\\PC\\dl_nt.c" and (not self.static or "Py_ENABLE_SHARED" in defined):
            own += SAYS_DLL
        if include == "..\\Modules\\zlibmodule.c" and (self.pcbuild / "zlib-ng.vcxproj").is_file():
            there = (self.objects / "zlib-ng/zlib.h").is_file() and (self.source / "PC/zconf.h").is_file()
            expect(there, "zlibmodule.c includes zlib.h and zconf.h")
            own += CALLS_ZLIB
        if project == "zlib-ng" and path.name == "deflate.c":
            own += ZLIB
        if include == "..\\PC\\config.c":
            names = dict.fromkeys([*CALLED.findall(source), "sys_winver"])
            own += "".join(f"extern void *{name}(void);\n" for name in names)
            own += "void *_PyImport_Inittab[] = {" + ", ".join(f"(void *){name}" for name in names) + "};\n"
            exported = "" if self.static else "__declspec(dllexport) "
            own += "".join(f"{exported}int {name}(void) {{ return 1; }}\n" for name in API)
        if include.endswith(("python.c", "WinMain.c")) and project in ("python", "pythonw"):
            own += "__declspec(dllimport) int Py_Main(void);\nint start(void) { return Py_Main(); }\n"
            own = own.replace("__declspec(dllimport) ", "") if self.static else own
        return own

    @property
    def static(self) -> bool:
        text = (self.pcbuild / "pythoncore.vcxproj").read_text("utf-8-sig")
        return "<ConfigurationType>StaticLibrary<" in text

    def link(self, name: str, kind: str, root: ET.Element, objects: list) -> None:
        target = {"pythoncore": f"python{self.number}{self.flag}", "python3dll": f"python3{self.flag}",
                  "pylauncher": "py", "pywlauncher": "pyw"}.get(name, name)  # fmt: skip
        if self.freethreaded and name in ("python", "pythonw"):
            target = f"{name}{self.number[0]}.{self.number[1:]}t"
        elif name in ("venvlauncher", "venvwlauncher"):
            target += self.flag
        self.profile(name, target)
        if kind == "StaticLibrary":
            self.machine.llvm("llvm-lib", f"/out:{self.out / target}.lib", *objects)
            return
        linked = os.environ["LINK"].split()
        common = [
            "/nologo",
            "/nodefaultlib",
            "/debug",
            *linked,
            f"/machine:{self.platform.lower().replace('win32', 'x86')}",
        ]
        if name in ("pythoncore", "python", "pythonw") and (name == "pythoncore") != self.static:
            common += self.libraries()
        if kind == "Application":
            start = self.machine.compile({"start": "int start(void) { return 0; }\n"}, self.objects / name / "start",
                                         self.platform) if name not in ("python", "pythonw") else []  # fmt: skip
            subsystem = "windows" if name.startswith("pyw") else "console"
            core = [self.out / f"python{self.number}{self.flag}.lib"] if name in ("python", "pythonw") else []
            self.machine.llvm("lld-link", *common, "/entry:start", f"/subsystem:{subsystem}",
                              f"/out:{self.out / target}.exe", *objects, *start, *core)  # fmt: skip
            return
        suffix = next((each.text for each in root.iter(f"{SPACE}TargetExt")), ".dll")
        suffix = ".pyd" if suffix in (".pyd", "$(PydExtension)") or "pyd" in suffix.lower() else ".dll"
        suffix = ".dll" if name in ("pythoncore", "python3dll", "pyshellext") else suffix
        exports = [f"/export:PyInit_{name}"] if suffix == ".pyd" else []
        if suffix == ".pyd" and not any(f"PyInit_{name}".encode() in path.read_bytes() for path in objects):
            objects = [*objects, *self.machine.compile({"init": f"void *PyInit_{name}(void) {{ return 0; }}\n"},
                                                       self.objects / name / "init", self.platform)]  # fmt: skip
        suffix = self.pyd if suffix == ".pyd" else suffix
        self.machine.llvm("lld-link", *common, "/dll", "/noentry", *exports, f"/out:{self.out / target}{suffix}",
                          f"/implib:{self.out / target}.lib", *objects)  # fmt: skip

    def profile(self, name: str, target: str) -> None:
        """Do what PGO does besides: a database where a program is instrumented; where it is linked again, it and the
        counts are taken from there, and have to be there if the project says so."""
        database = self.out / f"{target}.pgd"
        said = (self.pcbuild / f"{name}.vcxproj").read_text("utf-8-sig")
        able = "<SupportPGO>false" not in said and name in ("pythoncore", "python", "pythonw")
        library = "<ConfigurationType>StaticLibrary<" in said
        if self.configuration == "PGInstrument" and able and not library:
            database.write_bytes(b"database")
        if self.configuration == "PGUpdate":
            counts = sorted((self.out / "instrumented").glob(f"{target}!*.pgc"))
            expect(counts or not ASKS.search(said), f"PGO run did not succeed (no {target}!*.pgc files)")
            for path in (*counts, *(self.out / "instrumented").glob(f"{target}.pgd")):
                shutil.copyfile(path, self.out / path.name)

    def libraries(self) -> list:
        """Return the libraries of the property sheet, all of which have to be there; the system's are not needed."""
        sheet = ET.parse(self.pcbuild / "pythonbuild.props")
        found = []
        for word in next(sheet.iter(f"{SPACE}AdditionalDependencies")).text.split(";"):
            if word.removesuffix(".lib").lower() in SYSTEM or word.startswith("%("):
                continue
            path = Path(word.replace("$(OutDir)", f"{self.out}/").replace("$(PyDebugExt)", ""))
            path = path if path.is_absolute() else self.dependencies / "lib" / path
            expect(path.is_file(), f"pythonbuild.props asks for {word}, and there is no {path}")
            found.append(path)
        expect((self.dependencies / "include").is_dir(), "the dependencies have no include")
        for library, header in {"zlib": "zlib.h", "libbz2": "bzlib.h", "liblzma": "lzma.h", "libffi": "ffi.h",
                                "libssl": "openssl/ssl.h"}.items():  # fmt: skip
            there = (self.dependencies / "include" / header).is_file()
            expect(there or not any(path.stem == library for path in found), f"the dependencies have no {header}")
        return found

    def others(self) -> None:
        """Make what targets of the projects make besides: copies, and files for PC/layout."""
        shutil.copyfile(self.source / "LICENSE", self.out / "LICENSE.txt")
        if (template := self.source / "PC/pyconfig.h.in").is_file():
            text = template.read_text()
            wanted = "#define Py_GIL_DISABLED 1" if self.freethreaded else "/* #define Py_GIL_DISABLED 1 */"
            (self.out / "pyconfig.h").write_text(text.replace("/* #define Py_GIL_DISABLED 1 */", wanted))
        if self.configuration == "PGInstrument":
            (self.out / "pgort140.dll").write_bytes(b"MSVC's, of instrumented programs")
        (self.source / "python.bat").write_text("@rem runs the python.exe that was built\n")
        runtime = self.machine.compile({"runtime": "__declspec(dllexport) int memory(void) { return 0; }\n"},
                                       self.objects / "runtime", self.platform)  # fmt: skip
        for name in ("vcruntime140", *(["vcruntime140_1"] if self.platform == "x64" else [])):
            self.machine.llvm("lld-link", "/nologo", "/nodefaultlib", "/dll", "/noentry", "/Brepro",
                              f"/implib:{self.objects}/x.lib", f"/out:{self.out / name}.dll", *runtime)  # fmt: skip
        if (self.out / f"_tkinter{self.pyd}").is_file():
            tcltk = Path(self.properties["tcltkDir"])
            for dll in (tcltk / "bin").glob("*.dll"):
                shutil.copyfile(dll, self.out / dll.name)
            (self.out / "TCL_LIBRARY.env").write_text(str(tcltk / "lib/tcl8.6"), encoding="utf-8-sig")
