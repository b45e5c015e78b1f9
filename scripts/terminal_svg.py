"""Draw the output of a command as an SVG that looks like a terminal."""

from __future__ import annotations

import re
import unicodedata
from html import escape

LINE_HEIGHT, CHARACTER_WIDTH, MARGIN, BAR = 19, 8.05, 18, 34
"""Pixels; a character of 13.4 px is 8.05 px wide in the fonts below, and `textLength` makes it so in others."""

STYLE = (
    "text{font:13.4px ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#d7dce4;white-space:pre}"
    ".c{fill:#8fd18f;font-weight:600}.t{fill:#ffffff;font-weight:600}"
)


def columns(text: str) -> int:
    """Return the width of a text in characters of a terminal, where Chinese ones, for example, take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def draw(text: str, title: str) -> str:
    """Return the SVG of an output; commands, which begin with ``$``, stand out."""
    lines = text.rstrip().split("\n")
    width = round(max(map(columns, lines)) * CHARACTER_WIDTH + 2 * MARGIN)
    height = len(lines) * LINE_HEIGHT + BAR + MARGIN
    dots = "".join(
        f'<circle cx="{20 + 18 * n}" cy="17" r="5.5" fill="{fill}"/>'
        for n, fill in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    rows = "".join(_row(line, BAR + 14 + number * LINE_HEIGHT) for number, line in enumerate(lines) if line.strip())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img" aria-label="{escape(title)}">'
        f'<title>{escape(title)}</title><style>{STYLE}</style><rect width="{width}" height="{height}" rx="10" fill="#1b1f27"/>{dots}{rows}</svg>\n'
    )


def _row(line: str, y: int) -> str:
    kind = ' class="c"' if line.startswith("$") else ' class="t"' if re.match(r"\w.*[.:]$", line) else ""
    stripped = line.lstrip()
    x = MARGIN + (len(line) - len(stripped)) * CHARACTER_WIDTH
    length = columns(stripped) * CHARACTER_WIDTH
    return f'<text x="{x:.1f}" y="{y}" textLength="{length:.1f}" lengthAdjust="spacingAndGlyphs"{kind}>{escape(stripped)}</text>\n'
