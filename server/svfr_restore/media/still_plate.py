"""PNG, JPEG, TIFF and DPX stills as a plate: 8 to 16 bit integers become code values 0..1.

Alpha stays as stored (PNG's is not multiplied in). Float TIFFs keep their values. A grey still is read with
its value in all three channels. A picture that asks to be turned (EXIF orientation) is turned.
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its documentation uses

from svfr_client.errors import SvfrError
from svfr_client.reasons import in_one_line
from svfr_restore.errors import FrameCannotBeRead, FrameHasNoRgb, FrameIsTruncated
from svfr_restore.media.colour_claims import NOTHING, ColourClaimOfFile
from svfr_restore.media.icc_profile import of_profile
from svfr_restore.media.orientation import swaps_sides, upright
from svfr_restore.media.plate_base import FilePlate, FrameShape, PlateFrame, SourceTags
from svfr_restore.media.regular_file import require_size
from svfr_restore.media.still_files import codes_say_nothing, jpeg_is_whole, png_colour, png_is_whole
from svfr_restore.media.tiff_colour import tiff_colour
from svfr_restore.media.timecode import Timecode
from svfr_restore.media.window import Window

STILL_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dpx")
_UNTAGGED = ColourClaimOfFile("srgb_rec709_scene")
# What OpenImageIO calls these formats: a file is what its content is, whatever its name says.
_FORMS = ("png", "jpeg", "tiff", "dpx")
_FLOATS = (oiio.HALF, oiio.FLOAT, oiio.DOUBLE)
_RATES = (Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001), Fraction(48000, 1001))
_PACKED = "smpte:TimeCode"
_AGAIN = "Export or copy the file again."
# What OpenImageIO calls the stored values of TIFF and JPEG files that hold no RGB.
_NO_RGB = frozenset({"CMYK", "YCCK", "color separated", "CIELAB", "ICCLAB", "ITULAB", "LOGLUV"})

# Of an Ultra HDR picture the decoder makes linear light with the primaries of the base picture, and goes on
# saying what the base picture says.
_NOT_SRGB = 65535  # EXIF's ColorSpace "uncalibrated": cameras say so of Adobe RGB
_EXIF_ADOBE_RGB = 2  # no number of the standard, but of many a camera
_GAIN_MAP = "hdrgm:Version"
_WITH_GAIN_MAP = {"srgb_rec709_scene": "lin_rec709_scene", "srgb_p3d65_scene": "lin_p3d65_scene"}


class StillPlate(FilePlate):
    """A numbered sequence of stills, or a single one."""

    kind = "still"

    def __init__(self, pattern: str) -> None:
        super().__init__(pattern)
        spec, form, path = self._spec(self.frames[0])
        self.display = _window(spec)
        self.data_window = self.display
        self.pixel_aspect = _pixel_aspect(spec)
        self.sample_bits = _bits(spec)
        self.fps = _rate(spec)
        self.colour = colour_of(spec, form, path)
        if spec.getattribute(_GAIN_MAP) is not None and spec.format.basetype not in _FLOATS:
            self.notes = ("The picture has a gain map (Ultra HDR) that cannot be read: it is taken without.",)
        if form == "tiff" and _has_pages(path):
            self.notes = (*self.notes, "The file holds several pictures: the first one is restored.")

    def _spec(self, frame: int) -> tuple[oiio.ImageSpec, str, Path]:
        """Return a frame's header, the format that its content has, and its file."""
        path = self._existing(frame)
        source = _open(path, frame)
        spec, form = source.spec(), source.format_name()
        source.close()
        return spec, form, path

    def read(self, frame: int) -> PlateFrame:
        """Return one picture as code values 0..1."""
        path = self._existing(frame)
        source = _open(path, frame)
        try:
            spec = source.spec()
            pixels = source.read_image(0, 0, 0, spec.nchannels, oiio.FLOAT)
            if pixels is None:
                raise _undecodable(source.geterror(), frame, path)
        finally:
            source.close()
        stored = np.asarray(pixels, np.float32).reshape(spec.height, spec.width, spec.nchannels)
        planes = upright(stored, _orientation(spec))
        colour = planes[..., :3] if spec.nchannels >= 3 else np.repeat(planes[..., :1], 3, axis=-1)
        alpha = planes[..., spec.alpha_channel].copy() if spec.alpha_channel >= 0 else None
        window = _window(spec)
        rgb = np.ascontiguousarray(colour)
        return PlateFrame(
            frame=frame,
            path=path,
            kind="still",
            rgb=rgb,
            alpha=alpha,
            data_window=window,
            display_window=window,
            pixel_aspect=_pixel_aspect(spec),
            sample_bits=_bits(spec),
            fps=self.fps,
            tags=_tags(spec),
        )

    def probe(self, frame: int) -> FrameShape:
        """Read the header; look for the end mark of PNG and JPEG, decode the last line of the others."""
        spec, form, path = self._spec(frame)
        _require_complete(path, form, spec, frame)
        window = _window(spec)
        colour = colour_of(spec, form, path)
        return FrameShape(window.width, window.height, _pixel_aspect(spec), colour.interop_id)


