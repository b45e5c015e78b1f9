"""Print docs/page.svg: what becomes of an answer of the API, as `python scripts/page_picture.py > docs/page.svg`.

The tap reads two job notes from the simulator. The picture has the answer and every line that the tap writes; only the
time of reading is always the same.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from terminal_svg import CHARACTER_WIDTH, LINE_HEIGHT, MARGIN

from tap_servicetitan.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAM, PATH = "job_notes", "/jpm/v2/tenant/1001/export/job-notes"
TITLE = "A page of two job notes, and the SCHEMA, RECORD and STATE lines that the tap writes for it"
COLUMNS = 100
"""Characters of a line, at most, unless a single value is longer."""

STYLE = (
    "svg{--b:#f6f8fa;--l:#d0d7de;--t:#1f2328;--h:#57606a;--k:#8250df;--a:#0550ae}"
    "@media(prefers-color-scheme:dark){svg{--b:#161b22;--l:#30363d;--t:#d7dce4;--h:#9da7b3;--k:#d2a8ff;--a:#79c0ff}}"
    "rect{fill:var(--b);stroke:var(--l)}"
    "text{font:13.4px ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:var(--t);white-space:pre}"
    ".h{fill:var(--h);font-weight:600}.k{fill:var(--k);font-weight:600}.a{fill:var(--a);font-weight:600}"
)


def main() -> None:
    """Print it."""
    with Simulator(records=2) as simulator:
        written = tap_output(simulator)
        answer = api_answer(simulator)
    token = json.loads(answer)["continueFrom"]
    panels = [
        (f"ServiceTitan answers GET {PATH}", re.split(r"(?<=\[)(?={)|(?<=},)\s*(?={)", answer)),
        ("The tap writes to the target", written.splitlines()),
    ]
    print(draw(panels, accents=[token]), end="")


def tap_output(simulator: Simulator) -> str:
    """Return what a run writes to stdout."""
    tap = [sys.executable, "-m", "tap_servicetitan", "--config", "config.json"]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(simulator.config))
        catalog = _run([*tap, "--discover", "--select", STREAM], folder)
        (Path(folder) / "catalog.json").write_text(catalog)
        written = _run([*tap, "--catalog", "catalog.json"], folder)
    return re.sub(r'(?<="time_extracted":")[^"]+', "2026-01-05T08:00:00.000000Z", written)


def _run(command: list[str], folder: str) -> str:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout  # noqa: S603 -- the tap


def api_answer(simulator: Simulator) -> str:
    """Return the body of the page, as any client gets it."""
    config = simulator.config
    form = {"grant_type": "client_credentials", **{name: config[name] for name in ("client_id", "client_secret")}}
    token = requests.post(config["auth_url"], data=form, timeout=10).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}", "ST-App-Key": config["st_app_key"]}
    return requests.get(config["api_url"] + PATH, headers=headers, timeout=10).text


def wrapped(line: str) -> Iterator[str]:
    """Yield a line of JSON in parts, which end behind a comma; a space follows each comma and colon of the JSON."""
    spaced = re.sub(r'("(?:[^"\\]|\\.)*")|([,:])\s*', lambda found: found[1] or f"{found[2]} ", line)
    part = ""
    for piece in re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^",])+(?:, )?', spaced):
        if part and len(part) + len(piece.rstrip()) > COLUMNS:
            yield part.rstrip()
            part = "  "
        part += piece
    yield part


def draw(panels: list[tuple[str, list[str]]], accents: list[str]) -> str:
    """Return an SVG of headings, each above a box with lines of JSON."""
    width = round(COLUMNS * CHARACTER_WIDTH + 2 * MARGIN)
    y, shapes = 0, []
    for heading, lines in panels:
        rows = [row for line in lines for row in wrapped(line)]
        y += LINE_HEIGHT
        shapes.append(_text(heading, y, ' class="h"', []))
        height = len(rows) * LINE_HEIGHT + MARGIN
        shapes.append(f'<rect x=".5" y="{y + 10.5}" width="{width - 1}" height="{height}" rx="8"/>\n')
        y += MARGIN
        for row in rows:
            y += LINE_HEIGHT
            shapes.append(_text(row, y, "", accents))
        y += 2 * MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y - MARGIN}" width="{width}" role="img" '
        f'aria-label="{escape(TITLE)}"><title>{escape(TITLE)}</title><style>{STYLE}</style>\n{"".join(shapes)}</svg>\n'
    )


def _text(line: str, y: int, attributes: str, accents: list[str]) -> str:
    stripped = line.lstrip()
    x = MARGIN + (len(line) - len(stripped)) * CHARACTER_WIDTH
    shown = re.sub(
        r"(?:SCHEMA|RECORD|STATE)(?=&quot;)", lambda found: f'<tspan class="k">{found[0]}</tspan>', escape(stripped)
    )
    for accent in accents:
        shown = shown.replace(escape(accent), f'<tspan class="a">{escape(accent)}</tspan>')
    length = len(stripped) * CHARACTER_WIDTH
    return f'<text x="{x:.1f}" y="{y}" textLength="{length:.1f}" lengthAdjust="spacingAndGlyphs"{attributes}>{shown}</text>\n'


if __name__ == "__main__":
    main()
