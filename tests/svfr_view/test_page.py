"""One file with everything in it."""

import json
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from view_samples import pictures, restore

from svfr_ocio.config import open_config
from svfr_ocio.domain import ModelDomain
from svfr_ocio.errors import UnknownView
from svfr_ocio.view import AS_STORED, open_view
from svfr_restore.crops.crop_track import static_track
from svfr_view.page import FrameWarning, PageFacts, write_page
from svfr_view.proxy import MOVIE_BYTES
from svfr_view.proxy_size import ProxySize

LINEAR = ModelDomain.build(open_config(None), "lin_rec709_scene")


def data_of(page: Path) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.S)
    assert found
    return json.loads(found[1])


def test_a_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    plate, result = restore(tmp_path)
    facts = PageFacts(
        title="</script><b>",
        provenance={"task": "bfr</script>"},
        command="svfr redo 1",
        warnings=[FrameWarning(1002, "held")],
        tracks=[static_track(0, range(1001, 1003), 36.0, 28.0, 32.0)],
    )
    page = tmp_path / "page.html"
    size = write_page(page, pictures(plate, result), open_view(open_config(None), LINEAR), facts)
    text = page.read_text()
    assert size == page.stat().st_size < 2 << 20
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", text) and "<b>" not in text
    data = data_of(page)
    assert data["frames"] == [1001, 1002, 1003, 1004] and data["provenance"] == {"task": "bfr</script>"}
    assert data["tracks"] == {str(f): [{"x": 20, "y": 12, "width": 32, "height": 32}] for f in (1001, 1002)}
    assert data["warnings"] == [{"frame": 1002, "text": "held"}]


@pytest.mark.parametrize("frames", [10, 1000])
def test_a_long_4k_shot_gets_small_pictures_and_a_bounded_movie(frames: int) -> None:
    size = ProxySize.of(4096, 2160, 1.0, frames)
    assert (size.width, size.height) == ((1280, 676) if frames == 10 else (512, 270))
    assert MOVIE_BYTES * 4 / 3 < 28 << 20


def test_anamorphic_pictures_are_shown_square() -> None:
    assert ProxySize.of(1000, 800, 2.0, 1) == ProxySize(1280, 512)


def test_views_are_named_and_unknown_ones_refused() -> None:
    config = open_config(None)
    shown = open_view(config, LINEAR)
    assert (shown.display, shown.view) == ("sRGB - Display", "ACES 1.0 - SDR Video")
    plain = open_view(config, LINEAR, view="Un-tone-mapped")
    grey = plain.show(np.full((1, 1, 3), 0.18, np.float32))
    np.testing.assert_allclose(grey, 0.4614, atol=1e-3)
    stored = open_view(config, ModelDomain.build(config, "srgb_rec709_display"))
    assert stored.display == AS_STORED
    with pytest.raises(UnknownView, match="Un-tone-mapped"):
        open_view(config, LINEAR, view="nothing")
    with pytest.raises(UnknownView, match="sRGB"):
        open_view(config, LINEAR, display="nothing")


def test_a_rate_that_nobody_states_is_24(tmp_path: Path) -> None:
    plate, result = restore(tmp_path)
    page = tmp_path / "page.html"
    write_page(
        page,
        pictures(plate, result),
        open_view(open_config(None), LINEAR),
        PageFacts(title="x", provenance={}),
    )
    assert data_of(page)["fps"] == float(Fraction(24))
