"""What cannot be done is said in words, before anything is sent, and the clip's colour is never guessed."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from ofx_build import Built
from ofx_host import OK, Clip, Host, Node, noise

JOB = json.dumps({"id": "0" * 32, "first": 1, "last": 2})
OCIO = {
    "OfxImageEffectPropColourManagementStyle": "OfxImageEffectColourManagementOCIO",
    "OfxImageEffectPropOCIOConfig": "ocio://studio-config-v2.1.0_aces-v1.3_ocio-v2.3",
}


def two_frames(folder: Path, **more: Any) -> Clip:
    return Clip(folder, [noise(1), noise(2)], 1, more=more)


def pressed(
    built: Built, clip: Clip, home: Path | None = None, profile: str = "colour-1.5", **node: Any
) -> dict[str, Any]:
    with Host(built, profile, home) as host:
        answer = Node(host, clip, **node).press("restoreRange")
        host.statistics()
    return answer


REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"field": "OfxFieldLower"}, {}, "interlaced"),
    ({"field": "OfxFieldUpper"}, {}, "interlaced"),
    ({"rate": 25}, {}, "25.000 frames a second, the timeline at 24.000"),
    ({}, {"bfr": 0}, "at least one task"),
    ({}, {"range": 1, "firstFrame": 9, "lastFrame": 3}, "range is empty"),
    ({}, {"range": 1, "firstFrame": 0, "lastFrame": 20000}, "longer than 10000"),
    ({}, {"inpaint": 1}, "Inpaint needs a roto"),
    ({}, {"faces": 2}, "needs a roto"),
    ({}, {"roto": 1}, "nothing is connected"),
    ({"colourspace": None}, {"colourspace": ""}, "does not say the clip's colour space"),
]


@pytest.mark.parametrize(("clip", "params", "words"), REFUSED)
def test_a_range_that_cannot_be_restored_is_refused_in_words(
    built: Built, tmp_path: Path, clip: dict[str, Any], params: dict[str, Any], words: str
) -> None:
    answer = pressed(built, two_frames(tmp_path, **clip), params=params)
    assert words in answer["params"]["status"] and words in answer["messages"][0]
    assert answer["params"]["job"] == ""


def test_a_host_that_gives_only_the_current_frame_is_told_so(built: Built, tmp_path: Path) -> None:
    answer = pressed(built, two_frames(tmp_path), profile="mlt-like")
    assert "only the current frame" in answer["params"]["status"]


@pytest.mark.parametrize("form", [{"field": "OfxFieldLower"}, {"rate": 30}])
def test_a_render_of_a_clip_that_cannot_be_restored_is_the_source_with_words(
    built: Built, tmp_path: Path, form: dict[str, Any]
) -> None:
    clip = two_frames(tmp_path, **form)
    with Host(built) as host:
        answer, picture = Node(host, clip, params={"job": JOB}).render(1)
    assert (answer["status"], picture.tobytes()) == (OK, clip.pixels[0].tobytes())
    assert "interlaced" in answer["persistent"] or "frames a second" in answer["persistent"]


STYLES: list[tuple[dict[str, str], str | None, str, str, tuple[str | None, str | None] | str]] = [
    (OCIO, "lin_ap1", "", "", ("lin_ap1", OCIO["OfxImageEffectPropOCIOConfig"])),
    (OCIO, "lin_ap1", "", "ocio://default", ("lin_ap1", "ocio://default")),
    (OCIO, "lin_ap1", "ACEScg", "", ("ACEScg", None)),
    (OCIO, None, "", "", "does not say"),
    (
        {"OfxImageEffectPropColourManagementStyle": "OfxImageEffectColourManagementFull"},
        "ACEScg",
        "",
        "",
        ("ACEScg", None),
    ),
    (
        {"OfxImageEffectPropColourManagementStyle": "OfxImageEffectColourManagementCore"},
        "ACEScg",
        "",
        "",
        ("ACEScg", None),
    ),
    (
        {"OfxImageEffectPropColourManagementStyle": "OfxImageEffectColourManagementBasic"},
        "ofx_scene_linear",
        "",
        "",
        "leaves its primaries open",
    ),
    ({}, "ACEScg", "", "", "does not say"),
    ({}, None, "ACEScg", "", ("ACEScg", None)),
]


@pytest.mark.parametrize(("style", "named", "asked", "config", "expected"), STYLES)
def test_the_colour_that_is_claimed_is_what_the_host_or_the_artist_said(
    built: Built,
    home: Path,
    tmp_path: Path,
    style: dict[str, str],
    named: str | None,
    asked: str,
    config: str,
    expected: tuple[str | None, str | None] | str,
) -> None:
    clip = two_frames(tmp_path, colourspace=named)
    params = {"colourspace": asked, "ocioConfig": config}
    answer = pressed(built, clip, home, params=params, more={"colour": style})
    if isinstance(expected, str):
        assert expected in answer["params"]["status"] and answer["params"]["job"] == ""
        return
    job = json.loads(answer["params"]["job"])["id"]
    with sqlite3.connect(f"file:{home / 'jobs.sqlite'}?mode=ro", uri=True) as database:
        (spec,) = database.execute("SELECT spec FROM jobs WHERE job = ?", (job,)).fetchone()
    colour = json.loads(spec)["colour"]
    assert (colour["space"], colour["config"]) == expected


def test_the_output_is_in_the_space_of_the_source(built: Built, tmp_path: Path) -> None:
    with Host(built) as host:
        Node(host, two_frames(tmp_path, premultiplication="OfxImageAlphaPremultiplied"))
        asked = host.ask("ask", id="a", action="OfxImageEffectActionGetOutputColourspace")
        assert asked["out"] == {"OfxImageClipPropColourspace": ["OfxColourspace_Source"]}
        wanted = host.ask("ask", id="a", action="OfxImageEffectActionGetClipPreferences")["out"]
        assert wanted["OfxImageEffectPropPreMultiplication"] == ["OfxImageAlphaPremultiplied"]
        roi = host.ask("ask", id="a", action="OfxImageEffectActionGetRegionsOfInterest")["out"]
        assert roi["OfxImageClipPropRoI_Source"] == [0, 0, 64, 48]
        for action in ("OfxActionSyncPrivateData", "OfxActionPurgeCaches", "SomethingNew"):
            assert host.ask("ask", id="a", action=action)["status"] == 14


def test_an_artist_who_presses_cancel_hands_nothing_in(built: Built, home: Path, tmp_path: Path) -> None:
    with Host(built, home=home) as host:
        node = Node(host, two_frames(tmp_path))
        answer = node.press("restoreRange", cancel_at=0.4)
        assert answer["params"]["job"] == "" and "Cancelled" in answer["params"]["status"]
        host.statistics()
