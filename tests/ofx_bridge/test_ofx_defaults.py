"""What the OpenFX plugin offers without being asked is what a job asks for that says nothing."""

import math
import re
from pathlib import Path

from svfr_client import send_window, silence
from svfr_client.job import JobSpec
from svfr_client.protocol.transfers import MOST_LOCAL_FILE_BYTES, MOST_LOCAL_PIECES, file_name_problem
from svfr_client.transfer import handover, pieces, upload

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


def test_a_photo_of_each_ending_that_is_taken_may_be_sent() -> None:
    checks = (ROOT / "ofx_bridge/src/checks.cpp").read_text(encoding="utf-8")
    found = re.search(r"PHOTO_ENDINGS\[\] = \{([^}]*)\}", checks)
    assert found is not None
    endings = re.findall(r'"([^"]*)"', found.group(1))
    assert len(endings) > 5 and [file_name_problem(f"photo{ending}") for ending in endings] == [None] * len(
        endings
    )


def numbers(source: str) -> dict[str, int]:
    """The constants of a C++ source, by name; those in brackets are milliseconds."""
    text = (ROOT / "ofx_bridge" / "src" / source).read_text(encoding="utf-8")
    found: dict[str, int] = {}
    for line in re.findall(
        r"^constexpr (?:size_t|int|Millis|std::chrono::milliseconds) ([^;]*);", text, re.M
    ):
        for name, value in re.findall(r"(\w+)(?: = |\()([\d* ]+)", line):
            found[name] = math.prod(map(int, value.split("*")))
    return found


def test_files_travel_as_those_of_the_other_hosts_do() -> None:
    window, sending = numbers("send_window.hpp"), numbers("upload.cpp")
    assert window == {
        "MOST_UNDER_WAY": send_window.MOST_UNDER_WAY,
        "SOON": send_window.SOON_SECONDS * 1000,
        "LATE": send_window.LATE_SECONDS * 1000,
    }
    assert sending == {
        "PIECE_BYTES": pieces.SMALL_PIECE_BYTES,
        "ASKED_AT_ONCE": upload.ASKED_AT_ONCE,
        "MOST_BREAKS": upload._MOST_BREAKS,
        "REPLY": upload.LINE_SECONDS * 1000,
        "ASSEMBLE": upload.ASSEMBLE_SECONDS * 1000,
        "SLOT_BYTES": handover.SLOT_BYTES,
        "SLOTS": handover.SLOTS,
    }
    assert sending["SLOT_BYTES"] // sending["PIECE_BYTES"] <= MOST_LOCAL_PIECES
    assert sending["SLOT_BYTES"] * sending["SLOTS"] <= MOST_LOCAL_FILE_BYTES
    assert numbers("vigil.cpp")["QUIET"] == silence.QUIET_NOTICE_SECONDS * 1000
    assert numbers("conversation.cpp")["PING_EVERY"] == silence.PING_EVERY_SECONDS * 1000
