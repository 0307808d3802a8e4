"""Draw ``docs/openfx.svg``: the effect's controls, as the built plugin describes them to a host.

    python ofx_bridge/build.py build/ofx --tools build/ofx/tools
    python docs/draw_openfx.py build/ofx

The test host of this project loads the bundle and answers what the plugin defined: labels, choices, defaults
and hints, in their order. It is a drawing and says so: every host has a look of its own. A test fails when
the plugin and the drawing no longer agree.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

DOCS = Path(__file__).resolve().parent
PROFILE = DOCS.parent / "ofx_bridge" / "testhost" / "profiles" / "colour-1.5.json"
CAPTION = (
    "Drawn from what the plugin describes to a host; not a screenshot. Every host has a look of its own."
)
ROW, TOP, WIDTH, LABEL_END, FIELD, HINT = 25, 62, 900, 168, 180, 396
FIELD_WIDTH, BUTTON_WIDTH, MOST_HINT = 200, 118, 80
SHADES = {
    "page": "#2a2a2a",
    "panel": "#383838",
    "field": "#262626",
    "text": "#dcdcdc",
    "dim": "#9a9a9a",
    "press": "#565656",
    "accent": "#d08c3c",
}
# A rule above each of these: what is restored, how, colour and server, which frames, what is shown.
BEGINS_A_GROUP = ("faces", "preset", "colourspace", "range", "restoreRange", "whenNotReady")


def described(build: Path) -> dict[str, dict[str, Any]]:
    """Return the parameters that the bundle in a build folder defines, in their order."""
    (library,) = (build / "SVFR.ofx.bundle" / "Contents").glob("*/SVFR.ofx")
    commands = [{"cmd": "load"}, {"cmd": "describe", "context": "OfxImageEffectContextGeneral"}]
    done = subprocess.run(
        [str(build / "tools" / "svfr_testhost"), str(library), str(PROFILE)],
        input="".join(json.dumps(command) + "\n" for command in commands),
        env={**os.environ, "SVFR_HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[1])
    return dict(answer["params"])


def draw(params: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the picture as SVG text."""
    shown = {name: one for name, one in params.items() if one.get("OfxParamPropSecret") != [1]}
    rows: list[list[tuple[str, Mapping[str, Any]]]] = []
    for name, one in shown.items():
        is_button = one["type"] == "OfxParamTypePushButton"
        if is_button and rows and rows[-1][0][1]["type"] == one["type"]:
            rows[-1].append((name, one))
        else:
            rows.append([(name, one)])
    height = TOP + ROW * len(rows) + 44
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="{SHADES["page"]}"/>',
        f'<rect x="16" y="14" width="{WIDTH - 32}" height="{height - 50}" rx="5" fill="{SHADES["panel"]}"/>',
        f'<rect x="16" y="14" width="5" height="{height - 50}" rx="2" fill="{SHADES["accent"]}"/>',
        _text(36, 38, "SVFR", "text", weight="bold"),
        _text(76, 38, "SVFR Studio > SVFR, on a clip (Source) with a roto (Mask)", "dim"),
    ]
    for index, row in enumerate(rows):
        parts += _row(row, TOP + ROW * index)
    parts.append(_text(16, height - 14, CAPTION, "dim"))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _row(row: list[tuple[str, Mapping[str, Any]]], y: int) -> list[str]:
    name, first = row[0]
    parts: list[str] = []
    if name in BEGINS_A_GROUP:
        parts.append(f'<path d="M32 {y - 4} H{WIDTH - 32}" stroke="#4c4c4c"/>')
    if first["type"] == "OfxParamTypePushButton":
        for number, (_, one) in enumerate(row):
            x = FIELD + number * (BUTTON_WIDTH + 10)
            parts.append(_box(x, y, BUTTON_WIDTH, "press"))
            parts.append(
                _text(x + BUTTON_WIDTH // 2, y + 14, one["OfxPropLabel"][0], "text", anchor="middle")
            )
        return parts
    label, hint = first["OfxPropLabel"][0], first["OfxParamPropHint"][0]
    parts.append(_text(LABEL_END, y + 14, label, "text", anchor="end"))
    parts.append(_text(HINT, y + 14, hint if len(hint) < MOST_HINT else hint.split(". ")[0] + ".", "dim"))
    default = first["OfxParamPropDefault"][0]
    if first["type"] == "OfxParamTypeBoolean":
        parts.append(
            f'<rect x="{FIELD}" y="{y + 3}" width="14" height="14" rx="2" fill="{SHADES["field"]}"/>'
        )
        if default:
            parts.append(
                f'<path d="M{FIELD + 3} {y + 10} l3 4 l5 -8" stroke="{SHADES["accent"]}" fill="none"/>'
            )
        return parts
    parts.append(_box(FIELD, y, FIELD_WIDTH, "field"))
    is_choice = first["type"] == "OfxParamTypeChoice"
    text = first["OfxParamPropChoiceOption"][default] if is_choice else default
    text = f"{text:g}" if isinstance(text, float) else str(text)
    parts.append(_text(FIELD + 7, y + 14, text, "dim" if first.get("OfxParamPropEnabled") == [0] else "text"))
    if is_choice:
        parts.append(f'<path d="M{FIELD + FIELD_WIDTH - 16} {y + 8} l4 5 l4 -5 z" fill="{SHADES["dim"]}"/>')
    return parts


def _box(x: int, y: int, width: int, shade: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="20" rx="3" fill="{SHADES[shade]}"/>'


def _text(x: int, y: int, text: str, shade: str, *, weight: str = "normal", anchor: str = "start") -> str:
    return (
        f'<text x="{x}" y="{y}" fill="{SHADES[shade]}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


if __name__ == "__main__":
    (DOCS / "openfx.svg").write_text(draw(described(Path(sys.argv[1]))), encoding="utf-8")
