"""A root filesystem as a Docker image: streamed as a tar, imported once, named by its digest.

No registry and no Dockerfile are involved. Owners are normalised to root, because an ordinary user's unpacked root is
the user's; everything else, times included, is passed on as it is, so that a step sees in the container what it sees
in the sandbox.
"""

from __future__ import annotations

import fcntl
import os
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import docker.errors

from pythonbuild.errors import MachineError

REPOSITORY = "pythonbuild-root"

#: The label that holds the whole digest; the tag has its first characters only.
DIGEST_LABEL = "pythonbuild.root"

#: Directories that the environment fills itself; they are mount points in the image.
LEFT_EMPTY = ("dev", "proc", "sys", "tmp")

_importing = threading.Lock()


def image_name(root_digest: str) -> str:
    """Return the tag of a root's image."""
    return f"{REPOSITORY}:{root_digest.rpartition(':')[2][:16]}"


def ensure_image(client: docker.DockerClient, root: Path, root_digest: str, lock: Path,
                 note: Callable[[str], None]) -> str:  # fmt: skip
    """Import the root unless it is there; threads and processes that want it at the same time wait for the first."""
    name = image_name(root_digest)
    if _has(client, name, root_digest):
        return name
    with _importing, _held(lock):
        if _has(client, name, root_digest):
            return name
        note(f"importing the root filesystem into Docker as {name} (once)")
        try:
            client.api.import_image_from_stream(
                tar_chunks(root), repository=REPOSITORY, tag=name.partition(":")[2],
                changes=[f"LABEL {DIGEST_LABEL}={root_digest}"],
            )  # fmt: skip
        except docker.errors.APIError as error:
            raise MachineError(f"docker: cannot import {root}", found=error.explanation or error) from error
        if not _has(client, name, root_digest):
            raise MachineError(f"docker: importing {root} gave no image {name}", advice="see the Docker daemon's log")
    return name


def _has(client: docker.DockerClient, name: str, root_digest: str) -> bool:
    try:
        return bool(client.images.get(name).labels.get(DIGEST_LABEL) == root_digest)
    except docker.errors.ImageNotFound:
        return False


@contextmanager
def _held(lock: Path) -> Iterator[None]:
    """Hold a lock among processes; the kernel lets go of it when the holder dies."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def tar_chunks(root: Path, size: int = 1 << 20) -> Iterator[bytes]:
    """Yield the root as a tar, piece by piece; a thread writes it into a pipe so that it is never held in memory."""
    readable, writable = os.pipe()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            with os.fdopen(writable, "wb") as stream, tarfile.open(fileobj=stream, mode="w|", bufsize=size) as archive:
                for path, name in _entries(root):
                    _add(archive, path, name)
        except BrokenPipeError:
            pass  # the reader has given up and knows why
        except BaseException as error:  # noqa: BLE001 (handed to the reader, which raises it)
            failures.append(error)

    writer = threading.Thread(target=write, name="docker-import", daemon=True)
    writer.start()
    with os.fdopen(readable, "rb", buffering=0) as stream:
        while chunk := stream.read(size):
            yield chunk
    writer.join()
    if failures:
        raise failures[0]


def _entries(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield every path below the root in sorted order, without what belongs to a running system."""
    for directory, names, files in os.walk(root):
        below = Path(directory).relative_to(root)
        names.sort()
        for name in sorted([*names, *files]):
            yield Path(directory, name), str(below / name)
        if below == Path():
            names[:] = [name for name in names if name not in LEFT_EMPTY]


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    if path.is_socket():  # a tar can't hold one
        return
    info = archive.gettarinfo(path, name)
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    info.mtime = int(info.mtime)
    if name == "tmp":
        info.mode = 0o1777  # Docker gives a tmpfs the mode of the directory that it covers
    if info.isreg():
        with path.open("rb") as stream:
            archive.addfile(info, stream)
    else:
        archive.addfile(info)
