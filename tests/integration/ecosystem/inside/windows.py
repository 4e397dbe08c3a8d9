"""Opens a window and looks at what is on the screen: run as ``windows.py`` with an X server's programs on the PATH.

Xvfb keeps its screen in a file in the format of xwd, which is read here pixel by pixel: what Tk says of itself would be
no proof of what people see.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import tkinter as tk
from collections.abc import Iterator
from tkinter import font, ttk

_WIDTH, _HEIGHT = 640, 200


@contextlib.contextmanager
def x_server() -> Iterator[pathlib.Path]:
    """Start a server, set DISPLAY, yield the file of its screen."""
    directory = pathlib.Path(tempfile.mkdtemp())
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{_WIDTH}x{_HEIGHT}x24", "-fbdir", str(directory),
         "-nolisten", "tcp", "-noreset", "-dpi", "96"],
        pass_fds=(writing,), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=(directory / "log").open("w"),
    )  # fmt: skip
    os.close(writing)
    try:
        with os.fdopen(reading) as stream:
            number = stream.readline().strip()
        assert number, (directory / "log").read_text()
        os.environ["DISPLAY"] = f":{number}"
        yield directory / "Xvfb_screen0"
    finally:
        server.terminate()
        server.wait()


def screen_pixels(path: pathlib.Path, box: tuple[int, int, int, int]) -> list[tuple[int, int, int]]:
    """Return the colours in a rectangle (x, y, width, height) of an xwd file."""
    data = path.read_bytes()
    header = struct.unpack(">25I", data[:100])
    size, depth, little_endian, bits, stride, colours = (header[index] for index in (0, 3, 7, 11, 12, 19))
    assert (depth, bits) == (24, 32)
    start = size + 12 * colours
    order = "<I" if little_endian == 0 else ">I"
    pixels = []
    x, y, width, height = box
    for row in range(y, y + height):
        line = data[start + row * stride : start + (row + 1) * stride]
        for column in range(x, x + width):
            (value,) = struct.unpack_from(order, line, 4 * column)
            pixels.append((value >> 16 & 255, value >> 8 & 255, value & 255))
    return pixels


def settle(window: tk.Tk) -> None:
    """Let everything be drawn, and be answered by the server."""
    window.update()
    window.winfo_pointerxy()
    window.update()


def main() -> None:
    """Print what was found as JSON."""
    assert not {"TCL_LIBRARY", "TK_LIBRARY"} & set(os.environ)
    with x_server() as screen:
        window = tk.Tk()
        window.geometry(f"{_WIDTH}x{_HEIGHT}+0+0")
        window.configure(background="white")
        text = tk.Label(window, text="Sphinx äöü €", foreground="black", background="white", borderwidth=0,
                             font=("DejaVu Sans", 24))  # fmt: skip
        text.place(x=20, y=20)
        entry = ttk.Entry(window)
        entry.place(x=20, y=120)
        pressed: list[str] = []
        button = ttk.Button(window, text="Press", command=lambda: pressed.append("pressed"))
        button.place(x=300, y=120)
        settle(window)
        entry.focus_force()
        settle(window)
        for key in ("a", "B", "at"):
            entry.event_generate(f"<Key-{key}>")
        button.event_generate("<Enter>")
        button.event_generate("<Button-1>", x=5, y=5)
        button.event_generate("<ButtonRelease-1>", x=5, y=5)
        settle(window)
        box = (text.winfo_rootx(), text.winfo_rooty(), text.winfo_width(), text.winfo_height())
        pixels = screen_pixels(screen, box)
        found = {
            "prefix": sys.prefix,
            "tcl_library": window.tk.eval("info library"),
            "tk_library": window.tk.eval("set tk_library"),
            "patch_level": window.tk.eval("info patchlevel"),
            "families": sorted(set(font.families())),
            "default": font.nametofont("TkDefaultFont").actual("family"),
            "drawn_with": font.Font(font=text["font"]).actual("family"),
            "levels": len({sum(pixel) // 3 for pixel in pixels}),
            "ink": sum(sum(pixel) < 384 for pixel in pixels) / len(pixels),
            "typed": entry.get(),
            "pressed": pressed,
        }
        window.destroy()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