def _open(path: Path, frame: int) -> oiio.ImageInput:
    if path.stat().st_size == 0:
        raise FrameIsTruncated("The file is empty (zero bytes).", frame=frame, path=path, remedy=_AGAIN)
    wishes = oiio.ImageSpec()
    wishes.attribute("oiio:UnassociatedAlpha", 1)
    source = oiio.ImageInput.open(str(path), wishes)
    if source is None:
        raise FrameCannotBeRead(
            f"The file cannot be opened as a picture: {in_one_line(oiio.geterror())}.",
            frame=frame,
            path=path,
            remedy=_AGAIN,
        )
    form = source.format_name()
    if form not in _FORMS:
        source.close()
        raise FrameCannotBeRead(
            f"The file is no {path.suffix.lower()[1:].upper()}: by its content it is {form}.",
            frame=frame,
            path=path,
            remedy="Give it the ending of what it is, or export it again.",
        )
    channels = source.spec().nchannels
    require_size(source.spec().width, source.spec().height, channels, path, frame)
    if channels == 2 and source.spec().alpha_channel < 0:
        source.close()
        raise FrameHasNoRgb(
            "The still has two channels, neither grey nor RGB.",
            frame=frame,
            path=path,
            remedy="Save it as RGB.",
        )
    return source


def _has_pages(path: Path) -> bool:
    source = oiio.ImageInput.open(str(path))
    if source is None:
        return False
    try:
        return bool(source.seek_subimage(1, 0)) and not source.spec().getattribute("tiff:subfiletype")
    finally:
        source.close()


def _require_complete(path: Path, form: str, spec: oiio.ImageSpec, frame: int) -> None:
    """Raise FrameIsTruncated for a file that ends early, FrameCannotBeRead for one no decoder here reads."""
    if form == "png":
        whole = png_is_whole(path)
    elif form == "jpeg":
        whole = jpeg_is_whole(path)
    else:
        return _require_decodable(path, spec, frame)
    if not whole:
        raise _truncated(frame, path)


def _require_decodable(path: Path, spec: oiio.ImageSpec, frame: int) -> None:
    """Decode the last line, or the whole picture where lines cannot be had alone (tiles, planes, strips)."""
    source = oiio.ImageInput.open(str(path))
    if source is None:
        raise _undecodable(oiio.geterror(), frame, path)
    try:
        last = spec.y + spec.height - 1
        if not spec.tile_width:
            line = source.read_scanlines(0, 0, last, last + 1, 0, 0, spec.nchannels, oiio.UINT8)
            if line is not None:
                return
        if source.read_image(0, 0, 0, spec.nchannels, oiio.UINT8) is None:
            raise _undecodable(source.geterror(), frame, path)
    finally:
        source.close()


def _truncated(frame: int, path: Path) -> FrameIsTruncated:
    return FrameIsTruncated("The file ends before its last pixel.", frame=frame, path=path, remedy=_AGAIN)


def _undecodable(reason: str, frame: int, path: Path) -> SvfrError:
    """Return what a decoder's complaint means: a codec that is not there, or data that is not there."""
    if re.search(r"compression (scheme|support)|not configured|unsupported|not supported", reason, re.I):
        return FrameCannotBeRead(
            f"The picture's compression cannot be read here ({in_one_line(reason)}).",
            frame=frame,
            path=path,
            remedy="Export the file again with LZW, ZIP or no compression.",
        )
    return _truncated(frame, path)


