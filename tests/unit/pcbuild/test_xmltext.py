from __future__ import annotations

import pytest

from pythonbuild.errors import PcbuildError
from pythonbuild.pcbuild.xmltext import parse, tag

TEXT = (
    '\ufeff<?xml version="1.0"?>\r\n<Project\tx=\'1\'\r\n         y="a > b">\r\n  <!-- <A/> -->\r\n'
    '  <A  Include="1" />\r\n  <B>t\u00e9xt &amp; <![CDATA[<A/>]]></B><C/>\r\n'
    '  <A Include="2">\r\n    <D/>\r\n  </A>\r\n</Project>\r\n'
).encode()


def test_every_element_is_found_where_it_stands() -> None:
    root = parse("x.xml", TEXT).root
    assert [element.name for element in root.walk()] == ["Project", "A", "B", "C", "A", "D"]
    assert root.attributes == {"x": "1", "y": "a > b"}
    first, text, _, second = root.children
    assert TEXT[first.start : first.end] == b'<A  Include="1" />'
    assert text.text == "t\u00e9xt & <A/>"
    assert TEXT[text.inner : text.close] == "t\u00e9xt &amp; <![CDATA[<A/>]]>".encode()
    assert TEXT[second.start : second.end] == b'<A Include="2">\r\n    <D/>\r\n  </A>'
    assert (first.line, second.line) == (5, 7)
    assert str(second) == '<A Include="2">'


def test_nothing_but_the_named_place_changes() -> None:
    document = parse("x.xml", TEXT)
    first, text, _, second = document.root.children
    assert document.edited([]).data == TEXT
    edited = document.edited([
        document.text_edit(text, "a < b"),
        document.attribute_edit(first, "Include", '"&"'),
        document.insertion_after(first, ["<E>", "</E>"]),
        document.insertion_before(second, [tag("F", {"G": "h"}, empty=True)]),
    ])  # fmt: skip
    assert edited.data == (
        TEXT.replace("t\u00e9xt &amp; <![CDATA[<A/>]]>".encode(), b"a &lt; b")
        .replace(b'Include="1" />', b'Include="&quot;&amp;&quot;" />\r\n  <E>\r\n  </E>')
        .replace(b'<A Include="2">', b'<F G="h" />\r\n  <A Include="2">')
    )


def test_an_element_goes_with_its_lines_or_alone() -> None:
    document = parse("x.xml", TEXT)
    first, _, third, second = document.root.children
    assert document.edited([document.removal(first)]).data == TEXT.replace(b'  <A  Include="1" />\r\n', b"")
    assert document.edited([document.removal(third)]).data == TEXT.replace(b"<C/>", b"")
    without = document.edited([document.removal(second)]).data
    assert without == TEXT.replace(b'  <A Include="2">\r\n    <D/>\r\n  </A>\r\n', b"")


def test_line_ends_are_the_files_own() -> None:
    document = parse("x.xml", b"<P>\n <A/>\n</P>")
    edit = document.insertion_after(document.root.children[0], ["<B/>"])
    assert document.edited([edit]).data == b"<P>\n <A/>\n <B/>\n</P>"


def test_an_edit_that_breaks_the_file_is_refused() -> None:
    document = parse("x.xml", TEXT)
    with pytest.raises(PcbuildError, match=r"x\.xml:\d+: is not well-formed XML: found mismatched tag"):
        document.edited([document.insertion_after(document.root.children[0], ["<open>"])])


@pytest.mark.parametrize("data", [b"", b"<a>", b"no XML", TEXT.replace(b"</A>", b"</B>")])
def test_what_is_no_xml_is_one_line(data: bytes) -> None:
    with pytest.raises(PcbuildError, match=r"^x\.xml:\d+: is not well-formed XML: found [\w ()]+$") as caught:
        parse("x.xml", data)
    assert caught.value.reason == "pcbuild"


def test_exactly_one_element_is_wanted() -> None:
    document = parse("x.xml", TEXT)
    assert document.one("A", Include="2") is document.root.children[3]
    assert document.one("A/D").name == "D"
    for path, attributes, found in (("A", {}, 2), ("A", {"Include": "3"}, 0), ("X/Y", {}, 0)):
        with pytest.raises(PcbuildError, match=f"the transformation does not fit: found {found} of it"):
            document.one(path, **attributes)


def test_errors_name_line_and_element() -> None:
    document = parse("x.xml", TEXT)
    with pytest.raises(PcbuildError, match=r'^x\.xml:7: <A Include="2">: has no attribute Condition$'):
        document.attribute_edit(document.root.children[3], "Condition", "x")
