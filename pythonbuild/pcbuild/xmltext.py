"""XML files edited where they stand: what no edit names keeps its bytes.

CPython's project files have a byte order mark, CRLF line ends, comments, and attributes in an order of their own. A
tree that is parsed and written again loses some of it, and a reader of the difference finds every line changed. So the
parser (expat) only tells where each element begins and ends; edits replace bytes at these places, and the result is
parsed again: an edit that breaks a file cannot leave this module.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape

from pythonbuild.errors import PcbuildError

_ATTRIBUTE = re.compile(rb"""\s+([\w:.-]+)\s*=\s*("[^"]*"|'[^']*')""")
_BLANK = b" \t"


@dataclass(frozen=True)
class Element:
    """One element and its place, in bytes from the file's beginning.

    ``start`` is its ``<``, ``inner`` follows its start tag, ``close`` is its end tag (``inner`` if it has none) and
    ``end`` follows it. ``text`` is what stands directly inside; ``line`` counts from 1.
    """

    name: str
    attributes: Mapping[str, str]
    text: str
    children: tuple[Element, ...]
    start: int
    inner: int
    close: int
    end: int
    line: int

    def __str__(self) -> str:
        """Return the start tag as people look for it in the file."""
        return "<" + " ".join([self.name, *(f'{key}="{value}"' for key, value in self.attributes.items())]) + ">"

    def get(self, attribute: str) -> str:
        """Return an attribute's value, "" if it has none."""
        return self.attributes.get(attribute, "")

    def walk(self) -> Iterator[Element]:
        """Iterate over this element and all below it, in the file's order."""
        yield self
        for child in self.children:
            yield from child.walk()

    def find(self, path: str) -> list[Element]:
        """Return the elements below this one that a path such as ``ItemGroup/ClCompile`` leads to; ``*`` is any."""
        name, _, rest = path.partition("/")
        found = [child for child in self.children if name in (child.name, "*")]
        return [element for child in found for element in child.find(rest)] if rest else found


#: Bytes from ``start`` to ``end`` become ``text`` (with line ends as ``\n``; the file's own are put in).
Edit = tuple[int, int, str]


@dataclass(frozen=True)
class Document:
    """A well-formed XML file: its name below the source tree (for messages), its bytes, and its root element."""

    name: str
    data: bytes
    root: Element

    @property
    def newline(self) -> str:
        return "\r\n" if b"\r\n" in self.data else "\n"

    def fail(self, element: Element | str, what: str, *, found: object = None, expected: object = None,
             advice: str = "") -> PcbuildError:  # fmt: skip
        """Return (not raise) the error that names this file and an element of it, or one that it should have."""
        place = f"{self.name}:{element.line}" if isinstance(element, Element) else self.name
        return PcbuildError(f"{place}: {element}: {what}", found=found, expected=expected, advice=advice)

    def one(self, path: str, **attributes: str) -> Element:
        """Return the one element below the root at a path, with these attributes; raises PcbuildError."""
        found = [
            element
            for element in self.root.find(path)
            if all(element.get(name) == value for name, value in attributes.items())
        ]
        if len(found) != 1:
            wanted = "".join(f' {name}="{value}"' for name, value in attributes.items())
            raise self.fail(f"<{path}{wanted}>", "the transformation does not fit", found=f"{len(found)} of it",
                            expected="exactly one")  # fmt: skip
        return found[0]

    def edited(self, edits: Iterable[Edit]) -> Document:
        """Return the file with these edits, which must not overlap; raises PcbuildError if it breaks by them."""
        data, rest = [], 0
        for start, end, text in sorted(edits):
            assert start >= rest, "edits overlap"
            data += [self.data[rest:start], text.replace("\n", self.newline).encode("utf-8")]
            rest = end
        return parse(self.name, b"".join([*data, self.data[rest:]]))

    def indent(self, element: Element) -> str:
        """Return the blanks before an element on its line."""
        begin = self.data.rfind(b"\n", 0, element.start) + 1
        before = self.data[begin : element.start]
        return before[: len(before) - len(before.lstrip(_BLANK))].decode("utf-8")

    def removal(self, element: Element) -> Edit:
        """Return the edit that takes an element out, with its lines if nothing else stands on them."""
        start, end = element.start, element.end
        begin = self.data.rfind(b"\n", 0, start) + 1
        stop = self.data.find(b"\n", end)
        stop = len(self.data) if stop < 0 else stop + 1
        if not self.data[begin:start].strip(_BLANK) and not self.data[end:stop].strip():
            return (begin, stop, "")
        return (start, end, "")

    def replacement(self, element: Element, lines: Sequence[str]) -> Edit:
        """Return the edit that puts lines, as deep as it stands, in an element's place."""
        return (element.start, element.end, f"\n{self.indent(element)}".join(lines))

    def text_edit(self, element: Element, text: str) -> Edit:
        """Return the edit that gives an element another text."""
        assert element.inner <= element.close < element.end, "an element without an end tag has no text"
        return (element.inner, element.close, escape(text))

    def attribute_edit(self, element: Element, name: str, value: str) -> Edit:
        """Return the edit that gives an attribute, which the element has, another value."""
        for match in _ATTRIBUTE.finditer(self.data, element.start, element.inner):
            if match[1].decode("utf-8") == name:
                return (match.start(2), match.end(2), '"' + escape(value, {'"': "&quot;"}) + '"')
        raise self.fail(element, f"has no attribute {name}")

    def insertion_after(self, element: Element, lines: Sequence[str]) -> Edit:
        """Return the edit that puts lines after an element, as deep as it stands."""
        indent = self.indent(element)
        return (element.end, element.end, "".join(f"\n{indent}{line}" for line in lines))

    def insertion_before(self, element: Element, lines: Sequence[str]) -> Edit:
        """Return the edit that puts lines before an element, as deep as it stands."""
        indent = self.indent(element)
        return (element.start, element.start, "".join(f"{line}\n{indent}" for line in lines))