def colour_of(spec: oiio.ImageSpec, form: str, path: Path) -> ColourClaimOfFile:
    """Return what a still of that format states about its colour; code values that state nothing are sRGB.

    DPX is taken for nothing: its headers seldom say what the scanner or camera did. Values that are stored
    as floats are linear only if the file says so.
    """
    stated = str(spec.getattribute("oiio:ColorSpace") or "")
    profile = _of_profile(spec)
    if spec.format.basetype in _FLOATS and spec.getattribute(_GAIN_MAP) is not None:
        base = profile or _UNTAGGED
        words = f"a gain map over {base.words or 'sRGB'}"
        return ColourClaimOfFile(_WITH_GAIN_MAP.get(base.interop_id or ""), words)
    if spec.format.basetype in _FLOATS:
        return ColourClaimOfFile(stated if stated.startswith("lin_") else None, stated)
    if form == "dpx":
        return NOTHING
    inks = {str(spec.getattribute(f"{kind}:ColorSpace") or "") for kind in ("tiff", "jpeg")} & _NO_RGB
    if inks:  # what came out of the decoder is a plain conversion, without a profile
        return ColourClaimOfFile(None, f"{inks.pop()} values in place of RGB")
    own = png_colour(path) if form == "png" else tiff_colour(path) if form == "tiff" else NOTHING
    codes = spec.getattribute("CICP")
    if profile is not None and (codes is None or codes_say_nothing(codes)):
        return profile
    if own.words:
        return own
    return _of_exif(spec) or _UNTAGGED


def _of_exif(spec: oiio.ImageSpec) -> ColourClaimOfFile | None:
    """Return what EXIF's ColorSpace says beside sRGB; the decoder calls every JPEG sRGB."""
    stated = spec.get_int_attribute("Exif:ColorSpace", 1)
    if stated == _EXIF_ADOBE_RGB:
        return ColourClaimOfFile(None, "Adobe RGB (EXIF)")
    if stated == _NOT_SRGB:
        return ColourClaimOfFile(None, "colours other than sRGB (EXIF), and no profile")
    return None


def _of_profile(spec: oiio.ImageSpec) -> ColourClaimOfFile | None:
    """Return what the embedded ICC profile means; None without one."""
    data = spec.getattribute("ICCProfile")
    if data is None:
        return None
    name = str(spec.getattribute("ICCProfile:profile_description") or "")
    return of_profile(bytes(np.asarray(data, np.uint8)), name)


def _tags(spec: oiio.ImageSpec) -> SourceTags:
    return SourceTags(
        timecode=_timecode(spec),
        reel=str(spec.getattribute("DocumentName") or ""),
        owner=str(spec.getattribute("Copyright") or ""),
        captured=str(spec.getattribute("DateTime") or ""),
    )


def _timecode(spec: oiio.ImageSpec) -> Timecode | None:
    """Return a DPX's time code: its header holds the standard's own bits, pairs where frames are many."""
    code, packed = Timecode.parse(str(spec.getattribute("dpx:TimeCode") or "")), spec.getattribute(_PACKED)
    if code is None or code.bits() is None or not isinstance(packed, tuple):
        return code
    return Timecode.of_bits(int(packed[0]), _rate(spec))


def _rate(spec: oiio.ImageSpec) -> Fraction | None:
    """Return the rate that a DPX states in its film header, else in its television header."""
    for name in ("dpx:FrameRate", "dpx:TemporalFrameRate"):
        stated = float(spec.get_float_attribute(name, 0.0))
        if 0.0 < stated < 1000.0:
            near = min(_RATES, key=lambda rate: abs(rate - stated))
            return near if abs(near - stated) < 2e-3 else Fraction(stated).limit_denominator(1000)
    return None


def _orientation(spec: oiio.ImageSpec) -> int:
    return int(spec.get_int_attribute("Orientation", 1))


def _bits(spec: oiio.ImageSpec) -> int:
    return int(spec.get_int_attribute("oiio:BitsPerSample", 8 * spec.format.size()))


def _window(spec: oiio.ImageSpec) -> Window:
    turned = swaps_sides(_orientation(spec))
    return Window(0, 0, *((spec.height, spec.width) if turned else (spec.width, spec.height)))


def _pixel_aspect(spec: oiio.ImageSpec) -> float:
    stated = float(spec.get_float_attribute("PixelAspectRatio", 1.0))
    stated = stated if stated > 0 else 1.0
    return 1.0 / stated if swaps_sides(_orientation(spec)) else stated
