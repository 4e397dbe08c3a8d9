"""What only Windows has: the registry, handles, its certificates, and what answers there for others' system calls."""

from __future__ import annotations

import importlib
import os
import subprocess

from .table import WINDOWS, Skip, argv, python, run, works


@works("the registry", "winreg", on=(WINDOWS,))
def registry() -> None:
    winreg = importlib.import_module("winreg")
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Windows NT\CurrentVersion") as key:
        build, kind = winreg.QueryValueEx(key, "CurrentBuildNumber")
    assert kind == winreg.REG_SZ
    assert int(build) > 0, build


@works("locks on files", "msvcrt", on=(WINDOWS,))
def file_locks() -> None:
    msvcrt = importlib.import_module("msvcrt")
    with open("locked", "w+b") as file:  # noqa: PTH123 - the descriptor is what is tested
        file.write(b"x")
        file.flush()
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        code = "import msvcrt; file = open('locked', 'r+b'); msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)"
        other = subprocess.run(argv("-I", "-c", code), capture_output=True, check=False)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
        assert b"PermissionError" in other.stderr, other.stderr
        run(argv("-I", "-c", code))


@works("subprocess: the shell, environment variables, handles", "_winapi", "msvcrt", on=(WINDOWS,))
def subprocesses() -> None:
    assert subprocess.run("exit 3", shell=True, check=False).returncode == 3  # noqa: S602
    assert os.system("exit 3") == 3  # noqa: S605
    environment = {**os.environ, "GREETING": "gr\u00fc\u00dfe"}
    told = python("-I", "-c", "import os; print(ascii(os.environ['GREETING']))", env=environment)
    assert told.strip() == ascii("gr\u00fc\u00dfe"), told
    msvcrt, options = importlib.import_module("msvcrt"), vars(subprocess)
    reading, writing = os.pipe()
    handle = msvcrt.get_osfhandle(writing)
    vars(os)["set_handle_inheritable"](handle, True)
    startup = options["STARTUPINFO"](lpAttributeList={"handle_list": [handle]})
    code = "import msvcrt, os, sys; os.write(msvcrt.open_osfhandle(int(sys.argv[1]), os.O_WRONLY), b'here')"
    run(argv("-I", "-c", code, str(handle)), startupinfo=startup)
    os.close(writing)
    assert os.read(reading, 20) == b"here"
    os.close(reading)
    refused = False
    try:
        subprocess.run([r"C:\nonexistent\program.exe"], check=False)
    except FileNotFoundError:
        refused = True
    assert refused


@works("OpenSSL: Windows' own certificates", "_ssl", on=(WINDOWS,))
def certificates() -> None:
    import ssl

    found = vars(ssl)["enum_certificates"]("ROOT")
    assert found, "the system has no root certificates"
    assert ssl.create_default_context().get_ca_certs(), "none of them is taken"


@works("WMI", "_wmi", on=(WINDOWS,))
def wmi() -> None:
    try:
        answer = importlib.import_module("_wmi").exec_query("SELECT Version FROM Win32_OperatingSystem")
    except OSError as error:
        raise Skip(f"the system's service does not answer: {error}") from error
    assert answer.startswith("Version="), answer
