"""Say which names the fake Nuke offers and whether the public stubs have every one of them.

python tests/svfr_nuke/check_fake_names.py
"""

import sys
from importlib import metadata

import strict_stubs
from strict_nuke import FakeNuke
from strict_objects import OFFERED

STUB_MODULES = ("__init__", "rotopaint", "_curveknob")


def names_without_stub() -> list[str]:
    """Return every name that the fake offers and no stub has; there should be none."""
    FakeNuke()
    tables = [strict_stubs.load(module) for module in STUB_MODULES]
    wrong: list[str] = []
    for owner, name in sorted(OFFERED):
        if owner == "nuke":
            known = name in tables[0].names()
        else:
            known = any(name in table.members(owner) for table in tables)
        wrong += [] if known else [f"{owner}.{name}"]
    return wrong


if __name__ == "__main__":
    missing = names_without_stub()
    version = metadata.version("types-nuke")
    print(f"{len(OFFERED)} names offered, {len(missing)} of them not in types-nuke {version}")
    sys.exit("\n".join(missing) if missing else 0)
