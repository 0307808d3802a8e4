"""What cannot be done is said in words, before anything is sent, and the clip's colour is never guessed."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from e2e_service import running
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
    (
        {},
        {"range": 1, "firstFrame": 9, "lastFrame": 3},
        "range is empty: First frame is 9, Last frame 3. The clip has the frames 1 to 2.",
    ),
    ({"first": 5, "last": 4}, {}, "Choose Range: The frames below"),
    ({"first": 1, "last": 20000}, {}, "The clip, frames 1 to 20000, is longer than 10000"),
    ({}, {"range": 1, "firstFrame": 0, "lastFrame": 20000}, "longer than 10000"),
    ({}, {"inpaint": 1}, "Inpaint needs a roto"),
    ({}, {"faces": 2}, "needs a roto"),
    ({}, {"roto": 1}, "nothing is connected"),
    ({"colourspace": None}, {"colourspace": ""}, "does not say the clip's colour space"),
    ({"colourspace": None}, {"colourspace": " \t"}, "does not say the clip's colour space"),
    ({}, {"reference": 1, "referenceFrame": 3}, "Reference frame is 3, which is not among the frames"),
    ({}, {"reference": 1, "range": 1, "firstFrame": 2, "lastFrame": 2}, "restored, 2 to 2."),
    ({}, {"reference": 2}, "Reference photo is empty. Choose a file"),
    ({}, {"reference": 2, "referencePhoto": "  "}, "Reference photo is empty. Choose a file"),
    ({}, {"reference": 2, "referencePhoto": "/a/me.heic"}, "/a/me.heic is no picture that the server reads"),
    ({}, {"model": " "}, "Model is empty"),
]


@pytest.mark.parametrize(("clip", "params", "words"), REFUSED)
def test_a_range_that_cannot_be_restored_is_refused_in_words(
    built: Built, tmp_path: Path, clip: dict[str, Any], params: dict[str, Any], words: str
) -> None:
    answer = pressed(built, two_frames(tmp_path, **clip), params=params)
    assert words in answer["params"]["status"] and words in answer["messages"][0]
    assert answer["params"]["job"] == ""


def unsent(home: Path) -> set[Path]:
    """The pieces that a server has: none is new where nothing was sent."""
    return set((home / "transfers" / "pieces").rglob("*"))


ASKED_OF_THE_SERVER: list[tuple[dict[str, Any], str]] = [
    (
        {"range": 1, "firstFrame": 0, "lastFrame": 1},
        "no image of the source at frame 0. The clip has the frames 1 to 2: set First frame and Last frame",
    ),
    ({"range": 1, "firstFrame": 2, "lastFrame": 3}, "no image of the source at frame 3. The clip has"),
    ({"model": "minni"}, "no model 'minni'. Name one of these in Model: identity, mini, probe"),
    ({"model": "m" * 300}, "m..."),
]


@pytest.mark.parametrize(("params", "words"), ASKED_OF_THE_SERVER)
def test_what_the_server_or_the_host_can_be_asked_is_refused_before_a_frame_is_sent(
    built: Built, home: Path, tmp_path: Path, params: dict[str, Any], words: str
) -> None:
    clip = Clip(tmp_path, [noise(81), noise(82)], 1)
    before = unsent(home)
    answer = pressed(built, clip, home, params=params)["params"]
    assert words in answer["status"] and answer["job"] == ""
    assert unsent(home) == before


def test_a_model_that_is_broken_or_has_not_the_preset_is_refused_before_a_frame_is_sent(
    built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    presets = {"standard": {"initial_noise": 0.0}, "final": {"initial_noise": 0.0}}
    slow = {"kind": "diffusion", "preview": False, "crop_px": 192, "presets": presets}
    for name, text in {"broken": "{", "slow": json.dumps(slow)}.items():
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "model.json").write_text(text)
    monkeypatch.setenv("SVFR_MODELS", str(tmp_path / "models"))
    with running(tmp_path / "home", arguments=["--pipeline", "ofx_pipeline:run_job"]) as home:
        clip = two_frames(tmp_path / "clip")
        status = pressed(built, clip, home, params={"model": "broken"})["params"]["status"]
        assert "cannot use the model broken: model.json: " in status
        assert "Name one of these in Model: identity, mini, probe, slow." in status
        status = pressed(built, clip, home, params={"model": "slow"})["params"]["status"]
        assert status == "The model slow has no preset draft. Choose one of these in Preset: standard, final."
        assert unsent(home) == set()


@pytest.mark.parametrize("name", ["config.py", "notes.ocio", "empty.ocio"])
def test_a_file_that_is_no_config_is_refused_by_its_own_name_before_a_frame_is_sent(
    built: Built, home: Path, tmp_path: Path, name: str
) -> None:
    config = tmp_path / name
    config.write_text("" if name == "empty.ocio" else "import this\n")
    before = unsent(home)
    answer = pressed(built, two_frames(tmp_path / "clip"), home, params={"ocioConfig": str(config)})["params"]
    assert f"The OCIO config {config} is " in answer["status"] and "in OCIO config." in answer["status"]
    assert answer["job"] == "" and unsent(home) == before


def test_a_mask_that_ends_before_the_range_does_is_refused_before_a_frame_is_sent(
    built: Built, home: Path, tmp_path: Path
) -> None:
    clip = Clip(tmp_path / "clip", [noise(83), noise(84)], 1)
    mask = Clip(tmp_path / "mask", [noise(85)], 1)
    before = unsent(home)
    answer = pressed(built, clip, home, mask=mask, params={"roto": 1})["params"]
    assert answer["status"] == "The host gives no image of the Mask clip at frame 2."
    assert answer["job"] == "" and unsent(home) == before


def test_what_the_server_refuses_names_the_control_and_ends_in_its_code(
    built: Built, home: Path, tmp_path: Path
) -> None:
    answer = pressed(built, two_frames(tmp_path), home, params={"colourspace": "q" * 5000})["params"]
    assert answer["status"].startswith("Colour space is longer than") and answer["job"] == ""
    assert answer["status"].endswith(" [BAD_REQUEST]") and "colour.space" not in answer["status"]


def test_blanks_around_a_name_and_in_the_place_of_a_config_are_nothing(
    built: Built, home: Path, tmp_path: Path
) -> None:
    params = {"colourspace": " ACEScg\n", "ocioConfig": "   ", "model": " identity ", "server": " "}
    assert pressed(built, two_frames(tmp_path), home, params=params)["params"]["job"]


def test_refresh_keeps_the_reason_why_nothing_was_handed_in(built: Built, home: Path, tmp_path: Path) -> None:
    with Host(built, home=home) as host:
        node = Node(host, two_frames(tmp_path), params={"model": "minni"})
        reason = node.press("restoreRange")["params"]["status"]
        for button in ("refresh", "cancel", "refresh"):
            assert node.press(button)["params"]["status"] == reason
        host.ask("set", id="a", name="model", value="identity")
        node.restore()
        assert "minni" not in node.press("refresh")["params"]["status"]
        host.ask("set", id="a", name="model", value="minni")
        node.press("restoreRange")
        for _ in range(2):
            first, second = node.press("refresh")["params"]["status"].splitlines()
            assert first == reason and second.startswith("Frames 1 to 2, sent before: ")


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
