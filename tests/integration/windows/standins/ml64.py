"""ml64, and ml: assembles what the preprocessor made of libffi's assembly."""

from pathlib import Path

from common import expect


def main(arguments: list, machine: object) -> int:
    *flags, output, source = arguments
    expect(flags in (["-nologo", "-c"], ["-nologo", "-c", "-safeseh"]), f"unexpected {arguments}")
    expect(output.startswith("-Fo"), f"unexpected {arguments}")
    text = Path(source).read_text()
    expect("#include" not in text and "ffi_c" in text, f"{source} was not preprocessed")
    machine.compile({Path(output[3:]).stem: "int ffi_call_assembled;\n"}, Path(output[3:]).parent)
    return 0
