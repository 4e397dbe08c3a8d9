"""Text and the formats that data comes in: JSON, CSV, XML, HTML, pickles, templates, regular expressions."""

from __future__ import annotations

import ast
import base64
import configparser
import csv
import datetime
import decimal
import difflib
import html.parser
import io
import json
import pickle
import random
import re
import string
import struct
import textwrap
import tokenize
import tomllib
import urllib.parse
import xml.etree.ElementTree as ET

_RANDOM = random.Random(2026)
_WORDS = ["".join(_RANDOM.choices("abcdefghijklmnoprstuvw", k=_RANDOM.randrange(2, 11))) for _ in range(900)]
_WIDE = [word + "äößéñ日本語"[index % 9 :][:2] for index, word in enumerate(_WORDS[:300])]
_TEXT = "\n".join(" ".join(_WORDS[start : start + 9]).capitalize() + "." for start in range(0, 900, 9))
_RECORDS = [
    {"id": index, "name": word, "tags": [word[:2], word[1:]], "score": index / 7, "active": index % 2 == 0,
     "none": None, "nested": {"text": f'"{word}"\n', "values": [index, -index, 1 << 40]}}
    for index, word in enumerate(_WORDS[:120])
]  # fmt: skip
_JSON = json.dumps(_RECORDS)
_LOG = "\n".join(
    f"10.0.{index % 256}.7 - - [{index % 28 + 1:02}/Oct/2026:10:{index % 60:02}:01 +0000]"
    f' "GET /{word}?q={index} HTTP/1.1" 200 {index * 37}'
    for index, word in enumerate(_WORDS[:250])
)
_SOURCE = '''
class Account(Base):
    """A docstring."""
    rate: float = 0.5

    def pay(self, amount, *, when=None, **more):
        if amount <= 0 or not isinstance(amount, (int, float)):
            raise ValueError(f"amount: {amount!r:>10}")
        for index, item in enumerate(sorted(self.items, key=lambda item: item.date)):
            with self.lock, open(item) as stream:
                self.total += [x ** 2 for x in stream if x][index % 3:]
        try:
            return {name: value for name, value in more.items()}
        except (KeyError, OSError) as error:
            del self.cache[amount]
        while True:
            amount -= 1 if when else 2
            if not amount:
                break
        return None
'''


def json_texts() -> int:
    data = json.loads(_JSON)
    return len(json.dumps(data)) + len(json.dumps(data, indent=2, sort_keys=True)) + len(json.dumps(_WIDE))


def pickles() -> int:
    points = [
        (datetime.date(2026, 1 + index % 12, 1), decimal.Decimal(index), word)
        for index, word in enumerate(_WORDS[:150])
    ]
    size = 0
    for protocol in (2, 5):
        for value in (_RECORDS, points, _WORDS):
            text = pickle.dumps(value, protocol)
            size += len(pickle.loads(text)) + len(text)
    plain = io.BytesIO()
    pickle._Pickler(plain, 4).dump(_RECORDS[:15])  # type: ignore[attr-defined]
    return size + len(plain.getvalue())


def expressions() -> int:
    found = 0
    line = re.compile(
        r'(?P<host>[\d.]+) - - \[(?P<when>[^\]]+)\] "(?P<verb>GET|POST) (?P<path>\S+) [^"]*" (\d{3}) (\d+)'
    )
    for match in line.finditer(_LOG):
        found += int(match["path"] != "/") + int(match.group(6))
    found += len(re.findall(r"\b[aeiou]\w{3,}\b", _TEXT)) + len(re.split(r"[\s.]+", _TEXT))
    found += len(re.sub(r"(\w)(\w+)", lambda match: match[2] + match[1], _TEXT))
    found += len(re.sub(r"[aeiou]+", "", _TEXT, flags=re.IGNORECASE))
    found += sum(1 for word in _WORDS if re.fullmatch(r"(?:a|b|c)+.*?(d|e){1,3}[f-z]*", word))
    found += sum(1 for word in _WORDS if re.match(r"(\w)\w*\1$", word)) + len(re.findall("(?i)the|and|of", _TEXT))
    re.purge()
    return found + len(re.compile(r"(?x) ^(?:(\w+)@(\w+)\.(com|org)|[^@]+)(?<!x)(?=y|$)").findall(_TEXT))


def strings() -> int:
    total = 0
    for word, wide in zip(_WORDS, _WIDE * 3, strict=True):
        text = f"{word:>12}|{len(word):05d}|{3.14159 * len(word):.3f}|{word!r}|{wide}"
        total += len(text.upper().replace("|", ", ").split(", ")) + text.count("a") + text.find(word) + hash(text)
        total += word.startswith(("a", "b")) + word.isalpha() + len(word.encode()) + len(wide.encode().decode())
        total += len("%s=%d; %-8s %x" % (word, len(word), wide, total & 0xFFFF)) + len("{} {:>5}".format(word, "x"))
        total += len(word.strip("ab").title().center(20).join(["x", "y", wide])) + (word < wide) + len(word + wide)
        total += ord(wide[-1]) + len(word[::-1]) + len(word[1:-1]) + (word[0] in "aeiou")
    lines = _TEXT.splitlines()
    total += (
        len("".join(sorted(set(_TEXT)))) + len(" ".join(lines).partition("ab")[2]) + len(_TEXT.translate({97: "A"}))
    )
    return total + sum(len(line.casefold().rsplit(" ", 2)) for line in lines)


