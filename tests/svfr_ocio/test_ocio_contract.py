from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from svfr_ocio.contract import agree, describe
from svfr_ocio.errors import (
    ColourMismatch,
    ConfigChanged,
    ConfigIsMissing,
    DataIsNotColour,
    UnknownColourSpace,
)
from svfr_ocio.names import STUDIO_URI


@dataclass(frozen=True)
class Claimed:
    space: str | None = None
    config: str | None = None
    interop_id: str | None = None
    config_sha256: str | None = None
    probe: Mapping[str, Any] | None = None
    context: Mapping[str, str] = field(default_factory=dict)
    reference_space: str | None = None


def test_a_claim_with_a_probe_is_verified_and_one_without_is_not(studio):
    probe = describe(studio, studio.resolve("ACEScg"))["probe"]
    agreed = agree(Claimed(space="ACEScg", probe=probe))
    assert agreed.verified and agreed.space.name == "ACEScg" and agreed.config.uri == STUDIO_URI
    assert not agree(Claimed(space="ACEScg")).verified


def test_the_interop_id_stands_in_for_a_missing_name():
    assert agree(Claimed(interop_id="lin_rec709_scene")).space.name == "Linear Rec.709 (sRGB)"


def test_the_plates_own_tag_counts_only_when_the_job_names_nothing():
    assert agree(Claimed(), file_space="lin_ap0_scene").space.name == "ACES2065-1"
    assert agree(Claimed(space="ACEScg"), file_space="lin_ap0_scene").space.name == "ACEScg"


def test_a_space_nobody_names_is_never_guessed():
    with pytest.raises(UnknownColourSpace, match="--colorspace"):
        agree(Claimed())


def test_a_probe_of_another_space_is_a_mismatch(studio):
    probe = describe(studio, studio.resolve("ACES2065-1"))["probe"]
    with pytest.raises(ColourMismatch):
        agree(Claimed(space="ACEScg", probe=probe))


def test_a_config_with_other_bytes_than_the_job_was_made_with_is_refused(studio, tmp_path):
    path = tmp_path / "show.ocio"
    path.write_text(studio.ocio.serialize())
    opened = agree(Claimed(space="ACEScg", config=str(path)))
    again = Claimed(space="ACEScg", config=str(path), config_sha256=opened.config.sha256)
    assert agree(again).config.identity == opened.config.identity
    path.write_text(path.read_text() + "# touched\n")
    with pytest.raises(ConfigChanged) as caught:
        agree(again)
    assert opened.config.sha256 in caught.value.message and caught.value.path == str(path)


def test_a_missing_config_never_falls_back_to_the_default(tmp_path):
    with pytest.raises(ConfigIsMissing):
        agree(Claimed(space="ACEScg", config=str(tmp_path / "gone.ocio")))


def test_masks_are_no_plates():
    with pytest.raises(DataIsNotColour):
        agree(Claimed(space="Raw"))


def test_the_description_says_config_space_and_numbers(studio):
    described = describe(studio, studio.resolve("scene_linear"))
    assert described["config"] == {
        "kind": "builtin",
        "uri": STUDIO_URI,
        "sha256": None,
        "profile": "2.3",
        "name": studio.name,
    }
    assert described["input"] == {"name": "ACEScg", "interop_id": "lin_ap1_scene", "encoding": "scene-linear"}
    assert len(described["probe"]["rgb_linear_ap0"]) == 32
