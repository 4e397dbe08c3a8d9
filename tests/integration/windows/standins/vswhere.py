"""vswhere: lists the Visual Studio that the machine has."""

import json

from common import expect

REQUIRES = ("Microsoft.VisualStudio.Component.VC.Tools.x86.x64", "Microsoft.VisualStudio.Component.VC.Tools.ARM64")


def main(arguments: list, machine: object) -> int:
    expect(arguments[:3] == ["-products", "*", "-requires"], f"unexpected {arguments}")
    expect(arguments[3] in REQUIRES, f"unknown component {arguments[3]}")
    expect(arguments[4:] == ["-format", "json", "-utf8", "-nologo"], f"unexpected {arguments}")
    print(json.dumps([{"instanceId": "1", "installationPath": str(machine.root / "VS"), "isComplete": True,
                       "installationVersion": "17.14.36301.6",
                       "displayName": "Visual Studio Build Tools 2022"}]))  # fmt: skip
    return 0
