import zipfile
from pathlib import Path

import numpy as np
import PyOpenColorIO as Ocio
import pytest
from own_configs import own_config

from svfr_ocio import bridge
from svfr_ocio.config import open_config
from svfr_ocio.domain import ModelDomain
from svfr_ocio.errors import (
    ColourTransformFailed,
    ConfigChanged,
    ConfigIsMissing,
    ConfigIsTooNew,
    ConfigIsUnreadable,
    UnknownBuiltinConfig,
)
from svfr_ocio.names import STUDIO_URI

CONFIG = own_config(
    "lin", "ap0", {"camera": "FileTransform> {src: camera.spi1d, interpolation: linear}"}, search_path="luts"
)


def spi1d(middle: float) -> str:
    return f"Version 1\nFrom 0.0 1.0\nLength 3\nComponents 1\n{{\n0.0\n{middle}\n1.0\n}}\n"


@pytest.fixture
def config_path(tmp_path: Path) -> Path:
    (tmp_path / "luts").mkdir()
    (tmp_path / "luts" / "camera.spi1d").write_text(spi1d(0.25))
    path = tmp_path / "config.ocio"
    path.write_text(CONFIG)
    return path


def middle_of(path: Path) -> float:
    config = open_config(str(path))
    grey = np.full((1, 1, 3), 0.5, np.float32)
    return float(bridge.to_interchange(config, config.resolve("camera")).convert(grey)[0, 0, 1])


def test_no_claim_means_the_fixed_studio_config(studio):
    assert studio.uri == STUDIO_URI == studio.identity
    assert (studio.kind, studio.profile, studio.sha256) == ("builtin", "2.3", None)


@pytest.mark.parametrize(
    "address", ["ocio://default", "ocio://studio-config-latest", "ocio://cg-config-latest"]
)
def test_a_moving_address_is_resolved_to_the_fixed_one(address):
    config = open_config(address)
    assert config.uri == Ocio.ResolveConfigPath(address) != address
    assert "-v" in config.identity


def test_the_environments_config_is_never_used(monkeypatch, config_path):
    monkeypatch.setenv("OCIO", str(config_path))
    assert open_config(None).uri == STUDIO_URI


def test_a_file_is_known_by_its_bytes_and_not_by_its_place(config_path, tmp_path):
    config = open_config(str(config_path))
    assert config.kind == "file" and config.uri is None
    assert config.identity == f"sha256:{config.sha256}"
    other = tmp_path / "other"
    (other / "luts").mkdir(parents=True)
    (other / "config.ocio").write_bytes(config_path.read_bytes())
    (other / "luts" / "camera.spi1d").write_text(spi1d(0.25))
    assert open_config(str(other / "config.ocio")).identity == config.identity


def test_every_byte_of_the_config_and_its_luts_counts(config_path):
    first = open_config(str(config_path)).sha256
    (config_path.parent / "luts" / "camera.spi1d").write_text(spi1d(0.26))
    second = open_config(str(config_path)).sha256
    config_path.write_text(CONFIG + "# a comment\n")
    third = open_config(str(config_path)).sha256
    assert len({first, second, third}) == 3


def test_a_lut_the_config_does_not_refer_to_does_not_count(config_path):
    before = open_config(str(config_path)).sha256
    (config_path.parent / "luts" / "unused.spi1d").write_text(spi1d(0.9))
    assert open_config(str(config_path)).sha256 == before


def test_a_rewritten_lut_is_read_again(config_path):
    assert middle_of(config_path) == pytest.approx(0.25)
    (config_path.parent / "luts" / "camera.spi1d").write_text(spi1d(0.5))
    assert middle_of(config_path) == pytest.approx(0.5)


