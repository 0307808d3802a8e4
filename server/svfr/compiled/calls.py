"""One way of calling a network: everything that its compiled form is fixed to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NetworkName = Literal["unet", "decoder"]


@dataclass(frozen=True, kw_only=True)
class Call:
    """The shapes of one call; its compiled form takes these and no others.

    ``sample`` is (F, channels, h, w): a UNet's input of all its ``windows``, of which the first
    ``with_tokens`` attend to ``tokens`` tokens, or a decoder's latents.
    """

    network: NetworkName
    sample: tuple[int, int, int, int]
    tokens: int = 0
    windows: int = 1
    with_tokens: int = 0

    @property
    def name(self) -> str:
        """A file's name that no other call has."""
        shape = "x".join(map(str, self.sample))
        if self.network == "decoder":
            return f"decoder-{shape}"
        return f"unet-{shape}-{self.tokens}-tokens-{self.with_tokens}-of-{self.windows}"
