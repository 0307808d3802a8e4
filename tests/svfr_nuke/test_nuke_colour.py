"""Which space the pixels are in: from Reads, the project and the user, or an error that asks."""

from pathlib import Path
from typing import Any

import nuke_plates
import PyOpenColorIO as Ocio
import pytest
from strict_nuke import FakeNuke
from test_nuke_end_to_end import read_node, svfr_node, use_ocio

from svfr_client.errors import SvfrError
from svfr_client.frames import FrameRange
from svfr_ocio.config import open_config


@pytest.fixture
def plate(nuke: FakeNuke, tmp_path: Path) -> Any:
    return read_node(nuke, nuke_plates.write_plate(tmp_path / "plates"))


def colour(read: Any, *words: str) -> Any:
    from svfr_nuke.colour import colour_of_read

    return colour_of_read(read, *words)


def test_nukes_own_names_become_interop_ids_that_the_server_knows(nuke: FakeNuke) -> None:
    from svfr_nuke.colour import NUKE_NAMES

    studio = open_config(None)
    for interop_id in NUKE_NAMES.values():
        assert studio.resolve(interop_id).name


def test_the_table_says_what_the_servers_own_says(nuke: FakeNuke) -> None:
    import json
    from importlib import resources

    from svfr_nuke.colour import NUKE_NAMES

    theirs = json.loads(resources.files("svfr_ocio").joinpath("data/nuke_default.json").read_text())
    squeezed = {name.replace(" ", ""): interop_id for name, interop_id in NUKE_NAMES.items()}
    assert squeezed == {name: interop_id for name, interop_id in theirs.items() if interop_id != "data"}


def test_a_default_exr_is_what_the_project_says_of_floats(nuke: FakeNuke, plate: Any) -> None:
    found = colour(plate)
    assert (found.nuke_space, found.claim.space, found.claim.config) == ("linear", "lin_rec709_scene", None)


@pytest.mark.parametrize(
    ("suffix", "space"), [("dpx", "Cineon"), ("png", "sRGB"), ("mov", "sRGB"), ("exr", "linear")]
)
def test_the_default_follows_the_kind_of_file(nuke: FakeNuke, plate: Any, suffix: str, space: str) -> None:
    plate["file"].setValue(f"/p/a.%04d.{suffix}")
    if space == "Cineon":
        with pytest.raises(SvfrError, match="Cineon"):
            colour(plate)
    else:
        assert colour(plate).nuke_space == space


@pytest.mark.parametrize(
    ("shown", "space"),
    [
        ("default (ACES/ACES2065-1)", "ACES2065-1"),
        ("default (sRGB)", "sRGB"),
        ("Input/ARRI/ARRI LogC4", "ARRI LogC4"),
        ("ACEScg", "ACEScg"),
        ("default", ""),
    ],
)
def test_a_menu_entry_is_reduced_to_the_spaces_name(nuke: FakeNuke, shown: str, space: str) -> None:
    from svfr_nuke.colour import normalised

    assert normalised(shown) == space


def test_an_ocio_project_names_its_config(nuke: FakeNuke, plate: Any, tmp_path: Path) -> None:
    config = use_ocio(nuke, tmp_path)
    plate["file"].setValue(plate["file"].value())
    claim = colour(plate).claim
    assert (claim.space, claim.config) == ("ACES2065-1", config)


