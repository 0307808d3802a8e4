"""The public names of a package, each loaded when it is asked for (PEP 562).

A host that only reads a job need not load ZeroMQ, and a supervisor that uses rooms of the method need not
load torch.
"""

from importlib import import_module
from typing import Any, Callable, List, Mapping, Tuple


def lazy_names(
    package: str, homes: Mapping[str, str]
) -> Tuple[Callable[[str], Any], Callable[[], List[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for ``package``; ``homes`` says in which module each name lives.

    Modules are named from the package, such as ``.client``.
    """

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(homes[name], package), name)

    def names() -> List[str]:
        return sorted(homes)

    return load, names
