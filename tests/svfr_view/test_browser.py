"""The page in a real browser, without a network: wiped, scrubbed, typed at."""

from pathlib import Path

import pytest
from browser_host import drive
from view_samples import pictures, restore

from svfr_ocio.config import open_config
from svfr_ocio.view import open_view
from svfr_view.page import FrameWarning, PageFacts, write_page

pytestmark = pytest.mark.hosts
INVENTED = (23, 36)  # a pixel at the upper edge of the probe's patch


def near(one: list[int], other: list[int], codes: int = 4) -> bool:
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) <= codes


def test_a_page_is_looked_at_with_mouse_and_keyboard(tmp_path: Path) -> None:
    plate, result = restore(tmp_path, layers=("delta", "matte", "invention"))
    sides, page = pictures(plate, result), tmp_path / "page.html"
    shown = open_view(open_config(None), sides.domain)
    write_page(
        page, sides, shown, PageFacts(title="shot", provenance={}, warnings=[FrameWarning(1001, "a word")])
    )
    seen = drive("drive_page", page.as_uri(), tmp_path)
    assert seen["complaints"] == [] and seen["names"] == []
    assert seen["first"].startswith("Frame 1001") and "a word" in seen["first"]
    assert not near(seen["before"], seen["after"])
    assert max(seen["difference"]) > 20 and max(seen["difference_outside"]) == 0
    assert seen["wipe"] == "90" and near(seen["wiped_right"], seen["before"])
    assert near(seen["wiped_left"], seen["after"])
    assert sum(seen["brighter"]) > sum(seen["after"]) + 20
    # four times the code values of the layer, in a movie of 8 bits
    invented = 255 * 4 * sides.read(1001).doubts["invention"]
    assert near(seen["invention_edge"], [min(255, round(float(invented[INVENTED])))] * 3, 16)
    assert max(seen["invention_edge"]) > 20 and max(seen["invention_outside"]) == 0
    assert "invention" in seen["plots"] and "Likeness" not in seen["plots"]
    assert seen["rows"] == 5  # a head and four frames
    assert seen["least"].startswith("Frame 1002") and "-6 stops" in seen["least"]
    assert seen["squares"] == 1 and seen["playing"] == "false"
    assert (seen["heard_while_playing"], seen["heard_then"]) == ("off", "polite")
    # the picture has its own shape on a telephone too, so that squares and wipe lie where they belong
    assert seen["shapes"] == [[True, round(72 / 56, 2), False]] * 2
    assert "matte" in seen["matte"] and seen["last"].startswith("Frame 1004")
    expected = shown.show(sides.read(1001).before)[25, 36] * 255
    # the movie stores colour at half the resolution
    assert near(seen["before"], [round(float(value)) for value in expected], 10)
