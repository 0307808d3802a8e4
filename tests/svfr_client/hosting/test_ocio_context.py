"""The values of an OCIO config's context variables: as typed, and as a host's environment has them."""

from pathlib import Path

import PyOpenColorIO as Ocio
import pytest

from svfr_client.errors import BadJob
from svfr_client.hosting.ocio_context import context_of_host, read_context

ENVIRONMENT = {"SHOT": "sh020", "CAMERA": "b", "HOME": "/artist"}


def config_with(path: Path, **defaults: str) -> str:
    config = Ocio.Config.CreateRaw()
    for name, value in defaults.items():
        config.addEnvironmentVar(name, value)
    path.write_text(config.serialize(), encoding="utf-8")
    return str(path)


def test_values_are_typed_as_a_list() -> None:
    assert read_context("SHOT=sh010, CAMERA = a b;LOOK=\nSHOW=x=y") == {
        "SHOT": "sh010",
        "CAMERA": "a b",
        "LOOK": "",
        "SHOW": "x=y",
    }
    assert read_context("  ,\n") == {}


@pytest.mark.parametrize("text", ["SHOT", "=sh010", "SHOT=a, SHOT=b"])
def test_what_is_no_value_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadJob, match="Write them like SHOT=sh010"):
        read_context(text)


def test_the_environment_fills_what_the_config_declares(tmp_path: Path) -> None:
    config = config_with(tmp_path / "config.ocio", SHOT="none", LOOK="neutral")
    assert context_of_host(config, ENVIRONMENT) == {"SHOT": "sh020"}


@pytest.mark.parametrize(
    "declared", ["environment: {SHOT: a, 'CAMERA': b}", "environment:\n  SHOT: a\n\n  CAMERA: b"]
)
def test_both_ways_of_writing_variables_are_read(tmp_path: Path, declared: str) -> None:
    (tmp_path / "config.ocio").write_text(f"ocio_profile_version: 2\n\n{declared}\nsearch_path: $HOME/luts\n")
    assert context_of_host(str(tmp_path / "config.ocio"), ENVIRONMENT) == {"SHOT": "sh020", "CAMERA": "b"}


@pytest.mark.parametrize("written", ["", "environment: {}\n", "environment:\n  {}\n"])
def test_a_config_that_declares_nothing_gets_what_it_uses(tmp_path: Path, written: str) -> None:
    path = tmp_path / "config.ocio"
    path.write_text(
        f"ocio_profile_version: 1\n{written}search_path: luts/${{SHOT}}\nx: $CAMERA.cube %NOBODY%\n"
    )
    assert context_of_host(str(path), ENVIRONMENT) == {"SHOT": "sh020", "CAMERA": "b"}


def test_a_config_that_cannot_be_read_here_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "config.ocioz").write_bytes(b"PK\x03\x04\xff\xfe")
    for config in (
        "ocio://cg-config-v1.0.0_aces-v1.3_ocio-v2.1",
        str(tmp_path / "no.ocio"),
        str(tmp_path / "config.ocioz"),
        "\0",
    ):
        assert context_of_host(config, ENVIRONMENT) == {}
