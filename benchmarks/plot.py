"""A plot of speeds as SVG, written by hand: a bar for each figure, from 1 to its speed, with its interval.

The axis is logarithmic: twice and half as fast are equally long. Colours serve a light and a dark background; the text
follows what the reader's browser prefers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from benchmarks.figures import Speed
from benchmarks.report import Run

_LEFT, _PLOT, _RIGHT = 230, 520, 70  # names, bars, numbers
_BAR, _GAP, _MEAN = 9, 8, "geometric mean"
_COLOURS = ("#4c8dd6", "#d98032", "#4fa573", "#b065b8", "#8d8d3d")
_STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #333 }
  .small { font-size: 11px } .mean { font-weight: bold } .grid { stroke: #888; stroke-opacity: .35 }
  .one { stroke: #888; stroke-width: 1.5 } .interval { stroke: #555; stroke-width: 1.2 }
  @media (prefers-color-scheme: dark) { text { fill: #ddd } .interval { stroke: #ccc } }
"""


def as_svg(run: Run, group: str = "") -> str:
    """Return the plot of a run's group."""
    comparisons = run.comparisons(group)
    names = sorted(comparisons[0].benchmarks, key=lambda name: -comparisons[0].benchmarks[name].value)
    rows = [(_MEAN, [comparison.mean for comparison in comparisons])]
    rows += [(name, [comparison.benchmarks[name] for comparison in comparisons]) for name in names]
    axis = _Axis([speed for _, speeds in rows for speed in speeds])
    top = 58 + 16 * len(run.interpreters)
    row_height = _BAR * len(comparisons) + _GAP
    bottom = top + row_height * len(rows) + _GAP
    title = f"{run.title}{f' ({group})' if group else ''}: times as fast as {run.interpreters[0].name}"
    body = [_text(10, 22, title, "mean"), _text(10, 40, str(run.machine), "small")]
    body.append(_text(10, 58, f"1 = {run.interpreters[0]}", "small"))
    for place, other in enumerate(run.interpreters[1:]):
        y = 74 + 16 * place
        body.append(f'<rect x="10" y="{y - 9}" width="10" height="10" fill="{_COLOURS[place % len(_COLOURS)]}"/>')
        body.append(_text(26, y, str(other), "small"))
    body += [_tick(axis.x(tick), top, bottom, f"{tick:g}", one=tick == 1) for tick in axis.ticks]
    for number, (name, speeds) in enumerate(rows):
        body += _row(axis, top + _GAP + number * row_height, name, speeds)
    width, height = _LEFT + _PLOT + _RIGHT, bottom + 24
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        *body,
        "</svg>\n",
    ])  # fmt: skip


class _Axis:
    """Where a speed lies: all intervals, 1, and what rounds them off."""

    def __init__(self, speeds: Sequence[Speed]) -> None:
        low = min(0.95, *(speed.low for speed in speeds)) if speeds else 0.95
        high = max(1.05, *(speed.high for speed in speeds)) if speeds else 1.05
        self._low, self._high = math.log(low / 1.02), math.log(high * 1.02)
        span = self._high - self._low
        step = next((step for step in (0.05, 0.1, 0.2, 0.5, 1) if span / step < 12), 2)
        count = int(math.exp(self._high) / step) + 1
        self.ticks = [round(step * i, 2) for i in range(1, count + 1) if low / 1.02 <= step * i <= high * 1.02]

    def x(self, value: float) -> float:
        return _LEFT + _PLOT * (math.log(value) - self._low) / (self._high - self._low)


def _row(axis: _Axis, y: float, name: str, speeds: Sequence[Speed]) -> list[str]:
    kind = "mean" if name == _MEAN else ""
    middle = y + _BAR * len(speeds) / 2
    parts = [f'<g><text x="{_LEFT - 8}" y="{middle + 4:.1f}" text-anchor="end" class="{kind}">{escape(name)}</text>']
    for place, speed in enumerate(speeds):
        bar = y + _BAR * place
        one, end = axis.x(1), axis.x(speed.value)
        parts.append(f'<rect x="{min(one, end):.1f}" y="{bar:.1f}" width="{abs(end - one):.1f}" height="{_BAR - 1}" '
                     f'fill="{_COLOURS[place % len(_COLOURS)]}"/>')  # fmt: skip
        low, high, centre = axis.x(speed.low), axis.x(speed.high), bar + (_BAR - 1) / 2
        parts.append(f'<path class="interval" d="M{low:.1f} {centre:.1f}H{high:.1f}M{low:.1f} {centre - 3:.1f}v6'
                     f'M{high:.1f} {centre - 3:.1f}v6"/>')  # fmt: skip
        if len(speeds) == 1 or name == _MEAN:
            parts.append(_text(_LEFT + _PLOT + 8, bar + _BAR, f"{speed.value:.3f}", f"small {kind}".strip()))
    return [*parts, "</g>"]


def _tick(x: float, top: float, bottom: float, label: str, *, one: bool) -> str:
    line = f'<line class="{"one" if one else "grid"}" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>'
    return line + f'<text class="small" x="{x:.1f}" y="{bottom + 15}" text-anchor="middle">{label}</text>'


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text x="{x}" y="{y:.1f}" class="{kind}">{escape(text)}</text>'
