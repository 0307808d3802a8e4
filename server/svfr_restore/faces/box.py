"""The rectangle of one face on one frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

from svfr_restore.media.window import Window

# Two boxes are one face when this part of the smaller one lies in the larger one.
SAME_FACE = 0.5


@dataclass(frozen=True)
class FaceBox:
    """A face's rectangle in EXR pixels of the plate, with the detector's score (about 0 is doubtful).

    What scores less than 0 is no find: it only carries on a track in whose way it lies.
    """

    x: float
    y: float
    width: float
    height: float
    score: float = 1.0

    @property
    def centre_x(self) -> float:
        """The column of the middle."""
        return self.x + self.width / 2

    @property
    def centre_y(self) -> float:
        """The row of the middle."""
        return self.y + self.height / 2

    @property
    def area(self) -> float:
        """The area in plate pixels."""
        return self.width * self.height

    @classmethod
    def of_window(cls, window: Window) -> FaceBox:
        """Return a window as a box that is certain."""
        return cls(float(window.x), float(window.y), float(window.width), float(window.height))

    def with_score(self, score: float) -> FaceBox:
        """Return the same rectangle with another score."""
        return replace(self, score=score)

    def overlap(self, other: FaceBox) -> float:
        """Return intersection over union, 0..1."""
        across = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        down = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        if across <= 0 or down <= 0:
            return 0.0
        return across * down / (self.area + other.area - across * down)

    def is_same_face(self, other: FaceBox) -> bool:
        """Return whether so much of the smaller box lies in the larger one that both are one face's."""
        across = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        down = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        return across > 0 and down > 0 and across * down >= SAME_FACE * min(self.area, other.area)

    def towards(self, other: FaceBox, part: float) -> FaceBox:
        """Return the box ``part`` (0..1) of the way to another one, with the lower score of both."""
        near = 1.0 - part
        return FaceBox(
            x=near * self.x + part * other.x,
            y=near * self.y + part * other.y,
            width=near * self.width + part * other.width,
            height=near * self.height + part * other.height,
            score=min(self.score, other.score),
        )
