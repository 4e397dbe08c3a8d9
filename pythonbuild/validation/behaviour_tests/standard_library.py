"""The standard library as a whole: every module, every codec, what modules written in C do, files, users."""

from __future__ import annotations

import codecs
import encodings.aliases
import json
import os
import struct
import sys
from pathlib import Path

from .table import PLACE, python, works

#: Modules of other systems and of libraries that no distribution has; importing the last two does something.
NOT_HERE = ("_gdbm", "_ios_support", "_msi", "_overlapped", "_scproxy", "_winapi", "_wmi", "msilib", "msvcrt", "nis",
            "nt", "ossaudiodev", "winreg", "winsound", "antigravity", "this")  # fmt: skip
#: Codecs of Windows.
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
    python("-I", "-c", IMPORT_EVERYTHING, ",".join(NOT_HERE), ",".join(PLACE.omitted))


@works("every codec", "binascii", "zlib", "_bz2", "unicodedata", "_multibytecodec", "_codecs_cn",
       "_codecs_hk", "_codecs_iso2022", "_codecs_jp", "_codecs_kr", "_codecs_tw")  # fmt: skip
def every_codec() -> None:
    for name in sorted(set(encodings.aliases.aliases.values()) - NOT_CODECS):
        codecs.lookup(name)
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
        file.truncate(5 << 30)  # a hole, which takes no space
        file.seek(5 << 30)
        file.write(b"end")
        assert file.tell() == (5 << 30) + 3
    assert place.stat().st_size == (5 << 30) + 3
    place.unlink()


@works("the system's databases: users, groups, services, host names, media types", "pwd", "grp", "_socket")
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
