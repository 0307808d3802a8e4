"""Draw ``docs/blender-panel.svg``: the tab in the sequencer, as the extension's own code draws it.

    python docs/draw_blender.py

The extension is built and installed into the real Blender without a window (the module ``bpy``, fetched on
first use); there its panel draws onto a layout that takes down what it is given. It is a drawing and says so.
A test draws it again in every Blender that is supported and compares.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

DOCS = Path(__file__).resolve().parent
BESIDE = DOCS.parent / "tests" / "svfr_blender"
PICTURE = DOCS / "blender-panel.svg"
CAPTION = "Drawn from what the extension's panel draws in Blender; not a screenshot."
WIDTH, PANEL, ROW, TOP = 700, 372, 25, 52
LEFT = WIDTH - PANEL
SHADES = {
    "page": "#303030",
    "panel": "#3d3d3d",
    "box": "#353535",
    "field": "#545454",
    "text": "#e5e5e5",
    "dim": "#999999",
    "press": "#656565",
    "accent": "#4772b3",
    "source": "#5e5a8a",
    "result": "#3c6e8c",
}
ICONS = {"CHECKMARK": "\u2713", "PLAY": "\u25b6", "X": "\u00d7", "FILE_REFRESH": "\u21bb", "IMPORT": "\u2913"}


def recorded(version: str = "5.0.1") -> dict[str, Any]:
    """Return what the panel draws in that Blender."""
    sys.path.insert(0, str(BESIDE))
    from blender_host import Blender, blender_python, panel_case

    from svfr_installer.blender_extension import build_extension

    with tempfile.TemporaryDirectory(prefix="svfr-panel-") as name:
        folder = Path(name)
        nobody = {"SVFR_HOME": str(folder / "home"), "SVFR_SERVER": str(folder / "none")}
        blender = Blender(version, blender_python(version), build_extension(folder / "zip"), nobody)
        found: dict[str, Any] = blender.run("records_panel", folder, panel_case(folder))
        return found


def draw(panel: dict[str, Any]) -> str:
    """Return the picture as SVG text."""
    parts: list[str] = []
    end = _part(panel, parts, LEFT + 12, TOP, PANEL - 40, split=False)
    height = end + 44
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
            f'<rect width="{WIDTH}" height="{height}" fill="{SHADES["page"]}"/>',
            *_strips(),
            f'<rect x="{LEFT}" y="16" width="{PANEL - 16}" height="{height - 52}" rx="4" '
            f'fill="{SHADES["panel"]}"/>',
            _text(LEFT + 12, 38, "SVFR", "text", "bold"),
            *parts,
            _text(16, height - 12, CAPTION, "dim"),
            "</svg>",
            "",
        ]
    )


def _strips() -> list[str]:
    lines = [_text(16, 38, "Sequencer", "dim")]
    for name, y, shade, opacity in (
        ("sh010 SVFR", 60, "result", 1),
        ("sh010 (muted)", 96, "source", 0.5),
        ("sh020", 160, "source", 1),
    ):
        x = 150 if name == "sh020" else 16
        lines.append(
            f'<rect x="{x}" y="{y}" width="130" height="30" rx="3" fill="{SHADES[shade]}" '
            f'opacity="{opacity}"/>'
        )
        lines.append(_text(x + 8, y + 19, name, "text"))
    return lines


def _part(part: dict[str, Any], parts: list[str], x: int, y: int, width: int, split: bool) -> int:
    """Draw a part at a place and return where the next one goes; ``split``: labels stand left of fields."""
    split = part.get("use_property_split", split)
    shade = "text" if part.get("enabled", True) else "dim"
    if part["kind"] == "row":
        return _row(part["items"], parts, x, y, width, shade)
    if part["kind"] == "box":
        inner: list[str] = []
        end = _part({**part, "kind": "column"}, inner, x + 8, y + 6, width - 16, split)
        parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{end - y + 2}" rx="3" fill="{SHADES["box"]}"/>'
        )
        parts += inner
        return end + 8
    for item in part["items"]:
        if "items" in item:
            y = _part(item if shade == "text" else {**item, "enabled": False}, parts, x, y, width, split)
        else:
            _item(item, parts, (x, y, width), shade, split)
            y += ROW
    return y


def _row(items: list[dict[str, Any]], parts: list[str], x: int, y: int, width: int, shade: str) -> int:
    """Draw items side by side; a choice of several is as many buttons, what has no text is narrow."""
    flat: list[dict[str, Any]] = []
    for item in items:
        chosen = item.get("value", ())
        flat += [
            {"kind": "press", "text": text, "is_on": text in chosen} for text in item.get("choices", ())
        ] or [item]
    narrow = sum(1 for item in flat if not item["text"])
    each = (width - 26 * narrow) // max(1, len(flat) - narrow)
    for item in flat:
        wide = each if item["text"] else 24
        _item(item, parts, (x, y, wide - 2), shade, split=False)
        x += wide + (0 if item["text"] else 2)
    return y + ROW


def _item(
    item: dict[str, Any], parts: list[str], place: tuple[int, int, int], shade: str, split: bool
) -> None:
    x, y, width = place
    sign = ICONS.get(item.get("icon", ""), "")
    text = f"{sign} {item['text']}".strip()
    if item["kind"] == "label":
        parts.append(_text(x, y + 15, text, shade))
    elif item["kind"] in ("operator", "press", "menu"):
        fill = SHADES["accent" if item.get("is_on") else "press"]
        parts.append(f'<rect x="{x}" y="{y}" width="{width}" height="20" rx="3" fill="{fill}"/>')
        parts.append(_text(x + width // 2, y + 14, text, shade, anchor="middle"))
    elif item["kind"] == "progress":
        parts.append(f'<rect x="{x}" y="{y}" width="{width}" height="20" rx="3" fill="{SHADES["field"]}"/>')
        done = round(width * item["factor"])
        parts.append(f'<rect x="{x}" y="{y}" width="{done}" height="20" rx="3" fill="{SHADES["accent"]}"/>')
        parts.append(_text(x + 8, y + 14, text, shade))
    elif item["field"] == "boolean":
        fill = SHADES["accent" if item["value"] else "field"]
        at = x + round(0.4 * width) if split else x
        parts.append(f'<rect x="{at}" y="{y + 3}" width="14" height="14" rx="2" fill="{fill}"/>')
        parts += [_text(at + 2, y + 14, "\u2713", shade)] if item["value"] else []
        parts.append(_text(at + 20, y + 14, text, shade))
    else:
        at = x + round(0.4 * width) if split else x
        parts.append(_text(at - 8, y + 14, text, shade, anchor="end"))
        parts.append(
            f'<rect x="{at}" y="{y}" width="{x + width - at}" height="20" rx="3" fill="{SHADES["field"]}"/>'
        )
        parts.append(_text(at + 8, y + 14, str(item["value"]), shade))


def _text(x: int, y: int, text: str, shade: str, weight: str = "normal", anchor: str = "start") -> str:
    return (
        f'<text x="{x}" y="{y}" fill="{SHADES[shade]}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


if __name__ == "__main__":
    PICTURE.write_text(draw(recorded()), encoding="utf-8")