def test_the_environment_overrides_the_project(
    nuke: FakeNuke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from svfr_nuke.colour import project_config

    use_ocio(nuke, tmp_path)
    monkeypatch.setenv("OCIO", "C:\\studio\\config.ocio")
    assert project_config() == "C:/studio/config.ocio"


def test_a_stock_config_is_named_by_its_file(nuke: FakeNuke, plate: Any) -> None:
    from svfr_nuke.colour import project_config

    nuke.root()["OCIO_config"].setValue("aces_1.2")
    nuke.root()["OCIOConfigPath"].setValue("/nuke/plugins/OCIOConfigs/configs/aces_1.2/config.ocio")
    assert project_config().endswith("aces_1.2/config.ocio")


@pytest.mark.parametrize("config", ["", "ocio://default", "ocio://cg-config-latest"])
def test_a_config_that_is_missing_or_moves_is_refused(
    nuke: FakeNuke, config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from svfr_nuke.colour import project_config

    monkeypatch.setenv("OCIO", config)
    with pytest.raises(SvfrError, match="config"):
        project_config()


def test_the_values_of_the_configs_variables_are_nukes_own_unless_the_artist_gives_them(
    nuke: FakeNuke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from svfr_nuke.gather import find_colour, gather

    path = Path(use_ocio(nuke, tmp_path))
    config = Ocio.Config.CreateFromFile(str(path))
    config.addEnvironmentVar("SHOT", "none")
    config.addEnvironmentVar("CAMERA", "none")
    path.write_text(config.serialize())
    monkeypatch.setenv("SHOT", "sh020")
    monkeypatch.delenv("CAMERA", raising=False)
    node = svfr_node(read_node(nuke, nuke_plates.write_plate(tmp_path / "plates")))
    assert gather(node, "0" * 32).spec.colour.context == {"SHOT": "sh020"}
    node["ocio_context"].setValue("SHOT=sh010, CAMERA=a")
    assert gather(node, "0" * 32).spec.colour.context == {"SHOT": "sh010", "CAMERA": "a"}
    assert find_colour(node).summary.endswith("with CAMERA=a, SHOT=sh010")
    node["ocio_context"].setValue("sh010")
    with pytest.raises(SvfrError, match="Write them like SHOT=sh010"):
        gather(node, "0" * 32)


def test_raw_data_needs_a_word_from_the_artist(nuke: FakeNuke, plate: Any) -> None:
    plate["raw"].setValue(True)
    with pytest.raises(SvfrError, match="raw data"):
        colour(plate)
    found = colour(plate, "lin_ap1_scene")
    assert (found.claim.space, found.raw) == ("lin_ap1_scene", True)


def test_the_artists_config_replaces_the_projects(nuke: FakeNuke, plate: Any) -> None:
    claim = colour(plate, "ACEScg", "ocio://studio-config-v2.1.0_aces-v1.3_ocio-v2.3").claim
    assert claim.space == "ACEScg" and claim.config is not None and claim.config.startswith("ocio://")


def test_a_space_without_known_primaries_is_refused(nuke: FakeNuke, plate: Any) -> None:
    plate["colorspace"].setValue("Cineon")
    with pytest.raises(SvfrError, match="no primaries"):
        colour(plate)


def test_a_result_whose_read_does_not_take_the_space_is_told(nuke: FakeNuke, plate: Any) -> None:
    import svfr_nuke.node
    from svfr_nuke import result

    node = svfr_nuke.node.create(plate)
    with pytest.raises(SvfrError, match='does not take the colour space "ACEScg"'):
        result.show(node, plate["file"].value(), FrameRange.of(nuke_plates.FRAMES), "ACEScg", False)
    assert node["has_result"].value() is False


def test_a_role_is_set_by_its_own_name_and_means_its_space(nuke: FakeNuke, plate: Any) -> None:
    import svfr_nuke.node
    from svfr_nuke import result

    nuke.fake_graph.spaces = ["ACES/ACEScg", "ACES/ACES2065-1"]
    nuke.fake_graph.roles = {"scene_linear": "ACES/ACEScg", "rendering": "ACES/ACES2065-1"}
    frames = FrameRange.of(nuke_plates.FRAMES)
    for space, held in (("scene_linear", "scene_linear"), ("ACEScg", "ACES/ACEScg")):
        node = svfr_nuke.node.create(plate)
        result.show(node, plate["file"].value(), frames, space, False)
        assert node.node("Result")["colorspace"].value() == held


def test_only_the_frames_of_the_result_are_switched_to(nuke: FakeNuke, plate: Any) -> None:
    import svfr_nuke.node
    from svfr_nuke import result

    node = svfr_nuke.node.create(plate)
    shown = node.node("Shown")["which"]
    for text in ("1001-1003x2", "1001,1002", "1003"):
        frames = FrameRange.parse(text)
        result.show(node, plate["file"].value(), frames, "", True)
        assert [at for at in range(-5, 1010) if shown._evaluate(at)] == list(frames)
    node["has_result"].setValue(False)
    assert not shown._evaluate(1001)
