"""What model.json says of the changes that are too small to count."""

from __future__ import annotations

from dataclasses import dataclass

from svfr.validation import NotNegative, Positive, Strict


@dataclass(frozen=True, kw_only=True)
class Attenuation(Strict):
    """The root mean square of a frame's change, in codes of 255, up to which and from which it counts.

    Up to ``nothing_codes`` the frame stays as it was, from ``whole_codes`` on the change counts whole, and
    between them by a smooth curve, so that a clip at the border does not flicker.
    """

    nothing_codes: NotNegative
    whole_codes: Positive

    def __post_init__(self) -> None:
        if self.nothing_codes >= self.whole_codes:
            raise ValueError("nothing_codes must be below whole_codes")

    def scaled(self, factor: float) -> Attenuation:
        """Return the rule for changes that are ``factor`` times as large, all else alike."""
        return Attenuation(nothing_codes=self.nothing_codes * factor, whole_codes=self.whole_codes * factor)

    def gain(self, change_codes: float) -> float:
        """Return how much a change of this root mean square counts, 0 to 1."""
        at = (change_codes - self.nothing_codes) / (self.whole_codes - self.nothing_codes)
        at = min(max(at, 0.0), 1.0)
        return at * at * (3.0 - 2.0 * at)
