"""Windows' job objects: processes that end together, at the latest when nobody holds the job any more.

The builder holds the only lasting handle; it is closed with the builder, whatever that dies of, and the kernel ends
every process of the job. Whatever a process of a job starts is in it as well.
"""

from __future__ import annotations

import ctypes
import os
import uuid
from typing import Any

from pythonbuild.errors import MachineError

_KILL_ON_JOB_CLOSE = 0x2000
_EXTENDED_LIMITS = 9


class _BasicLimits(ctypes.Structure):
    _fields_ = (
        ("process_time", ctypes.c_int64), ("job_time", ctypes.c_int64), ("flags", ctypes.c_uint32),
        ("least_working_set", ctypes.c_size_t), ("most_working_set", ctypes.c_size_t),
        ("processes", ctypes.c_uint32), ("affinity", ctypes.c_size_t), ("priority", ctypes.c_uint32),
        ("scheduling", ctypes.c_uint32),
    )  # fmt: skip


class ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION, as winnt.h has it."""

    _fields_ = (
        ("basic", _BasicLimits), ("counters", ctypes.c_uint64 * 6), ("process_memory", ctypes.c_size_t),
        ("job_memory", ctypes.c_size_t), ("most_process_memory", ctypes.c_size_t), ("most_memory", ctypes.c_size_t),
    )  # fmt: skip


class Job:
    """A job without processes yet, known by ``name``."""

    def __init__(self) -> None:
        self.name = f"Local\\pythonbuild-{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self._kernel: Any = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
        self._kernel.CreateJobObjectW.restype = ctypes.c_void_p
        self._handle = ctypes.c_void_p(self._kernel.CreateJobObjectW(None, ctypes.c_wchar_p(self.name)))
        self._check(self._handle.value, "made")
        limits = ExtendedLimits()
        limits.basic.flags = _KILL_ON_JOB_CLOSE
        done = self._kernel.SetInformationJobObject(self._handle, _EXTENDED_LIMITS, ctypes.byref(limits),
                                                    ctypes.sizeof(limits))  # fmt: skip
        self._check(done, "limited")

    def add(self, process_handle: int) -> None:
        """Put a process into the job."""
        done = self._kernel.AssignProcessToJobObject(self._handle, ctypes.c_void_p(process_handle))
        self._check(done, "given a process")

    def terminate(self, status: int) -> None:
        """End every process of the job with this status."""
        if self._handle.value:
            self._kernel.TerminateJobObject(self._handle, ctypes.c_uint32(status))

    def close(self) -> None:
        """Let go of the job; what is in it ends."""
        if self._handle.value:
            self._kernel.CloseHandle(self._handle)
            self._handle = ctypes.c_void_p()

    def _check(self, done: object, what: str) -> None:
        if not done:
            error = ctypes.get_last_error()  # type: ignore[attr-defined,unused-ignore]
            raise MachineError(f"a job object cannot be {what}", found=f"Windows' error {error}")
