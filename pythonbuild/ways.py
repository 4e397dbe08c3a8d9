"""How requests are prepared, planned and run on this machine: Linux' way, a Mac's, or from Linux for macOS.

What a build does with a :class:`Way` is the same everywhere (:mod:`pythonbuild.build`).
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import replace

from pythonbuild.config.model import Toolchain
from pythonbuild.config.native_targets import NATIVE, compiled_on, find_macos_target
from pythonbuild.config.options import check_options, check_version
from pythonbuild.config.project import Project
from pythonbuild.config.request import Request
from pythonbuild.config.toolchains import PACKAGED
from pythonbuild.darwin_native import find_compiler, require_mac
from pythonbuild.darwin_plan import make_cross_plan, make_native_plan
from pythonbuild.darwin_toolchain import compiler_on_a_mac
from pythonbuild.engine.events import EventSink, Note
from pythonbuild.engine.model import Plan
from pythonbuild.environments.base import Environment
from pythonbuild.environments.native import NativeEnvironment
from pythonbuild.errors import UsageError
from pythonbuild.preparation import (
    Files,
    Preparation,
    cached_bases,
    choose_interpreter,
    choose_options,
    choose_profile,
    find_left_out,
    load_locks,
    tell_imported,
)
from pythonbuild.provisions import LINUX, Way, isolated
from pythonbuild.recipe_steps import PlanInputs
from pythonbuild.sources.fetch import Fetcher
from pythonbuild.toolchain_choice import Choice, choose_toolchain
from pythonbuild.toolchain_steps import Compiler, compiler_of


def way_of_this_machine() -> Way:
    """Return how what is asked for is built here."""
    return MAC if platform.system() == "Darwin" else LINUX


def _native(request: Request, sink: EventSink) -> Environment:
    environment = NativeEnvironment(request.cache)
    missing = ", ".join(environment.missing_isolation)
    sink(Note(f"environment: native, without isolation of {missing}"))
    return environment


def compiler_of_this_machine(inputs: PlanInputs) -> Compiler:
    """Return the compiler of a plan that is made here."""
    if inputs.target.os == "macos":
        return compiler_on_a_mac(inputs, find_compiler(inputs.target))
    return compiler_of(inputs)


def _of_a_mac(project: Project) -> Mapping[str, Toolchain]:
    """Return a Mac's own compiler, and those that this one compiles first."""
    return {name: item.toolchain for name, item in project.macos_toolchains.items() if not item.built_on}


def _across(project: Project) -> Mapping[str, Toolchain]:
    return {name: item.toolchain for name, item in project.macos_toolchains.items() if item.built_on}


def prepare_native(request: Request, project: Project, fetcher: Fetcher, sink: EventSink, *,
                   settle: bool = True) -> Preparation:  # fmt: skip
    """Understand a request for a build on a Mac. Raises UsageError for what cannot be had there."""
    refused = {
        "--environment": request.environment not in ("auto", "native"),
        "--cc": request.compiler not in ("", "clang"),
        "--link": bool(request.link),
    }
    for flag, is_refused in refused.items():
        if is_refused:
            raise UsageError(f"{flag}: not on macOS, where Clang builds on the machine itself")
    target = find_macos_target(project.macos_targets, request.target_triple)
    require_mac(target)
    known = _of_a_mac(project)
    if request.toolchain in (PACKAGED, NATIVE) and not request.toolchain_archive:
        own = next(name for name, toolchain in known.items() if toolchain.kind == NATIVE)
        request = replace(request, toolchain=own)
    chosen = choose_toolchain(request, known, fetcher)
    tell_imported(chosen, sink)
    return _prepared(request, project, fetcher, sink, chosen, settle=settle)


def prepare_cross(request: Request, project: Project, fetcher: Fetcher, sink: EventSink, *,
                  settle: bool = True) -> Preparation:  # fmt: skip
    """Understand a request for a cross check. Raises UsageError for a target that is not macOS'."""
    cross = next(iter(_across(project).values()))
    return _prepared(request, project, fetcher, sink, Choice(cross), settle=settle)


def _prepared(request: Request, project: Project, fetcher: Fetcher, sink: EventSink, chosen: Choice, *,
              settle: bool) -> Preparation:  # fmt: skip
    toolchain = chosen.toolchain
    target = compiled_on(find_macos_target(project.macos_targets, request.target_triple),
                         project.macos_toolchains[toolchain.name], project.targets)  # fmt: skip
    options = choose_options(request, target, toolchain, sink)
    check_options("--options", options, toolchain.options or target.options)
    files = Files(fetcher, cached_bases)
    profile = choose_profile(request, options, toolchain)
    interpreter = choose_interpreter(request, project, fetcher, sink, settle=settle)
    check_version("--options", options, interpreter.version)
    inputs = PlanInputs(
        project=project,
        target=target,
        toolchain=toolchain,
        stages=request.stages,
        toolchain_archive=chosen.archive,
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


MAC = Way(prepare_native, _native_plan, _native, _of_a_mac)
CROSS_WAY = Way(prepare_cross, make_cross_plan, isolated, _across)
