"""Which part and channels of an EXR file are the picture to restore."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from svfr_restore.errors import FrameHasNoRgb, FrameIsDeep, FrameIsSubsampled, PictureNotChosen
from svfr_restore.media.exr.container import ExrHeader
from svfr_restore.media.exr.header import UINT, PartHeader
from svfr_restore.media.plate_base import ANY_PICTURE, PictureChoice

OWN_PARTS = ("svfr", "svfr_data")
GREY_AS_RGB_PART = "svfr_rgb"  # beside a plate of one channel, which stays
_BEAUTY_LAYERS = ("rgba", "rgb", "beauty", "combined")
_MOST_NAMED = 12


@dataclass(frozen=True, kw_only=True)
class RgbChannels:
    """The part that holds the picture, and the names of its red, green, blue and alpha channels.

    A black-and-white picture has its one channel for all three colours. ``layer`` is the name before the
    channels, ``view`` the eye of a stereo file, both "" for the plain picture.
    """

    part: int
    red: str
    green: str
    blue: str
    alpha: str | None
    layer: str = ""
    view: str = ""

    @property
    def rgb(self) -> tuple[str, str, str]:
        """The three colour channels in order."""
        return self.red, self.green, self.blue

    @property
    def is_grey(self) -> bool:
        """Whether the picture is one channel of luminance."""
        return self.red == self.green

    def label(self, header: ExrHeader) -> str:
        """Return the options that choose this picture."""
        name = header.parts[self.part].text("name")
        words = [f"--part {name or self.part}"] if len(header.parts) > 1 else []
        words += [f"--layer {self.layer}"] if self.layer else []
        words += [f"--view {self.view}"] if self.view else []
        return " ".join(words) or "the plain R, G, B"


def find_rgb(header: ExrHeader, choice: PictureChoice = ANY_PICTURE) -> RgbChannels:
    """Return the picture of a file that ``choice`` names.

    Without a choice that is plain R, G, B of the first part that has them, else a beauty layer (rgba, rgb,
    beauty or Combined, as in Blender's multilayer files), else the only picture there is, else plain Y.
    Raises PictureNotChosen when several are left or none fits the choice, FrameIsDeep when only deep parts
    hold such channels, FrameIsSubsampled when one of the part's channels is stored at a lower resolution,
    FrameHasNoRgb (naming the channels there are) otherwise.
    """
    pictures = list(all_pictures(header))
    found = _chosen(header, pictures, choice)
    part = header.parts[found.part]
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
    return found


def other_views(header: ExrHeader, chosen: RgbChannels) -> tuple[str, ...]:
    """Return the views of a stereo file that are not restored when ``chosen`` is."""
    views = {picture.view for picture in all_pictures(header) if picture.layer == chosen.layer}
    return tuple(sorted(view for view in views - {chosen.view} if view))


def all_pictures(header: ExrHeader) -> Iterator[RgbChannels]:
    """Yield every set of R, G and B in the file, and every plain Y without them."""
    for number, part in enumerate(header.parts):
        if part.text("name") in OWN_PARTS:
            continue
        colours = {c.name for c in part.channels if c.pixel_type != UINT}
        for red in sorted(name for name in colours if name == "R" or name.endswith(".R")):
            prefix = red[:-1]
            if {prefix + "G", prefix + "B"} <= colours:
                alpha = prefix + "A" if prefix + "A" in colours else None
                layer, view = _layer_and_view(part, prefix.rstrip("."))
                yield RgbChannels(
                    part=number,
                    red=red,
                    green=prefix + "G",
                    blue=prefix + "B",
                    alpha=alpha,
                    layer=layer,
                    view=view,
                )
        if "Y" in colours and "R" not in colours and not {"RY", "BY"} & colours:
            yield RgbChannels(
                part=number, red="Y", green="Y", blue="Y", alpha="A" if "A" in colours else None
            )


def _layer_and_view(part: PartHeader, prefix: str) -> tuple[str, str]:
    """Part a channel's prefix into layer and view: ``diffuse.right``, with the default view left out."""
    stated = part.text("view")
    views = _views(part)
    parts = prefix.split(".") if prefix else []
    named = next((name for name in reversed(parts) if name in views or name in ("left", "right")), None)
    if named is not None and not stated:
        return ".".join(name for name in parts if name != named), named
    return prefix, stated or (views[0] if views else "")


def _views(part: PartHeader) -> tuple[str, ...]:
    """Return the names of multiView, a vector of strings; the first is the default."""
    data, at, names = part.get("multiView") or b"", 0, []
    while at + 4 <= len(data):
        (length,) = struct.unpack_from("<i", data, at)
        if not 0 <= length <= len(data) - at - 4:
            break
        names.append(data[at + 4 : at + 4 + length].decode("utf-8", "replace"))
        at += 4 + length
    return tuple(names)


def _chosen(header: ExrHeader, pictures: list[RgbChannels], choice: PictureChoice) -> RgbChannels:
    if not pictures:
        names = sorted({c.name for part in header.parts for c in part.channels})
        if set("RGB") <= set(names):
            raise FrameHasNoRgb(
                "The file's R, G and B are whole numbers (UINT), which are ids and no colours.",
                path=header.path,
                remedy="Write the picture as half or float.",
            )
        some = ", ".join(names[:_MOST_NAMED]) + (", ..." if len(names) > _MOST_NAMED else "")
        raise FrameHasNoRgb(
            f"The file has no R, G and B channels; it has {some or 'none at all'}.",
            path=header.path,
            remedy="Write the picture to channels named R, G and B.",
        )
    fitting = [picture for picture in pictures if _fits(header, picture, choice)]
    if not fitting:
        raise PictureNotChosen(
            "The file has no picture of that part, layer or view.",
            path=header.path,
            remedy=f"It has: {_listed(header, pictures)}.",
        )
    fitting.sort(key=lambda p: (header.parts[p.part].is_deep, _rank(p), p.part))
    first = fitting[0]
    if _rank(first) < _UNNAMED or len(fitting) == 1:
        return first
    raise PictureNotChosen(
        f"The file holds {len(fitting)} pictures, and none of them is the plain one.",
        path=header.path,
        remedy=f"Choose one: {_listed(header, fitting)}.",
    )


_PLAIN, _BEAUTY, _UNNAMED = 0, 1, 2


def _rank(picture: RgbChannels) -> int:
    if picture.red == "R":
        return _PLAIN
    if not picture.is_grey and picture.layer.rsplit(".", 1)[-1].lower() in _BEAUTY_LAYERS:
        return _BEAUTY
    return _UNNAMED


def _fits(header: ExrHeader, picture: RgbChannels, choice: PictureChoice) -> bool:
    part = header.parts[picture.part]
    is_part = choice.part in (None, part.text("name"), str(picture.part))
    is_layer = choice.layer is None or choice.layer.strip(".") in (
        picture.layer,
        picture.red.rpartition(".")[0],
    )
    return is_part and is_layer and choice.view in (None, picture.view)


def _listed(header: ExrHeader, pictures: list[RgbChannels]) -> str:
    labels = list(dict.fromkeys(picture.label(header) for picture in pictures))
    return "; ".join(labels[:_MOST_NAMED]) + ("; ..." if len(labels) > _MOST_NAMED else "")
