"""The standard library as a whole: every module, every codec, what modules written in C do, files, users."""

from __future__ import annotations

import codecs
import encodings.aliases
import importlib
import json
import os
import struct
import sys
from pathlib import Path

from .table import LINUX, MACOS, PLACE, WINDOWS, Skip, python, works

#: Modules of libraries that no distribution has; importing the last two does something.
NOWHERE = ("_gdbm", "nis", "antigravity", "this")
_NOT_ON_UNIX = ("_ios_support", "_msi", "_overlapped", "_winapi", "_wmi", "msilib", "msvcrt", "nt", "ossaudiodev",
                "winreg", "winsound")  # fmt: skip
#: Modules of other systems.
NOT_HERE = {
    LINUX: (*_NOT_ON_UNIX, "_scproxy"),
    MACOS: (*_NOT_ON_UNIX, "spwd"),
    WINDOWS: ("_crypt", "_curses", "_curses_panel", "_dbm", "_ios_support", "_posixshmem", "_posixsubprocess",
              "_scproxy", "crypt", "curses", "fcntl", "grp", "ossaudiodev", "posix", "pty", "pwd", "readline",
              "resource", "spwd", "syslog", "termios", "tty"),
}  # fmt: skip
#: Modules that not every build for Windows has, and what of the standard library imports them.
DLLS = {"_msi": ("_msi", "msilib"), "_tkinter": ("_tkinter", "idlelib", "tkinter", "turtle", "turtledemo")}
#: Codecs that only Windows has.
NOT_CODECS = {"mbcs", "oem", "cp65001"}


#: A program that imports everything but what stands in its two arguments: names that are not here, and names of what
#: was left out. What imports the latter is no failure; everything else must be there.
IMPORT_EVERYTHING = """
import importlib, sys, warnings
warnings.simplefilter("ignore")
not_here, left_out = (set(words.split(",")) for words in sys.argv[1:])
missing = []

def explained(error):
    return error is not None and (getattr(error, "name", "") in left_out or explained(error.__context__))

for name in sorted(sys.stdlib_module_names - not_here - left_out):
    try:
        importlib.import_module(name)
    except ImportError as error:
        if not explained(error):
            missing.append(f"{name}: {error}")
sys.exit("; ".join(missing) or 0)
"""


@works("every module of the standard library imports")
def every_module() -> None:
    # In a process of its own: hundreds of modules would not leave this one as it was.
    not_here = [*NOWHERE, *NOT_HERE[PLACE.system]]
    if PLACE.system == WINDOWS:
        not_here += [name for dll, names in DLLS.items() if dll not in PLACE.modules for name in names]
    python("-I", "-c", IMPORT_EVERYTHING, ",".join(not_here), ",".join(PLACE.omitted))


@works("every codec", "binascii", "zlib", "_bz2", "unicodedata", "_multibytecodec", "_codecs_cn",
       "_codecs_hk", "_codecs_iso2022", "_codecs_jp", "_codecs_kr", "_codecs_tw")  # fmt: skip
def every_codec() -> None:
    for name in sorted(set(encodings.aliases.aliases.values()) - NOT_CODECS):
        codecs.lookup(name)
    if PLACE.system == WINDOWS:
        for name in ("mbcs", "oem"):
            assert "plain".encode(name) == b"plain"
    assert b"\x82\xa0".decode("shift_jis") == "\u3042"
    assert "\u3042".encode("iso2022_jp_2004").decode("iso2022_jp_2004") == "\u3042"
    assert "b\u00fccher".encode("idna") == b"xn--bcher-kva"


