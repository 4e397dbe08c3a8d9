"""The sandbox's fallback: a plain chroot, for root in a container that allows neither namespaces nor mounts.

Nothing can be mounted, so things are put in place instead. A *slot* is a hard-linked copy of the root filesystem, made
once and used by one step at a time; what a step reads is hard-linked into it, what it writes is moved in and, when the
step has ended, moved back. The step runs as an unprivileged uid that belongs to its slot alone. Files of the root and
of its inputs belong to root, so it cannot write to them, and everything that runs under the uid can be found and ended.

A slot's directory is ``<cache>/work/chroot-<uid>-<random>`` with a held lock file beside it, as all work directories:
what a killed builder leaves behind is removed at the next start.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import secrets
import shutil
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pythonbuild.environments.launcher import DEVICE_LINKS, DEVICES
from pythonbuild.environments.process import launcher_argv, shell_status
from pythonbuild.errors import MachineError

#: Uids that steps run under. Containers of every kind map at least 65536 of them; nobody's 65534 may be in use.
FIRST_UID, SLOTS = 60001, 256

MISSING = (
    "the network is not cut off",
    "no processes, users, IPC or host name of its own (steps run as an unprivileged uid, not as root)",
    "no /proc, no pseudo-terminals, and the root is protected by permissions only",
)

#: Directories that are emptied before every step.
SCRATCH = ("/tmp", "/dev/shm")  # noqa: S108

#: Why a hard link may be impossible where a copy is not: another file system, too many links, no links at all.
NO_LINK = {errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP}


@dataclass
class Slot:
    """A uid, the directory whose ``root`` its steps run in, and the locks that make both ours alone."""

    uid: int
    place: Path
    claim: socket.socket
    lock: IO[bytes]
    source: str = ""

    @property
    def root(self) -> Path:
        return self.place / "root"


class Chroots:
    """The slots of one builder; a slot is kept for the next step until ``close``."""

    def __init__(self, cache: Path) -> None:
        self._work = cache.resolve() / "work"
        self._lock = threading.Lock()
        self._free: list[Slot] = []

    @contextlib.contextmanager
    def prepared(self, spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Put a step's inputs in place, yield the spec that the launcher needs, and take the results back."""
        slot = self._take(spec["root"])
        try:
            if slot.source != spec["root"]:
                fill(slot, spec["root"])
            with in_place(slot, spec["mounts"]):
                yield {**spec, "mode": "chroot", "root": str(slot.root), "uid": slot.uid, "mounts": []}
        finally:
            with self._lock:
                self._free.append(slot)

    def _take(self, root: str) -> Slot:
        """Return a free slot, rather one that holds this root already."""
        with self._lock:
            self._free.sort(key=lambda slot: slot.source == root)
            return self._free.pop() if self._free else open_slot(self._work)

    def close(self) -> None:
        """Remove the slots that no step uses."""
        with self._lock:
            free, self._free = self._free, []
        for slot in free:
            shutil.rmtree(slot.place, ignore_errors=True)
            Path(slot.lock.name).unlink(missing_ok=True)  # after its directory: until then it says whose that is
            slot.lock.close()
            slot.claim.close()


def open_slot(work: Path) -> Slot:
    """Claim a uid that no other builder of this container uses, and make its directory."""
    for uid in range(FIRST_UID, FIRST_UID + SLOTS):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0pythonbuild-chroot-{uid}")  # an abstract name: gone with its holder, however that ends
        except OSError:
            claim.close()
            continue
        place = work / f"chroot-{uid}-{secrets.token_hex(4)}"
        work.mkdir(parents=True, exist_ok=True)
        lock = Path(f"{place}.lock").open("wb")  # noqa: SIM115
        fcntl.flock(lock, fcntl.LOCK_EX)
        place.mkdir(mode=0o700)
        return Slot(uid, place, claim, lock)
    raise MachineError("sandbox: no free user id for a chroot", found=f"{SLOTS} in use", advice="use fewer --jobs")


# --- putting things in place ------------------------------------------------------------------------------------------


def fill(slot: Slot, source: str) -> None:
    """Make the slot's copy of a root filesystem."""
    slot.source = ""
    shutil.rmtree(slot.root, ignore_errors=True)
    link_tree(source, str(slot.root))
    make_dev(slot.root / "dev")
    slot.source = source


