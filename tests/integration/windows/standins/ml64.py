"""ml64, ml and armasm64: assembles what the preprocessor made of libffi's assembly."""

from pathlib import Path

from common import expect


def main(arguments: list, machine: object) -> int:
    if machine.platform == "ARM64":
        expect(arguments[:2] == ["-nologo", "-o"] and len(arguments) == 4, f"unexpected {arguments}")
        output, source = Path(arguments[2]), arguments[3]
    else:
        *flags, named, source = arguments
        expect(flags in (["-nologo", "-c"], ["-nologo", "-c", "-safeseh"]), f"unexpected {arguments}")
        expect(named.startswith("-Fo"), f"unexpected {arguments}")
        output = Path(named[3:])
    text = Path(source).read_text()
    expect("#include" not in text and "ffi_c" in text, f"{source} was not preprocessed")
    machine.compile({output.stem: "int ffi_call_assembled;\n"}, output.parent)
    return 0
