import json
from importlib import resources

import PyOpenColorIO as Ocio
import pytest

from svfr_ocio.build_config import build_config_text
from svfr_ocio.config import package_config, studio_config
from svfr_ocio.names import DISPLAY_LINEAR_REC709, MODEL_SRGB, MODEL_SRGB_ALIASES

DATA = resources.files("svfr_ocio")


def test_the_stored_config_is_what_the_script_writes():
    stored = DATA.joinpath("config.ocio").read_bytes()
    assert build_config_text().encode() == stored
    assert build_config_text() == build_config_text()


def test_the_config_is_valid_and_readable_by_hosts_with_ocio_2_3():
    config = package_config()
    config.validate()
    assert (config.getMajorVersion(), config.getMinorVersion()) == (2, 3)


def test_the_spaces_of_the_project_are_in_it_under_every_name():
    config = package_config()
    for name in (MODEL_SRGB, *MODEL_SRGB_ALIASES):
        assert config.getColorSpace(name).getName() == MODEL_SRGB
    assert config.getColorSpace(DISPLAY_LINEAR_REC709) is not None


@pytest.fixture(scope="module")
def interop_names() -> dict[str, list[str]]:
    return json.loads(DATA.joinpath("data/interop_ids.json").read_text())


def test_the_table_of_interop_ids_is_that_of_opencolorio(interop_names):
    newest = Ocio.Config.CreateFromFile("ocio://studio-config-latest")
    table = {interop_id.removeprefix("ocio:"): names for interop_id, names in interop_names.items()}
    for space in newest.getColorSpaces(Ocio.SEARCH_REFERENCE_SPACE_ALL, Ocio.COLORSPACE_ALL):
        if space.getInteropID():
            assert space.getName() in table[space.getInteropID().removeprefix("ocio:")]


def test_a_name_in_the_table_belongs_to_one_id(interop_names):
    names = [name.casefold() for known in interop_names.values() for name in known]
    assert len(names) == len(set(names))


def test_every_name_of_nuke_default_has_an_id_the_studio_config_knows(interop_names):
    table = json.loads(DATA.joinpath("data/nuke_default.json").read_text())
    for interop_id in table.values():
        assert any(studio_config().getColorSpace(name) for name in interop_names[interop_id])
