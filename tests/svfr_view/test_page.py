"""One file with everything in it."""

import json
import re
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from job_samples import write_exr
from view_samples import pictures, restore

from svfr_ocio.config import open_config
from svfr_ocio.domain import ModelDomain
from svfr_ocio.errors import UnknownView
from svfr_ocio.view import AS_STORED, open_view
from svfr_restore.crops.crop_track import static_track
from svfr_restore.media.plate import open_plate
from svfr_view.page import FrameWarning, PageFacts, _filled, write_page
from svfr_view.pictures import provenance, squares_in
from svfr_view.proxy import MOVIE_BYTES
from svfr_view.proxy_size import ProxySize

LINEAR = ModelDomain.build(open_config(None), "lin_rec709_scene")


def data_of(page: Path) -> dict[str, object]:
    text = page.read_text("utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert found
    return json.loads(found[1])


def test_frames_of_another_size_are_named_on_the_page(tmp_path: Path) -> None:
    plate, result = restore(tmp_path)
    picture = np.full((40, 60, 3), 0.5, np.float32)
    write_exr(Path(result % 1002), picture)
    write_exr(Path(plate % 1003), picture)
    shown = pictures(plate, result)
    view = open_view(open_config(None), LINEAR)
    write_page(tmp_path / "page.html", shown, view, PageFacts(title="t", provenance={}, command=""))
    warnings = data_of(tmp_path / "page.html")["warnings"]
    assert [one["frame"] for one in warnings] == [1002, 1003]
    assert "has 60 x 40 pixels" in warnings[0]["text"] and "stretched" in warnings[0]["text"]
    assert warnings[1]["text"].startswith("The frame of the plate has 60 x 40 pixels")


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


NAMES = [
    "</script><b>x",
    "<!--<script>",
    "@data@ @script@ @style@",
    "'\"&lt; \u2028 \u00e9 \U0001f3ac",
    "\udcff",
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_whatever_a_file_is_called_the_page_is_whole(tmp_path: Path, name: str) -> None:
    plate, result = restore(tmp_path)
    warnings = [FrameWarning(1001, name)]
    facts = PageFacts(title=name, provenance={name: name}, command=name, command_note=name, warnings=warnings)
    page = tmp_path / "page.html"
    write_page(page, pictures(plate, result), open_view(open_config(None), LINEAR), facts)
    data, seen = data_of(page), Scripts(page)
    assert data["command"] == data["command_note"] == name and data["provenance"] == {name: name}
    shown = name.replace("\udcff", "?")
    assert seen.texts["title"] == seen.texts["h1"] == shown
    assert seen.count == 2 and "b" not in seen.texts
    packed = page.read_text("utf-8").split('id="data">')[1].split("</script>")[0]
    assert "<" not in packed  # a browser goes on past the end after "<!--<script>"


class Scripts(HTMLParser):
    """A page as a browser takes it apart: how many scripts there are, and the text of each element."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.count, self.texts, self._within = 0, dict[str, str](), [""]
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.count += tag == "script"
        self._within.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts[self._within[-1]] = self.texts.get(self._within[-1], "") + data

    def handle_endtag(self, tag: str) -> None:
        self._within.append("")


def test_pixels_that_are_no_numbers_leave_a_page_with_figures(tmp_path: Path) -> None:
    plate, result = restore(tmp_path, layers=())
    for pattern in (plate, result):
        path = Path(pattern % 1002)
        with_holes = open_plate(str(path)).read(1002).rgb.copy()
        with_holes[20:30, 30:40, 0], with_holes[0, 0], with_holes[1, 1] = np.nan, np.inf, -np.inf
        write_exr(path, with_holes)
        write_exr(Path(pattern % 1003), np.full_like(with_holes, np.nan))
    page = tmp_path / "page.html"
    view = open_view(open_config(None), LINEAR)
    write_page(page, pictures(plate, result), view, PageFacts(title="x", provenance={}))
    data = data_of(page)
    assert data["changed"][1] > 0.0 and data["changed"][2] is None  # there all is unknown
    assert 1 <= data["shaper"]["top"] <= 64


@pytest.mark.parametrize(("height", "width", "frames"), [(56, 72, 1), (1, 1, 1), (53, 71, 2), (2, 3000, 1)])
def test_a_still_and_odd_sizes_have_a_page(tmp_path: Path, height: int, width: int, frames: int) -> None:
    for frame in range(1, frames + 1):
        pixels = np.random.default_rng(frame).random((height, width, 3), np.float32)
        write_exr(tmp_path / f"plate.{frame}.exr", pixels)
        write_exr(tmp_path / f"result.{frame}.exr", pixels * np.float32(0.9))
    page, view = tmp_path / "page.html", open_view(open_config(None), LINEAR)
    both = pictures(str(tmp_path / "plate.%01d.exr"), str(tmp_path / "result.%01d.exr"))
    write_page(page, both, view, PageFacts(title="x", provenance={}))
    data = data_of(page)
    assert data["frames"] == list(range(1, frames + 1)) and data["changed"][0] > 0
    assert data["width"] % 2 == data["height"] % 2 == 0


def test_squares_that_the_files_note_are_drawn_and_others_in_their_place_on_request(tmp_path: Path) -> None:
    plate, result = restore(tmp_path)
    assert provenance(Path(result % 1001))["crops"] == "0=20 12 32 32"
    assert squares_in("0=20 12 32 32,3=nan 0 1 1,x,4=1 2 3") == {"0": (20, 12, 32, 32)}
    page, view = tmp_path / "page.html", open_view(open_config(None), LINEAR)
    write_page(page, pictures(plate, result), view, PageFacts(title="x", provenance={}))
    assert data_of(page)["tracks"]["1004"] == [{"x": 20, "y": 12, "width": 32, "height": 32}]
    other = PageFacts(title="x", provenance={}, tracks=[static_track(0, range(1001, 1002), 10.0, 10.0, 8.0)])
    write_page(page, pictures(plate, result), view, other)
    assert data_of(page)["tracks"] == {"1001": [{"x": 6, "y": 6, "width": 8, "height": 8}]}


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


def test_numbers_that_json_cannot_say_are_left_open() -> None:
    filled = _filled("t", {"a": [1.0, float("inf"), {"b": float("nan")}]})
    assert '{"a":[1.0,null,{"b":null}]}' in filled
