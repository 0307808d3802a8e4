"""What the OpenFX plugin offers without being asked is what a job asks for that says nothing."""

import re
from pathlib import Path

from svfr_client.job import JobSpec

ROOT = Path(__file__).parents[2]
SETTINGS = (ROOT / "ofx_bridge/src/settings.cpp").read_text(encoding="utf-8")
SILENT = JobSpec(plate="p", frames="1", tasks=("bfr",), output="o")


def described(parameter: str) -> str:
    """The default in the line that defines a parameter: after its hint, and a choice's list of options."""
    found = re.search(
        rf"define\.\w+\(param::{parameter}, (?:\"[^\"]*\", ){{2}}(?:[a-z]+, )?([^,)]+)", SETTINGS
    )
    assert found is not None, f"settings.cpp does not define {parameter} as it did"
    return found.group(1)


def read_without_a_host(parameter: str) -> str:
    """What read_settings falls back on where a host has no value."""
    found = re.search(rf"get_int\(effect, param::{parameter}, (\d+)\)", SETTINGS)
    assert found is not None
    return found.group(1)


def words(name: str) -> list[str]:
    found = re.search(rf"const char\* const {name}\[\] = \{{([^}}]*)\}}", SETTINGS)
    assert found is not None
    return re.findall(r'"([^"]*)"', found.group(1))


def test_the_plugins_defaults_are_those_of_a_job() -> None:
    assert int(described("SEED")) == SILENT.seed
    assert words("PRESETS")[int(described("PRESET"))] == SILENT.preset
    assert words("FACE_MODES")[int(described("FACES"))] == SILENT.faces.mode
    assert described("MODEL").strip('"') == SILENT.model


def test_a_host_without_a_value_gets_the_described_one() -> None:
    for parameter in ("SEED", "PRESET", "FACES", "BFR", "COLORIZE", "INPAINT"):
        assert read_without_a_host(parameter) == described(parameter)
