"""Draw ``docs/nuke.svg``: the node in its graph and its panel, from the plugin's own list of knobs.

    python docs/draw_nuke.py

It is a drawing and says so. A test fails when the plugin's knobs and the drawing no longer agree.
"""

import sys
import types
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

DOCS = Path(__file__).resolve().parent
CAPTION = "Drawn from the plugin's list of knobs; not a screenshot of Nuke."
ROW, LEFT, WIDTH, TOP = 24, 300, 640, 66
SHADES = {"panel": "#393939", "field": "#2b2b2b", "text": "#d0d0d0", "dim": "#8f8f8f", "press": "#545454"}


def knob_table() -> tuple[Any, ...]:
    """Return the plugin's table of knobs; an empty module stands for ``nuke``, which the table never asks."""
    sys.path.insert(0, str(DOCS.parent / "plugin"))
    there = sys.modules.get("nuke")
    sys.modules["nuke"] = types.ModuleType("nuke")
    try:
        from svfr_nuke.knobs import TABLE
    finally:
        sys.path.pop(0)
        for name in [name for name in sys.modules if name.split(".")[0] == "svfr_nuke"]:
            del sys.modules[name]
        del sys.modules["nuke"]
        if there is not None:
            sys.modules["nuke"] = there
    return tuple(TABLE)


def draw() -> str:
    """Return the picture as SVG text."""
    rows: list[list[Any]] = []
    for spec in knob_table():
        if spec.hidden or spec.kind == "Tab_Knob":
            if spec.name == "svfr_server":
                break
            continue
        if spec.same_line and rows:
            rows[-1].append(spec)
        else:
            rows.append([spec])
    height = TOP + ROW * len(rows) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="#323232"/>',
        *_graph(),
        f'<rect x="{LEFT - 130}" y="16" width="{WIDTH - LEFT + 114}" height="{height - 52}" rx="4" '
        f'fill="{SHADES["panel"]}"/>',
        _text(LEFT - 116, 38, "SVFR1", "text", "bold"),
        _text(LEFT - 60, 38, "SVFR | Server", "dim"),
    ]
    for index, row in enumerate(rows):
        parts += _row(row, TOP + ROW * index)
    parts.append(_text(16, height - 12, CAPTION, "dim"))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _graph() -> list[str]:
    nodes = (("Read1", 40, "#6b6b6b"), ("Roto1", 130, "#4a7a4a"), ("SVFR1", 240, "#8a6d3b"))
    lines = ['<path d="M60 70 L60 250 M84 142 L84 150 L72 240" stroke="#bbb" fill="none"/>']
    for name, y, colour in nodes:
        x = 84 if name == "Roto1" else 24
        lines.append(f'<rect x="{x - 4}" y="{y}" width="76" height="26" rx="3" fill="{colour}"/>')
        lines.append(_text(x + 10, y + 17, name, "text"))
    lines += [_text(20, 225, "plate", "dim"), _text(84, 225, "mask", "dim")]
    return lines


def _row(row: list[Any], y: int) -> list[str]:
    first = row[0]
    if first.kind == "Text_Knob":
        line = f'<path d="M{LEFT - 120} {y + 18} H{WIDTH - 26}" stroke="#555"/>'
        return [line, _text(LEFT - 116, y + 13, first.label, "dim")]
    parts: list[str] = []
    x = LEFT
    for spec in row:
        if spec.kind == "PyScript_Knob":
            parts.append(f'<rect x="{x}" y="{y}" width="74" height="19" rx="3" fill="{SHADES["press"]}"/>')
            parts.append(_text(x + 8, y + 14, spec.label, "text"))
            x += 80
        elif spec.kind == "Boolean_Knob":
            parts.append(f'<rect x="{x}" y="{y + 2}" width="13" height="13" fill="{SHADES["field"]}"/>')
            parts += [_text(x + 2, y + 13, "x", "text")] if spec.default else []
            parts.append(_text(x + 20, y + 13, spec.label, "text"))
            x += 34 + 7 * len(spec.label)
        else:
            at = x if spec is first else x + 60
            label_end = at - 8
            parts.append(_text(label_end, y + 13, spec.label, "text", anchor="end"))
            width = 110 if spec.kind in ("Enumeration_Knob", "Int_Knob", "Double_Knob") else 300
            parts.append(f'<rect x="{at}" y="{y}" width="{width}" height="19" fill="{SHADES["field"]}"/>')
            shown = "" if spec.default is None else str(spec.default)
            parts.append(_text(at + 6, y + 13, shown, "dim"))
            x = at + width + 10
    return parts


def _text(x: int, y: int, text: str, shade: str, weight: str = "normal", anchor: str = "start") -> str:
    return (
        f'<text x="{x}" y="{y}" fill="{SHADES[shade]}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


if __name__ == "__main__":
    (DOCS / "nuke.svg").write_text(draw(), encoding="utf-8")