@dataclass
class _Open:
    """An element whose end tag is still to come."""

    name: str
    attributes: Mapping[str, str]
    start: int
    inner: int
    line: int
    text: list[str] = field(default_factory=list)
    children: list[Element] = field(default_factory=list)


class _Builder:
    """Makes elements from expat's events."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self.begin
        self.parser.EndElementHandler = self.finish
        self.parser.CharacterDataHandler = self.text
        self.open: list[_Open] = []
        self.root: Element | None = None

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        start = self.parser.CurrentByteIndex
        assert self.data[start : start + 1] == b"<"
        inner = start + 1 + len(name.encode("utf-8"))
        while match := _ATTRIBUTE.match(self.data, inner):
            inner = match.end()
        inner = self.data.index(b">", inner) + 1
        self.open.append(_Open(name, attributes, start, inner, self.parser.CurrentLineNumber))

    def text(self, data: str) -> None:
        if self.open:
            self.open[-1].text.append(data)

    def finish(self, _name: str) -> None:
        opened = self.open.pop()
        empty = self.data[opened.inner - 2 : opened.inner] == b"/>"
        close = opened.inner if empty else self.parser.CurrentByteIndex
        end = opened.inner if empty else self.data.index(b">", close) + 1
        element = Element(opened.name, opened.attributes, "".join(opened.text), tuple(opened.children), opened.start,
                          opened.inner, close, end, opened.line)  # fmt: skip
        if self.open:
            self.open[-1].children.append(element)
        else:
            self.root = element


def parse(name: str, data: bytes) -> Document:
    """Parse a file; raises PcbuildError naming file and line if it is not well-formed."""
    builder = _Builder(data)
    try:
        builder.parser.Parse(data, True)
    except expat.ExpatError as error:
        raise PcbuildError(f"{name}:{error.lineno}: is not well-formed XML",
                           found=expat.ErrorString(error.code)) from error  # fmt: skip
    assert builder.root is not None
    return Document(name, data, builder.root)


def tag(name: str, attributes: Mapping[str, str] | None = None, *, empty: bool = False) -> str:
    """Return a start tag, or the whole of an element that has nothing inside."""
    quoted = (f' {key}="{escape(value, {chr(34): "&quot;"})}"' for key, value in (attributes or {}).items() if value)
    return f"<{name}{''.join(quoted)}{' />' if empty else '>'}"


def leaf(name: str, text: str, attributes: Mapping[str, str] | None = None) -> str:
    """Return an element that holds nothing but text."""
    return f"{tag(name, attributes)}{escape(text)}</{name}>"