def link_tree(source: str, target: str) -> None:
    """Copy a tree by hard links; everybody may read the copy, only its owner may write to it."""
    status = Path(source).stat()
    make_directory(Path(target))
    with os.scandir(source) as entries:
        for entry in entries:
            copy = f"{target}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                link_tree(entry.path, copy)
            else:
                link_file(entry, copy)
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def link_file(entry: os.DirEntry[str], target: str) -> None:
    """Hard-link anything but a directory; copy where that can't be, or where the step's uid could not read it."""
    mode = entry.stat(follow_symlinks=False).st_mode
    if stat.S_ISFIFO(mode):
        Path(entry.path).chmod(0o666)  # a jobserver's: the step has to write to it
    hidden = stat.S_ISREG(mode) and mode & 0o044 != 0o044
    if not hidden:
        try:
            os.link(entry.path, target, follow_symlinks=False)
        except OSError as error:
            if error.errno not in NO_LINK:
                raise
        else:
            return
    shutil.copy2(entry.path, target, follow_symlinks=False)
    if hidden:
        Path(target).chmod(mode & 0o755 | 0o044 | (mode & 0o100) >> 3 | (mode & 0o100) >> 6)


def make_dev(dev: Path) -> None:
    """Make real device nodes; without them configure scripts would find nonsense."""
    shutil.rmtree(dev, ignore_errors=True)
    (dev / "pts").mkdir(parents=True)
    mask = os.umask(0)
    try:
        for name, number in {**DEVICES, "pts/ptmx": (5, 2)}.items():
            os.mknod(dev / name, 0o666 | stat.S_IFCHR, os.makedev(*number))
        os.close(os.open(dev / "null", os.O_RDWR))  # a file system mounted with nodev has nodes that don't work
    except OSError as error:
        raise MachineError(f"sandbox: cannot use device nodes in {dev}", found=error.strerror,
                           advice="give the container the capability MKNOD and a cache on a file system without nodev, "
                                  "or allow user namespaces in it") from error  # fmt: skip
    finally:
        os.umask(mask)
    for name, link in DEVICE_LINKS.items():
        (dev / name).symlink_to(link)


@contextlib.contextmanager
def in_place(slot: Slot, mounts: list[dict[str, Any]]) -> Iterator[None]:
    """Show what would be mounted; when the step has ended, take what it wrote back to where it belongs."""
    for name in SCRATCH:
        directory = renewed(slot.root, name)
        directory.chmod(0o1777)
    moved: list[tuple[Path, Path]] = []
    try:
        for mount in sorted(mounts, key=lambda mount: str(mount["target"])):
            target = renewed(slot.root, mount["target"])
            if mount["writable"]:
                moved.append((Path(mount["source"]), target))
                move_in(Path(mount["source"]), target, slot.uid)
            else:
                target.rmdir()
                link_tree(mount["source"], str(target))
        yield
    finally:
        for source, target in reversed(moved):
            move_back(target, source)


def renewed(root: Path, name: str) -> Path:
    """Return an empty directory at a path inside; its parents are ours, so no step can have made them links."""
    directory = Path(f"{root}{name}")
    shutil.rmtree(directory, ignore_errors=True)
    return make_directory(directory)


def make_directory(directory: Path) -> Path:
    """Make a directory that everybody may read, whatever the builder's umask."""
    directory.mkdir(parents=True)
    directory.chmod(0o755)
    return directory


def move_in(source: Path, target: Path, uid: int) -> None:
    """Move a directory's content; what other steps use too (the jobserver's fifo) is linked, it stays where it is."""
    os.lchown(target, uid, uid)
    for entry in list(os.scandir(source)):
        if is_shared(entry):
            link_file(entry, str(target / entry.name))
        else:
            shutil.move(entry.path, target / entry.name)
            hand_over(target / entry.name, uid, uid, unshare=True)


def move_back(source: Path, target: Path) -> None:
    for entry in list(os.scandir(source)):
        if not os.path.lexists(target / entry.name):
            hand_over(Path(entry.path), os.geteuid(), os.getegid())
            shutil.move(entry.path, target / entry.name)


def is_shared(entry: os.DirEntry[str]) -> bool:
    mode = entry.stat(follow_symlinks=False).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def hand_over(path: Path, uid: int, gid: int, *, unshare: bool = False) -> None:
    """Give a tree to another owner; ``unshare`` gives copies of files that have further links somewhere."""
    status = path.lstat()
    if stat.S_ISDIR(status.st_mode):
        for entry in list(os.scandir(path)):
            hand_over(Path(entry.path), uid, gid, unshare=unshare)
    elif unshare and status.st_nlink > 1 and stat.S_ISREG(status.st_mode):
        copy = path.with_name(f".{secrets.token_hex(8)}")
        shutil.copy2(path, copy)
        copy.replace(path)
    os.lchown(path, uid, gid)
    if stat.S_ISREG(status.st_mode):
        path.chmod(stat.S_IMODE(status.st_mode))  # chown takes set-id bits away


def main(place: str) -> int:
    """Re-enter a step's environment: run the interactive spec that the sandbox has written."""
    spec = json.loads(Path(place).read_text(encoding="utf-8"))
    chroots = Chroots(Path(spec["cache"]))
    try:
        with chroots.prepared(spec) as prepared:
            return shell_status(subprocess.run(launcher_argv(json.dumps(prepared)), check=False).returncode)
    finally:
        chroots.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
