"""The colour engine of SVFR Studio: what a plate's numbers mean, and how a restored crop gets back into them.

``config`` and ``spaces`` open an OpenColorIO config and name a space in it; ``contract`` and ``probe`` make
two machines agree on both; ``domain`` turns plate pixels into the code values the model sees; ``transfer``
carries the model's change back as a gated delta that leaves every untouched bit alone; ``exposure`` meters
a shot. PyOpenColorIO is the only colour library used: no colour function of OpenImageIO is called, because
its wheel carries a different OpenColorIO inside.
"""

from typing import TYPE_CHECKING

from svfr_client.lazy_names import lazy_names

if TYPE_CHECKING:
    from .config import ColourConfig as ColourConfig
    from .config import open_config as open_config
    from .domain import ModelDomain as ModelDomain
    from .spaces import Space as Space
    from .spaces import resolve_space as resolve_space
    from .transfer import crop_transfer as crop_transfer

__all__ = ["ColourConfig", "ModelDomain", "Space", "crop_transfer", "open_config", "resolve_space"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "ColourConfig": ".config",
        "ModelDomain": ".domain",
        "Space": ".spaces",
        "crop_transfer": ".transfer",
        "open_config": ".config",
        "resolve_space": ".spaces",
    },
)
