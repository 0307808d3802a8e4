"""One restoration job without sockets: plate, shots, faces, crops, model, delta, and the plate again.

```python
import svfr_restore

svfr_restore.restore("shot.%04d.exr", "out/shot.%04d.exr", tasks=["bfr"], space="acescg")
```

:func:`run_job` takes a whole :class:`svfr_client.JobSpec`.
"""

from typing import TYPE_CHECKING

from svfr_client.lazy_names import lazy_names

if TYPE_CHECKING:
    from .job import run_job as run_job
    from .one_call import restore as restore
    from .plan.models import ModelCache as ModelCache
    from .reports import JobResult as JobResult
    from .reports import Report as Report

__all__ = ["JobResult", "ModelCache", "Report", "restore", "run_job"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "JobResult": ".reports",
        "ModelCache": ".plan.models",
        "Report": ".reports",
        "restore": ".one_call",
        "run_job": ".job",
    },
)
