"""The host-neutral client of SVFR Studio: messages, connection, frame ranges and mask shapes.

Standard library and pyzmq only, Python 3.9 or newer, so that Blender, Nuke and farm nodes can carry it.

```python
from svfr_client import Client, JobSpec

with Client() as client:
    job = client.submit(JobSpec(plate=..., frames="1001-1050", tasks=("bfr",), output=...)).job
```
"""

from typing import TYPE_CHECKING

from .lazy_names import lazy_names

if TYPE_CHECKING:
    from .client import Client as Client
    from .errors import SeveralProblems as SeveralProblems
    from .errors import SvfrError as SvfrError
    from .job import Box as Box
    from .job import ColourClaim as ColourClaim
    from .job import FaceChoice as FaceChoice
    from .job import JobSpec as JobSpec
    from .job import Reference as Reference

__all__ = [
    "Box",
    "Client",
    "ColourClaim",
    "FaceChoice",
    "JobSpec",
    "Reference",
    "SeveralProblems",
    "SvfrError",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Box": ".job",
        "Client": ".client",
        "ColourClaim": ".job",
        "FaceChoice": ".job",
        "JobSpec": ".job",
        "Reference": ".job",
        "SeveralProblems": ".errors",
        "SvfrError": ".errors",
    },
)
