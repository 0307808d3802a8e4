"""The server's page in a real browser."""

from pathlib import Path

import pytest
from browser_host import drive
from server_page_samples import ShownServer

pytestmark = pytest.mark.hosts


def test_the_page_lives_and_can_be_read_by_eye_keyboard_and_ear(shown: ShownServer, tmp_path: Path) -> None:
    seen = drive("drive_server_page", shown.server.address, tmp_path)
    assert seen["complaints"] == [] and seen["elsewhere"] == [] and seen["unnamed"] == []
    assert "token" not in seen["address"] and seen["summary"] == "1 running, 1 waiting"
    assert seen["picture_px"] == 72 and seen["alt"].startswith("Frame 100")
    assert "frames a minute" in seen["running"] and "left" in seen["running"]
    assert "Pass 2: restoring" in seen["running"]
    assert "1001-1004" in seen["queue"] and "free" in seen["machine"] and "cpu" in seen["machine"]
    assert "Frame 3 is missing. (and 1 more)" in seen["faults"] and "To do: Render it." in seen["faults"]
    assert seen["is_live"] and seen["is_still"] and seen["stopped"] == "Update again"
    assert seen["focus"] == seen["focus_kept"] == "pause"
    assert seen["roles"] == ["status", "alert"] and seen["headings"].startswith("H1 H2 H3")
    assert seen["scripts_inside"] == 0 and seen["forms"] == 0
    assert not seen["is_wide_on_a_telephone"] and len(set(seen["grounds"])) == 2
    assert seen["without_token"] == 403
