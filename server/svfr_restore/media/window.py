"""Integer rectangles in EXR pixel space: x to the right, y down, pixel (i, j) covers [i, i+1) x [j, j+1)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """``width`` x ``height`` pixels whose top left pixel is (x, y). Zero width or height means empty."""

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 0 or self.height < 0:
            raise ValueError(f"a window cannot be {self.width} x {self.height} pixels")

    @classmethod
    def from_corners(cls, left: int, top: int, right: int, bottom: int) -> Window:
        """Return the window over [left, right) x [top, bottom); empty where the corners cross."""
        return cls(left, top, max(0, right - left), max(0, bottom - top))

    @property
    def right(self) -> int:
        """The first column past the window."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The first row past the window."""
        return self.y + self.height

    @property
    def is_empty(self) -> bool:
        """Whether no pixel lies inside."""
        return self.width == 0 or self.height == 0

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width), as numpy counts."""
        return self.height, self.width

    def intersect(self, other: Window) -> Window:
        """Return the pixels that both windows cover; empty when there are none."""
        left, top = max(self.x, other.x), max(self.y, other.y)
        return Window.from_corners(left, top, min(self.right, other.right), min(self.bottom, other.bottom))

    def union(self, other: Window) -> Window:
        """Return the smallest window that holds both; an empty window adds nothing."""
        if self.is_empty or other.is_empty:
            return other if self.is_empty else self
        left, top = min(self.x, other.x), min(self.y, other.y)
        return Window.from_corners(left, top, max(self.right, other.right), max(self.bottom, other.bottom))

    def contains(self, other: Window) -> bool:
        """Return whether every pixel of ``other`` lies in this window."""
        return other.is_empty or self.intersect(other) == other

    def expand(self, px: int) -> Window:
        """Return the window grown by ``px`` pixels on every side; a negative number shrinks it."""
        return Window.from_corners(self.x - px, self.y - px, self.right + px, self.bottom + px)

    def slices_in(self, other: Window) -> tuple[slice, slice]:
        """Return (rows, columns) that pick this window out of an array laid over ``other``.

        Raises ValueError when this window reaches outside ``other``: numpy would silently wrap or cut.
        """
        if not other.contains(self):
            raise ValueError(f"{self} does not lie inside {other}")
        top, left = self.y - other.y, self.x - other.x
        return slice(top, top + self.height), slice(left, left + self.width)