def counting() -> int:
    counts: dict[str, int] = {}
    groups: dict[int, list[str]] = {}
    for word in _WORDS * 4:
        counts[word] = counts.get(word, 0) + 1
        groups.setdefault(len(word), []).append(word)
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    both = set(_WORDS[:500]) & set(_WORDS[300:]) | {word.upper() for word in _WORDS}
    merged = {**counts, **dict.fromkeys(both, 0)}
    return (
        len(ranked)
        + len(both)
        + len(merged)
        + len([word for words in groups.values() for word in words if len(word) > 4])
    )


def tables() -> int:
    out = io.StringIO()
    writer = csv.DictWriter(out, ["id", "name", "score"], extrasaction="ignore")
    writer.writeheader()
    writer.writerows(_RECORDS)
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    return sum(int(row["id"]) for row in rows) + sum(float(row["score"]) for row in rows)


def documents() -> int:
    root = ET.Element("catalogue")
    for record in _RECORDS:
        item = ET.SubElement(root, "item", id=str(record["id"]))
        ET.SubElement(item, "name").text = str(record["name"])
        for tag in record["tags"]:
            ET.SubElement(item, "tag", kind="t").text = tag
    text = ET.tostring(root, encoding="unicode")
    again = ET.fromstring(text)
    seen = [item.get("id") for item in again.iter("item") if item.find("name") is not None]
    for _, element in ET.iterparse(io.BytesIO(text.encode()), events=("start", "end")):
        seen.append(element.tag)
    return len(seen) + len(again.findall("./item/tag[@kind='t']"))


class _Collect(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[object] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.seen.append(data.strip())


def pages() -> int:
    parts = [f'<li class="x{index}"><a href="/{word}?a=1&amp;b={index}">{html.escape(word)} &lt;</a></li>'
             for index, word in enumerate(_WORDS[:120])]  # fmt: skip
    collect = _Collect()
    collect.feed("<ul>" + "\n".join(parts) + "</ul>")
    return len(collect.seen)


def templates() -> int:
    """A small template language, compiled to a function: what web frameworks do all day."""
    template = "<tr>{{ name }}<td>{{ id }}</td>{{ score }}</tr>\n"
    pieces = re.split(r"{{ (\w+) }}", template)
    code = ["def render(rows):", "    out = []", "    for row in rows:"]
    for index, piece in enumerate(pieces):
        code.append(f"        out.append(str(row[{piece!r}]))" if index % 2 else f"        out.append({piece!r})")
    code.append("    return ''.join(out)")
    names: dict[str, object] = {}
    exec(compile("\n".join(code), "<template>", "exec"), names)
    render = names["render"]
    assert callable(render)
    filled = string.Template("$name is $score").substitute(_RECORDS[0])
    return sum(len(render(_RECORDS)) for _ in range(15)) + len(filled)


def sources() -> int:
    tree = ast.parse(_SOURCE * 4)
    names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    code = compile(_SOURCE * 4, "<training>", "exec")
    tokens = list(tokenize.generate_tokens(io.StringIO(_SOURCE).readline))
    return len(names) + len(code.co_code) + len(tokens) + len(ast.unparse(tree))


def settings() -> int:
    toml = "\n".join(
        f'[table{index}]\nname = "{word}"\nvalues = [1, 2.5, true]\n' for index, word in enumerate(_WORDS[:25])
    )
    config = configparser.ConfigParser()
    config.read_string(
        "\n".join(f"[s{index}]\nkey = {word}\nother = %(key)s" for index, word in enumerate(_WORDS[:25]))
    )
    return len(tomllib.loads(toml)) + sum(len(config[section]["other"]) for section in config.sections())


def dates() -> int:
    total = 0
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    for index in range(250):
        when = start + datetime.timedelta(hours=index * 7)
        text = when.isoformat()
        total += (datetime.datetime.fromisoformat(text) - start).days + len(when.strftime("%Y-%m-%d %H:%M"))
        if index % 10 == 0:
            total += datetime.datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").day
    return total


def money() -> decimal.Decimal:
    total = decimal.Decimal(0)
    with decimal.localcontext(prec=40):
        for index in range(1, 900):
            price = decimal.Decimal(index * 37) / decimal.Decimal(100)
            total += (price * decimal.Decimal("1.19")).quantize(decimal.Decimal("0.01"))
        return total + decimal.Decimal(2).sqrt() + total.ln()


def bytes_and_addresses() -> int:
    packed = b"".join(struct.pack("<IhdB4s", index, -index, index / 3, index % 256, b"abcd") for index in range(400))
    total = sum(item[0] for item in struct.iter_unpack("<IhdB4s", packed))
    text = base64.b64encode(packed)
    view = memoryview(base64.b64decode(text))
    total += len(view[::2]) + len(packed.hex()) + len(bytearray(packed).replace(b"ab", b"x")) + packed.count(b"c")
    for word in _WORDS[:150]:
        url = urllib.parse.urlsplit(f"https://user@{word}.example:8080/a/{word}?q={word}&r=1#top")
        total += len(urllib.parse.parse_qs(url.query)) + len(urllib.parse.quote(word + " ä")) + (url.port or 0)
        total += len(urllib.parse.urljoin(url.geturl(), "../b"))
    return total


def prose() -> int:
    lines = _TEXT.splitlines()
    other = [line.replace("a", "o") if index % 4 == 0 else line for index, line in enumerate(lines)]
    changes = list(difflib.unified_diff(lines[:50], other[:50]))
    return len(changes) + len(textwrap.wrap(_TEXT[:1800], 60)) + len(difflib.get_close_matches("abcde", _WORDS[:200]))


WORKLOADS = (json_texts, pickles, expressions, strings, counting, tables, documents, pages, templates, sources,
             settings, dates, money, bytes_and_addresses, prose)  # fmt: skip
