"""A config and its LUTs in one archive: which files those are, and that the colours stay."""

import zipfile
from pathlib import Path

import pytest

from svfr_client.errors import FileCannotBeSent
from svfr_client.transfer import ocio_pack
from svfr_client.transfer.ocio_pack import luts_of, pack
from svfr_ocio.config import open_config

HEAD = "ocio_profile_version: 2\n"
BODY = """roles: {scene_linear: lin, aces_interchange: ap0, default: lin}
displays: {screen: [!<View> {name: raw, colorspace: lin}]}
colorspaces:
  - !<ColorSpace> {name: ap0}
  - !<ColorSpace>
    name: lin
    to_scene_reference: !<ColorSpaceTransform> {src: ap0, dst: ap0}
  - !<ColorSpace>
    name: camera
    to_scene_reference: !<GroupTransform>
      children:
        - !<FileTransform> {src: camera.spi1d, interpolation: linear}
        - !<FileTransform>
          interpolation: linear
          src: "of ${SHOT}.spi1d"
        - !<FileTransform> {src: nowhere.cube}
"""


def write(folder: Path, search: str) -> Path:
    for name in ("luts/camera.spi1d", "luts/more/of a.spi1d", "luts/more/of b.spi1d", "luts/other.spi1d"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        middle = 0.25 if "camera" in name else 0.75 if "of a" in name else 0.5
        text = f"Version 1\nFrom 0.0 1.0\nLength 3\nComponents 1\n{{\n0.0\n{middle}\n1.0\n}}\n"
        (folder / name).write_text(text)
    config = folder / "show.ocio"
    config.write_text(f"{HEAD}{search}{BODY}")
    return config


@pytest.mark.parametrize(
    "search",
    [
        "environment: {SHOT: a}\nsearch_path: luts:luts/more\n",
        "environment:\n  SHOT: a\nsearch_path:\n  - luts\n  - luts/more\n",
        'search_path: "luts:luts/more"  # of the show\n',
        "search_path: [luts, luts/more]\n",
    ],
)
def test_the_luts_are_those_that_the_config_finds(tmp_path: Path, search: str) -> None:
    config = write(tmp_path, search)
    context = {} if "SHOT" in search else {"SHOT": "a"}
    assert set(luts_of(config, context)) == {"luts/camera.spi1d", "luts/more/of a.spi1d"}
    assert set(luts_of(config, {"SHOT": "b"})) == {"luts/camera.spi1d", "luts/more/of b.spi1d"}


def test_the_archive_gives_the_same_colours_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    config = write(tmp_path, "environment: {SHOT: b}\nsearch_path: luts:luts/more\n")
    config.write_text(config.read_text().replace("        - !<FileTransform> {src: nowhere.cube}\n", ""))
    archives = [tmp_path / "one.ocioz", tmp_path / "two.ocioz"]
    for archive in archives:
        pack(config, luts_of(config, {"SHOT": "a"}), archive)
    assert archives[0].read_bytes() == archives[1].read_bytes()
    values = []
    for path in (config, archives[0]):
        opened = open_config(str(path), {"SHOT": "a"}).ocio
        processor = opened.getProcessor("camera", "ap0").getDefaultCPUProcessor()
        values.append(processor.applyRGB([0.5, 0.25, 0.75]))
    assert values[0] == values[1] != [0.5, 0.25, 0.75]
    assert luts_of(archives[0], {}) == {}


@pytest.mark.parametrize("search", ["search_path: ../shared\n", "search_path: {}\n"])
def test_a_lut_outside_the_configs_folder_is_refused(tmp_path: Path, search: str) -> None:
    (tmp_path / "shared").mkdir()
    write(tmp_path / "shared", "")
    (tmp_path / "show").mkdir()
    config = tmp_path / "show" / "config.ocio"
    config.write_text(HEAD + search.format(tmp_path / "shared" / "luts") + BODY)
    if ".." in search:
        (tmp_path / "shared" / "luts" / "camera.spi1d").rename(tmp_path / "shared" / "camera.spi1d")
    with pytest.raises(FileCannotBeSent, match="outside its folder"):
        luts_of(config, {})


def test_luts_have_an_upper_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = write(tmp_path, "search_path: luts:luts/more\n")
    monkeypatch.setattr(ocio_pack, "MOST_LUTS", 1)
    with pytest.raises(FileCannotBeSent, match="uses 2 LUT files"):
        luts_of(config, {"SHOT": "a"})


def test_a_config_without_luts_is_no_archive(tmp_path: Path) -> None:
    config = tmp_path / "config.ocio"
    config.write_text(HEAD + "colorspaces: []\n")
    assert luts_of(config, {}) == {} and not zipfile.is_zipfile(config)
    assert luts_of(tmp_path / "gone.ocio", {}) == {}