@works("standard modules written in C", "unicodedata", "_pickle", "_json", "mmap", "_struct", "array", "_datetime")
def c_modules() -> None:
    import array
    import datetime as dt
    import mmap
    import pickle
    import unicodedata

    assert unicodedata.normalize("NFD", "\u00e9") == "e\u0301"
    data = {"a": [1, 2.5, None, dt.date(2026, 1, 2)]}
    assert pickle.loads(pickle.dumps(data, 5)) == data  # noqa: S301 - its own
    assert json.loads(json.dumps([1, "\u00e9"])) == [1, "\u00e9"]
    with mmap.mmap(-1, 4096) as memory:
        memory[:3] = b"abc"
        assert memory.find(b"c") == 2
    assert struct.unpack("<I", array.array("B", [1, 0, 0, 0]).tobytes()) == (1,)


@works("files: names outside ASCII, more than 4 GiB, memory maps")
def files() -> None:
    assert sys.getfilesystemencoding() == "utf-8"
    place = Path("gr\u00fc\u00dfe \u3042")
    place.write_text("x", encoding="utf-8")
    assert place.name in {path.name for path in Path().iterdir()}
    assert ascii(place.name) in python("-I", "-c", "import os; print(*map(ascii, os.listdir()))")
    with place.open("r+b") as file:
        if PLACE.system == WINDOWS:
            allow_holes(file.fileno())
        file.truncate(5 << 30)  # a hole, which takes no space
        file.seek(5 << 30)
        file.write(b"end")
        assert file.tell() == (5 << 30) + 3
    assert place.stat().st_size == (5 << 30) + 3
    place.unlink()


def allow_holes(descriptor: int) -> None:
    """Let a file have holes, as files have anyway on other systems: NTFS would write all of it."""
    try:
        ctypes, msvcrt = (importlib.import_module(name) for name in ("ctypes", "msvcrt"))
    except ImportError as error:
        raise Skip(f"files cannot be told to have holes: {error}") from error
    set_sparse, nothing = 0x900C4, (None, 0)
    handle, told = ctypes.c_void_p(msvcrt.get_osfhandle(descriptor)), ctypes.c_uint32()
    kernel = ctypes.WinDLL("kernel32")
    if not kernel.DeviceIoControl(handle, set_sparse, *nothing, *nothing, ctypes.byref(told), None):
        raise Skip("this file system has no files with holes")


@works("the system's databases: users, groups, services, host names, media types", "pwd", "grp", "_socket", on=(LINUX,))
def databases() -> None:
    import getpass
    import grp
    import mimetypes
    import pwd
    import socket

    assert pwd.getpwuid(0).pw_name == "root"
    assert pwd.getpwnam("nobody").pw_dir
    assert grp.getgrnam("root").gr_gid == 0
    if os.getuid() == 0:  # not in a plain chroot, where it has no name
        assert getpass.getuser() == "root"
    assert socket.getservbyname("https") == 443
    addresses = {entry[4][0] for entry in socket.getaddrinfo("localhost", 80)}
    assert "127.0.0.1" in addresses, addresses
    assert mimetypes.guess_type("x.html")[0] == "text/html"


@works("the system's databases: users, groups", "pwd", "grp", on=(MACOS,))
def users() -> None:
    import grp
    import pwd

    assert pwd.getpwuid(0).pw_name == "root"
    assert pwd.getpwuid(os.getuid()).pw_dir
    assert pwd.getpwnam("nobody").pw_dir
    assert grp.getgrnam("wheel").gr_gid == 0


@works("the system's databases: services, media types", "_socket", on=(MACOS, WINDOWS))
def services() -> None:
    import mimetypes
    import socket

    assert socket.getservbyname("https") == 443
    assert mimetypes.guess_type("x.html")[0] == "text/html"


@works("the system's databases: host names", "_socket", on=(MACOS, WINDOWS))
def host_names() -> None:
    import socket

    try:
        addresses = {entry[4][0] for entry in socket.getaddrinfo("localhost", 80)}
    except socket.gaierror as error:
        # Where the network is refused to the suite, so may be whoever knows the names of machines.
        raise Skip(f"this machine does not tell the address of localhost: {error}") from error
    assert "127.0.0.1" in addresses, addresses
