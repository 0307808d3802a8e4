import PyOpenColorIO as Ocio
import pytest
from own_configs import own_config

from svfr_ocio.config import open_config, studio_config
from svfr_ocio.domain import ModelDomain
from svfr_ocio.errors import SpaceHasNoKnownPrimaries, UnknownColourSpace
from svfr_ocio.spaces import resolve_space

NEWEST = "ocio://studio-config-v4.0.0_aces-v2.0_ocio-v2.5"

# Names of its own for standard spaces, as a studio's config has them; no interop IDs.
HOUSE_CONFIG = own_config(
    "house_linear",
    "house_ap0",
    {
        "house_log": "BuiltinTransform> {style: ACEScct_to_ACES2065-1}",
        "house_odd": "MatrixTransform> {matrix: [0.5, 0.4, 0.1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]}",
    },
)

# The form of Nuke's nuke-default config: profile 1, no interchange roles, no stated primaries.
NUKE_CONFIG = """ocio_profile_version: 1
roles: {scene_linear: linear, default: linear}
displays: {screen: [!<View> {name: sRGB, colorspace: sRGB}]}
colorspaces:
  - !<ColorSpace> {name: linear}
  - !<ColorSpace> {name: raw, isdata: true}
  - !<ColorSpace>
    name: sRGB
    to_reference: !<ExponentTransform> {value: [2.2, 2.2, 2.2, 1]}
  - !<ColorSpace>
    name: AlexaV3LogC
    to_reference: !<ExponentTransform> {value: [2.2, 2.2, 2.2, 1]}
  - !<ColorSpace>
    name: Panalog
    to_reference: !<ExponentTransform> {value: [2.2, 2.2, 2.2, 1]}
"""


@pytest.fixture
def config_of(tmp_path):
    def write(text):
        path = tmp_path / "config.ocio"
        path.write_text(text)
        return open_config(str(path))

    return write


@pytest.mark.parametrize(
    "name", ["ACEScg", "acescg", "scene_linear", "lin_ap1", "ACES - ACEScg", "lin_ap1_scene", "LIN_AP1"]
)
def test_a_space_is_found_by_name_role_alias_and_interop_id(studio, name):
    space = studio.resolve(name)
    assert (space.name, space.interop_id, space.encoding) == ("ACEScg", "lin_ap1_scene", "scene-linear")
    assert space.reference == "scene" and not space.is_data and space.studio_name is None


@pytest.mark.parametrize("uri", [None, NEWEST, "ocio://cg-config-v1.0.0_aces-v1.3_ocio-v2.1"])
@pytest.mark.parametrize(
    "interop_id, name", [("lin_ap1_scene", "ACEScg"), ("lin_rec709_scene", "Linear Rec.709 (sRGB)")]
)
def test_an_interop_id_works_in_configs_of_every_generation(uri, interop_id, name):
    space = open_config(uri).resolve(interop_id)
    assert (space.name, space.interop_id) == (name, interop_id)


def test_the_newest_configs_ids_that_the_studio_config_can_hold_are_found_in_it(studio):
    newest = open_config(NEWEST).ocio
    missing = []
    for space in newest.getColorSpaces(Ocio.SEARCH_REFERENCE_SPACE_ALL, Ocio.COLORSPACE_ALL):
        names = (space.getName(), *space.getAliases())
        if space.getInteropID() and any(studio_config().getColorSpace(name) for name in names):
            found = studio.resolve(space.getInteropID())
            if found.interop_id.removeprefix("ocio:") != space.getInteropID().removeprefix("ocio:"):
                missing.append((space.getInteropID(), found))
    assert missing == []


def test_a_display_space_is_told_from_a_scene_space(studio):
    assert studio.resolve("srgb_rec709_display").reference == "display"
    assert studio.resolve("srgb_rec709_scene").reference == "scene"


def test_a_house_config_without_ids_is_matched_by_its_numbers(config_of):
    config = config_of(HOUSE_CONFIG)
    assert config.resolve("lin_ap1_scene").name == "house_linear"
    assert config.resolve("ocio:acescct_ap1_scene").name == "house_log"
    assert config.resolve("house_log").interop_id == "ocio:acescct_ap1_scene"
    assert config.resolve("house_odd").interop_id is None


def test_an_id_the_job_gives_is_kept_for_a_space_that_has_none(config_of):
    assert config_of(HOUSE_CONFIG).resolve("house_odd", "show:house_odd").interop_id == "show:house_odd"


@pytest.mark.parametrize(
    "name, interop_id, studio_name",
    [
        ("linear", "lin_rec709_scene", "Linear Rec.709 (sRGB)"),
        ("sRGB", "srgb_rec709_scene", "sRGB - Texture"),
        ("AlexaV3LogC", "ocio:arrilogc3_awg3_scene", "ARRI LogC3 (EI800)"),
        ("lin_rec709_scene", "lin_rec709_scene", "Linear Rec.709 (sRGB)"),
    ],
)
def test_nuke_defaults_names_are_tied_to_standard_spaces(config_of, name, interop_id, studio_name):
    space = config_of(NUKE_CONFIG).resolve(name)
    assert (space.interop_id, space.studio_name) == (interop_id, studio_name)


def test_nuke_defaults_linear_is_a_plate_one_can_work_on(config_of):
    domain = ModelDomain.build(config_of(NUKE_CONFIG), "scene_linear")
    assert domain.kind == "linear" and domain.transfer_space == "linear"


def test_nuke_defaults_raw_is_data(config_of):
    assert config_of(NUKE_CONFIG).resolve("raw").is_data


def test_a_space_without_known_primaries_is_refused_until_the_job_says_what_it_is(config_of):
    config = config_of(NUKE_CONFIG)
    with pytest.raises(SpaceHasNoKnownPrimaries) as caught:
        config.resolve("Panalog")
    assert "--reference-space" in caught.value.remedy
    assert config.resolve("Panalog", "ocio:arrilogc4_awg4_scene").studio_name == "ARRI LogC4"


@pytest.mark.parametrize(
    "wanted, close", [("ACESgc", "ACEScg"), ("lin_rec907", "lin_rec709"), ("scene_liner", "scene_linear")]
)
def test_an_unknown_space_lists_close_names(studio, wanted, close):
    with pytest.raises(UnknownColourSpace) as caught:
        studio.resolve(wanted)
    assert wanted in caught.value.message and studio.name in caught.value.message
    assert close in caught.value.remedy


def test_a_name_close_to_nothing_lists_all_spaces(config_of):
    with pytest.raises(UnknownColourSpace, match="house_linear, house_log") as caught:
        config_of(HOUSE_CONFIG).resolve("????")
    assert caught.value.code == "UNKNOWN_COLOUR_SPACE"


@pytest.mark.parametrize("wanted", ["", "AlexaV3LogC", "Output - sRGB"])
def test_names_of_other_configs_are_not_guessed(studio, wanted):
    with pytest.raises(UnknownColourSpace):
        resolve_space(studio.ocio, studio.name, studio_config(), wanted, None)
