"""The text, the JSON and the plot of a run whose figures are known."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from benchmarks.machine import Machine, processor_model, this_machine
from benchmarks.peers import unique_names
from benchmarks.plot import as_svg
from benchmarks.report import Interpreter, Run, as_json, as_text, duration

MACHINE = Machine("A & B <Xeon>", 2, 24, "Linux 6.1", 0.25, "2026-11-22 15:20 UTC")
RUN = Run(
    title="pyperformance subset",
    machine=MACHINE,
    command="benchmarks/interpreter.py debian:trixie ours",
    seconds=61.4,
    interpreters=(Interpreter("debian:trixie", "3.13.5", "GCC 14.2.0", "glibc 2.41"),
                  Interpreter("ours", "3.13.5", "Clang 22", "glibc 2.41"),
                  Interpreter("slow", "3.13.5", "Clang 22", "glibc 2.41")),
    rounds=2,
    times={"json": [[0.2, 0.2], [0.1, 0.1], [0.4, 0.4]], "re": [[0.2, 0.2], [0.2, 0.2], [0.4, 0.4]]},
    left_out={"dask": "ours: found No module named 'dask'"},
)  # fmt: skip
NS = "{http://www.w3.org/2000/svg}"


def test_the_text_says_under_what_conditions_and_how_fast() -> None:
    text = as_text(RUN)
    assert "A & B <Xeon>, 2 cores, 24 GiB, Linux 6.1, load 0.2 at the start, 2026-11-22 15:20 UTC" in text
    assert "command   benchmarks/interpreter.py debian:trixie ours\n" in text
    assert "left out  dask: ours: found No module named 'dask'" in text
    ours, slow = text.split("ours: times as fast as debian:trixie")[1].split("slow: times as fast as debian:trixie")
    assert re.search(r"^  json +2\.000 \(2\.000–2\.000\) +base +200\.00 ms$", ours, re.MULTILINE)
    assert re.search(r"^  geometric mean +1\.414 .* 2 figures$", ours, re.MULTILINE)
    assert re.search(r"^  geometric mean +0\.500 ", slow, re.MULTILINE)


def test_the_json_holds_every_time_and_every_figure() -> None:
    document = json.loads(json.dumps(as_json(RUN)))
    assert document["machine"]["kernel"] == "Linux 6.1"
    group = document["groups"][""]
    assert group["seconds"]["json"] == [[0.2, 0.2], [0.1, 0.1], [0.4, 0.4]]
    assert group["speeds"][0]["geometric_mean"]["value"] == pytest.approx(2**0.5)
    assert group["speeds"][1]["benchmarks"]["re"] == {"value": 0.5, "low": 0.5, "high": 0.5}
    assert [row["interpreter"] for row in group["speeds"]] == ["ours", "slow"]


def test_groups_have_a_mean_of_their_own() -> None:
    run = replace(RUN, times={"wall: -c pass": RUN.times["json"], "CPU: -c pass": RUN.times["re"]})
    assert list(run.groups()) == ["CPU", "wall"]
    assert run.comparisons("wall")[0].mean.value == 2
    assert run.comparisons("CPU")[0].mean.value == 1
    assert "ours: times as fast as debian:trixie (wall)" in as_text(run)


def bars(svg: ET.Element) -> dict[str, list[tuple[float, float]]]:
    """Return where the bars of each row begin and end."""
    found = {}
    for row in svg.iter(f"{NS}g"):
        name = next(row.iter(f"{NS}text")).text or ""
        rects = [(float(rect.attrib["x"]), float(rect.attrib["width"])) for rect in row.iter(f"{NS}rect")]
        found[name] = [(x, x + width) for x, width in rects]
    return found


def test_bars_of_the_plot_go_from_one_to_the_speed() -> None:
    svg = ET.fromstring(as_svg(RUN))
    rows = bars(svg)
    assert list(rows) == ["geometric mean", "json", "re"]
    one = next(float(line.attrib["x1"]) for line in svg.iter(f"{NS}line") if line.attrib["class"] == "one")
    (ours, slow) = rows["json"]
    assert ours[0] == pytest.approx(one, abs=0.2)
    assert slow[1] == pytest.approx(one, abs=0.2)
    # twice and half as fast are equally long
    assert ours[1] - ours[0] == pytest.approx(slow[1] - slow[0], abs=0.2)
    assert rows["re"][0][1] - rows["re"][0][0] == 0
    width = float(svg.attrib["width"])
    assert all(0 < x < width for row in rows.values() for bar in row for x in bar)


def test_the_plot_is_well_formed_whatever_the_names() -> None:
    svg = as_svg(RUN)
    assert "A &amp; B &lt;Xeon&gt;" in svg
    assert "prefers-color-scheme: dark" in svg
    texts = [element.text for element in ET.fromstring(svg).iter(f"{NS}text")]
    assert "1 = debian:trixie: Python 3.13.5, GCC 14.2.0, glibc 2.41" in texts
    assert "1.414" in texts


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.5, "2.50 s"), (0.0321, "32.10 ms"), (2e-6, "2.00 µs"), (4e-8, "40.00 ns")]
)
def test_times_have_a_unit_with_digits(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_names_of_archives_are_short_and_different() -> None:
    names = unique_names(["cpython-3.13.5-x86_64-unknown-linux-gnu-noopt-1a", "p", "p"])
    assert list(names.values()) == ["cpython-3.13.5-noopt-1a", "p (2)", "p (3)"]


def test_a_processor_without_a_name_is_its_architecture() -> None:
    assert processor_model("processor\t: 0\nmodel name\t: Intel: X\n") == "Intel: X"
    assert processor_model("processor\t: 0\n") in {"x86_64", "aarch64", "ppc64le", "riscv64", "s390x"}
    assert this_machine().cores > 0
