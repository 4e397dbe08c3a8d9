"""Runs one recipe: unpacks its source, patches it, runs its build.py, keeps the licence texts.

    SOURCE_ARCHIVE   name of the archive in $STEP_SOURCES
    LICENCE_NAME     directory below $OUT/licenses for the licence texts
    LICENCE_FILES    their paths in the source, one a line

build.py gets the same variables and SOURCE_DATE_EPOCH, and runs in the unpacked source. Like cpython-unix/recipes/
driver.sh, for a machine without a shell: the standard library of whichever Python runs it is all there is.
"""

import calendar
import os
import runpy
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from patching import apply_patch  # noqa: E402 - it lies beside this file, which -I does not look at

OLDEST = 315532800  # 1980-01-01: older times do not fit into every archive format


def unpack(archive: Path, directory: Path) -> int:
    """Unpack an archive, the one top directory of a tar stripped; return the newest time of a file in it.

    Symbolic links, which Windows grants to few users, become copies of what they point to.
    """
    newest = OLDEST
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            zipped.extractall(directory)  # noqa: S202 - it is pinned, and zipfile keeps inside
            for info in zipped.infolist():
                if (info.external_attr >> 16) & 0o100:  # a program, where the archive was made on such a system
                    (directory / info.filename).chmod(0o755)
            times = (calendar.timegm((*info.date_time, 0, 0, 0)) for info in zipped.infolist())
            return max(newest, *times)
    links = []
    with tarfile.open(archive) as tar:
        for member in tar:
            parts = PurePosixPath(member.name).parts[1:]
            if not parts or ".." in parts or not (member.isreg() or member.issym() or member.islnk()):
                continue
            path = directory.joinpath(*parts)
            path.parent.mkdir(parents=True, exist_ok=True)
            if member.isreg():
                newest = max(newest, int(member.mtime))
                with tar.extractfile(member) as content, path.open("wb") as file:
                    shutil.copyfileobj(content, file)
                path.chmod(0o755 if member.mode & 0o100 else 0o644)
            elif member.issym():
                links.append((path, path.parent / member.linkname))
            else:
                links.append((path, directory.joinpath(*PurePosixPath(member.linkname).parts[1:])))
    for path, target in links:
        inside = Path(os.path.normpath(target)).is_relative_to(directory)
        if inside and target.is_file():
            shutil.copy(target, path)
    return newest


def set_times(directory: Path, time: int) -> None:
    """Give every file one time: nmake then takes shipped generated files for current."""
    for path in directory.rglob("*"):
        if path.is_file():
            os.utime(path, (time, time))


def keep_licences(source: Path, out: Path, name: str, files: "list[str]") -> None:
    for file in files:
        kept = out / "licenses" / name / PurePosixPath(file).name
        if not (source / file).is_file():
            sys.exit(f"licence file {file} is not in the source: correct the source's licence_files")
        if kept.exists():
            sys.exit(f"two licence files are called {kept.name}: name only one in the source's licence_files")
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / file, kept)


def main() -> None:
    build, out = Path(os.environ["STEP_BUILD"]), Path(os.environ["OUT"])
    source = build / "src"
    source.mkdir()
    epoch = unpack(Path(os.environ["STEP_SOURCES"]) / os.environ["SOURCE_ARCHIVE"], source)
    os.environ["SOURCE_DATE_EPOCH"] = str(epoch)
    os.environ.pop("MAKEFLAGS", None)  # GNU make's jobserver; nmake looks at the same variable, and knows none
    for patch in sorted((HERE / "patches").glob("*.patch")):
        print(f"applying {patch.name}", flush=True)
        apply_patch(source, patch.read_bytes(), patch.name)
    set_times(source, epoch)
    os.chdir(source)
    runpy.run_path(str(HERE / "build.py"), run_name="__main__")
    files = [line for line in os.environ.get("LICENCE_FILES", "").splitlines() if line]
    keep_licences(source, out, os.environ["LICENCE_NAME"], files)


if __name__ == "__main__":
    main()
