"""How requests are prepared, planned and run on this machine: Linux' way, a Mac's, or from Linux for macOS.

What a build does with a :class:`Way` is the same everywhere (:mod:`pythonbuild.build`).
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass

from pythonbuild.config.native_targets import CROSS, NATIVE, compiled_on, find_macos_target
from pythonbuild.config.options import check_options, check_version
from pythonbuild.config.project import Project
from pythonbuild.config.request import Request
from pythonbuild.darwin_native import find_compiler, require_mac
from pythonbuild.darwin_plan import make_cross_plan, make_native_plan
from pythonbuild.engine.events import EventSink, Note
from pythonbuild.engine.model import Plan
from pythonbuild.environments.base import Environment
from pythonbuild.environments.native import NativeEnvironment
from pythonbuild.environments.select import choose
from pythonbuild.errors import UsageError
from pythonbuild.planning import make_plan
from pythonbuild.preparation import (
    Files,
    Preparation,
    cached_bases,
    choose_interpreter,
    choose_options,
    choose_profile,
    find_left_out,
    load_locks,
    prepare,
)
from pythonbuild.recipe_steps import PlanInputs
from pythonbuild.sources.fetch import Fetcher


@dataclass(frozen=True)
class Way:
    """``prepare`` understands a request, ``plan`` makes the plan, ``environment`` is where its steps run."""

    prepare: Callable[[Request, Project, Fetcher, EventSink], Preparation]
    plan: Callable[[PlanInputs], Plan]
    environment: Callable[[Request, EventSink], Environment]


def way_of_this_machine() -> Way:
    """Return how what is asked for is built here."""
    return MAC if platform.system() == "Darwin" else LINUX


def _isolated(request: Request, sink: EventSink) -> Environment:
    return choose(request.environment, lambda text: sink(Note(text)), request.cache)


def _native(request: Request, sink: EventSink) -> Environment:
    environment = NativeEnvironment(request.cache)
    missing = ", ".join(environment.missing_isolation)
    sink(Note(f"environment: native, without isolation of {missing}"))
    return environment


def prepare_native(request: Request, project: Project, fetcher: Fetcher, sink: EventSink) -> Preparation:
    """Understand a request for a build on a Mac. Raises UsageError for what cannot be had there."""
    refused = {
        "--environment": request.environment not in ("auto", "native"),
        "--toolchain": request.toolchain not in ("packaged", "native", "native:clang"),
        "--cc": request.compiler not in ("", "clang"),
        "--link": bool(request.link),
        "--toolchain-archive": bool(request.toolchain_archive),
    }
    for flag, is_refused in refused.items():
        if is_refused:
            raise UsageError(f"{flag}: not on macOS, where Apple's Clang builds on the machine itself")
    target = find_macos_target(project.macos_targets, request.target_triple)
    require_mac(target)
    return _prepared(request, project, fetcher, sink, NATIVE)


def prepare_cross(request: Request, project: Project, fetcher: Fetcher, sink: EventSink) -> Preparation:
    """Understand a request for a cross check. Raises UsageError for a target that is not macOS'."""
    return _prepared(request, project, fetcher, sink, CROSS)


def _prepared(request: Request, project: Project, fetcher: Fetcher, sink: EventSink, kind: str) -> Preparation:
    chosen = next(item for item in project.macos_toolchains.values() if item.toolchain.kind == kind)
    toolchain = chosen.toolchain
    target = compiled_on(find_macos_target(project.macos_targets, request.target_triple), chosen, project.targets)
    options = choose_options(request, target, toolchain, sink)
    check_options("--options", options, toolchain.options or target.options)
    files = Files(fetcher, cached_bases)
    profile = choose_profile(request, options, toolchain)
    interpreter = choose_interpreter(request, project, fetcher, sink)
    check_version("--options", options, interpreter.version)
    inputs = PlanInputs(
        project=project,
        target=target,
        toolchain=toolchain,
        options=options,
        interpreter=interpreter,
        locks=load_locks(request, project, target),
        files=files,
        archives=request.archives,
        python_json=request.python_json,
        profile=profile,
        profile_task=request.profile_task,
        tag=request.tag,
        left_out=find_left_out(request, project, interpreter.version, target, sink),
    )
    return Preparation(inputs, files, request, sink)


def _native_plan(inputs: PlanInputs) -> Plan:
    return make_native_plan(inputs, find_compiler(inputs.target))


LINUX = Way(prepare, make_plan, _isolated)
MAC = Way(prepare_native, _native_plan, _native)
CROSS_WAY = Way(prepare_cross, make_cross_plan, _isolated)