def test_an_archive_gives_the_numbers_of_its_folder_and_an_identity_of_its_own(config_path, tmp_path):
    archive = tmp_path / "show.ocioz"
    Ocio.Config.CreateFromFile(str(config_path)).archive(str(archive))
    config = open_config(str(archive))
    assert config.kind == "archive"
    assert middle_of(archive) == pytest.approx(middle_of(config_path))
    repacked = tmp_path / "again.ocioz"
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(repacked, "w") as new:
        for name in reversed(old.namelist()):
            new.writestr(zipfile.ZipInfo(name, (2001, 1, 1, 0, 0, 0)), old.read(name))
    assert repacked.read_bytes() != archive.read_bytes()
    assert open_config(str(repacked)).identity == config.identity


def test_an_archive_that_unpacks_to_gigabytes_is_refused_before_it_is_unpacked(tmp_path):
    bomb = tmp_path / "bomb.ocioz"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.ocio", CONFIG)
        for number in range(9):
            with archive.open(f"luts/{number}.cube", "w") as member:
                for _ in range(256):
                    member.write(bytes(1 << 20))
    with pytest.raises(ConfigIsUnreadable, match=r"2\.3 GiB"):
        open_config(str(bomb))


def test_a_config_that_changed_after_it_was_opened_is_noticed(config_path):
    config = open_config(str(config_path))
    config.require_unchanged()
    (config_path.parent / "luts" / "camera.spi1d").write_text(spi1d(0.3))
    with pytest.raises(ConfigChanged) as caught:
        config.require_unchanged()
    assert caught.value.path == str(config_path) and "again" in caught.value.remedy


def test_a_config_that_went_away_after_it_was_opened_is_noticed(config_path):
    config = open_config(str(config_path))
    config_path.unlink()
    with pytest.raises(ConfigChanged):
        config.require_unchanged()


def test_a_builtin_config_cannot_change(studio):
    studio.require_unchanged()


def test_a_missing_config_is_named_with_its_path(tmp_path):
    with pytest.raises(ConfigIsMissing) as caught:
        open_config(str(tmp_path / "show.ocio"))
    assert caught.value.path == str(tmp_path / "show.ocio")
    assert caught.value.remedy


def test_a_folder_is_no_config(tmp_path):
    with pytest.raises(ConfigIsUnreadable, match="not a file"):
        open_config(str(tmp_path))


@pytest.mark.parametrize("name", ["bad.ocio", "bad.ocioz"])
@pytest.mark.parametrize("content", ["", "hello: [\n", "ocio_profile_version: 2\n"])
def test_a_file_that_is_no_config_is_unreadable(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ConfigIsUnreadable) as caught:
        open_config(str(path))
    assert caught.value.path == str(path)


def test_an_archive_without_a_config_is_unreadable(tmp_path):
    path = tmp_path / "empty.ocioz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "nothing here")
    with pytest.raises(ConfigIsUnreadable):
        open_config(str(path))


@pytest.mark.parametrize("version", ["2.9", "3"])
def test_a_config_of_a_newer_profile_says_so(tmp_path, version):
    path = tmp_path / "new.ocio"
    path.write_text(CONFIG.replace("ocio_profile_version: 2", f"ocio_profile_version: {version}"))
    with pytest.raises(ConfigIsTooNew, match=Ocio.__version__):
        open_config(str(path))


@pytest.mark.parametrize(
    "address", ["ocio://nonsense", "ocio://", "ocio://studio-config-v99.0.0_aces-v9_ocio-v9"]
)
def test_an_unknown_builtin_lists_the_known_ones(address):
    with pytest.raises(UnknownBuiltinConfig) as caught:
        open_config(address)
    assert STUDIO_URI in caught.value.remedy


def test_a_missing_lut_fails_only_the_space_that_needs_it(config_path):
    (config_path.parent / "luts" / "camera.spi1d").unlink()
    config = open_config(str(config_path))
    ModelDomain.build(config, "lin")
    with pytest.raises(ColourTransformFailed, match=r"camera\.spi1d"):
        ModelDomain.build(config, "camera")
