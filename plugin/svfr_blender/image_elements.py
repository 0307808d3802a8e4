# SPDX-License-Identifier: GPL-3.0-or-later
"""Files added to an image strip, each with the size of the first.

Blender leaves the size of an added element unset: it is whatever the memory held (seen in 4.2 to 5.0). Its
compositing reads that size to tell whether a picture above covers the strip, and a negative one hides the
strip under any opaque picture, however small. Python cannot set the size, so it is written where Blender
keeps it, and only where both numbers that are there agree with what Blender itself reports of the element.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from typing import Any

_NAME_BYTES = 256  # StripElem: char filename[256]; int orig_width, orig_height; ...


def append_elements(strip: Any, names: Iterable[str]) -> None:
    """Add files by name to an image strip whose first file was read."""
    for name in names:
        strip.elements.append(name)
    _give_size_of_first(strip)


def _give_size_of_first(strip: Any) -> None:
    width, height = strip.elements[0].orig_width, strip.elements[0].orig_height
    if width <= 0 or height <= 0 or not all(_is_understood(element) for element in strip.elements):
        return
    for element in strip.elements:
        size = _size_in_memory(element)
        size[0], size[1] = width, height


def _is_understood(element: Any) -> bool:
    return tuple(_size_in_memory(element)) == (element.orig_width, element.orig_height)


def _size_in_memory(element: Any) -> Any:
    return (ctypes.c_int * 2).from_address(element.as_pointer() + _NAME_BYTES)
