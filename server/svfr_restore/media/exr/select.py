"""Which part and channels of an EXR file are the picture to restore."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from svfr_restore.errors import FrameHasNoRgb, FrameIsDeep, FrameIsSubsampled
from svfr_restore.media.exr.container import ExrHeader
from svfr_restore.media.exr.header import UINT, PartHeader

OWN_PARTS = ("svfr", "svfr_data")
_BEAUTY_LAYERS = ("rgba", "rgb", "beauty", "combined")


@dataclass(frozen=True)
class RgbChannels:
    """The part that holds the picture, and the names of its red, green, blue and alpha channels."""

    part: int
    red: str
    green: str
    blue: str
    alpha: str | None

    @property
    def rgb(self) -> tuple[str, str, str]:
        """The three colour channels in order."""
        return self.red, self.green, self.blue


def find_rgb(header: ExrHeader) -> RgbChannels:
    """Return the picture of a file: plain R, G, B of the first part that has them, else a beauty layer.

    A beauty layer is one whose last name is rgba, rgb, beauty or Combined (Blender's multilayer files).
    Raises FrameIsDeep when only deep parts hold such channels, FrameIsSubsampled when one of the part's
    channels is stored at a lower resolution, FrameHasNoRgb (naming the channels there are) otherwise.
    """
    found = [choice for number, part in enumerate(header.parts) for choice in _choices(number, part)]
    found.sort(key=lambda choice: (header.parts[choice.part].is_deep, choice.red != "R"))
    if not found:
        names = sorted({c.name for part in header.parts for c in part.channels})
        some = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
        raise FrameHasNoRgb(
            f"The file has no R, G and B channels; it has {some or 'none at all'}.",
            path=header.path,
            remedy="Write the picture to channels named R, G and B.",
        )
    part = header.parts[found[0].part]
    if part.is_deep:
        raise FrameIsDeep(
            "The picture is deep data.", path=header.path, remedy="Flatten it (DeepToImage) before restoring."
        )
    low = [c.name for c in part.channels if c.is_subsampled]
    if low:
        raise FrameIsSubsampled(
            f"The picture's part holds subsampled channels ({', '.join(low)}).",
            path=header.path,
            remedy="Write the picture with all channels at full resolution.",
        )
    return found[0]


def _choices(number: int, part: PartHeader) -> Iterator[RgbChannels]:
    if part.text("name") in OWN_PARTS:
        return
    colours = {c.name for c in part.channels if c.pixel_type != UINT}
    for red in sorted(name for name in colours if name == "R" or name.endswith(".R")):
        layer = red[:-1]
        beauty = layer == "" or layer[:-1].rsplit(".", 1)[-1].lower() in _BEAUTY_LAYERS
        if beauty and {layer + "G", layer + "B"} <= colours:
            alpha = layer + "A" if layer + "A" in colours else None
            yield RgbChannels(number, red, layer + "G", layer + "B", alpha)
