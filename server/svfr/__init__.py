"""The method as a library: model folders, the two-pass sampler and its parity check. No jobs, no EXR.

```python
import svfr

model = svfr.load_model("mini")
restored = svfr.restore_clip(model, clip, ["bfr"])  # (F, S, S, 3) numbers 0..1 in and out
```
"""

from typing import TYPE_CHECKING

from svfr_client.lazy_names import lazy_names

if TYPE_CHECKING:
    from .models.model import Model as Model
    from .sampling.clip import load_model as load_model
    from .sampling.clip import restore_clip as restore_clip

__all__ = ["Model", "load_model", "restore_clip"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Model": ".models.model",
        "load_model": ".sampling.clip",
        "restore_clip": ".sampling.clip",
    },
)
