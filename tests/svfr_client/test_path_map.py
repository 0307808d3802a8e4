"""Folders have two names: rules translate whole path parts, longest first, in either machine's style."""

import json
from pathlib import Path

import pytest

from svfr_client.errors import BadPathMap, PathIsNotMapped
from svfr_client.job import ColourClaim, JobSpec, Reference
from svfr_client.path_map import PathMap, PathRule

WINDOWS = PathMap((PathRule("P:/shots", "/srv/shots"), PathRule(r"\\filer\lib", "/srv/library")))


@pytest.mark.parametrize(
    ("client", "server"),
    [
        ("P:/shots/sh010/plate.%04d.exr", "/srv/shots/sh010/plate.%04d.exr"),
        (r"p:\Shots\sh010\plate.####.exr", "/srv/shots/sh010/plate.####.exr"),
        (r"\\FILER\lib\photo.png", "/srv/library/photo.png"),
        ("//filer/LIB/photo.png", "/srv/library/photo.png"),
        ("P:/shots", "/srv/shots"),
        ("P:/shots/a/../b/x.exr", "/srv/shots/b/x.exr"),
    ],
)
def test_a_windows_path_becomes_the_servers_path(client: str, server: str) -> None:
    assert WINDOWS.to_server(client) == server


def test_a_servers_path_comes_back_in_the_slashes_of_the_rule() -> None:
    back = PathMap((PathRule("P:\\shots", "/srv/shots"), PathRule("Q:/", "/srv/q")))
    assert back.to_client("/srv/shots/a/b.exr") == r"P:\shots\a\b.exr"
    assert back.to_client("/srv/q/b.exr") == "Q:/b.exr"


def test_the_longest_rule_wins() -> None:
    rules = PathMap((PathRule("/job", "/mnt/job"), PathRule("/job/fast", "/nvme")))
    assert rules.to_server("/job/fast/a.exr") == "/nvme/a.exr"
    assert rules.to_server("/job/faster/a.exr") == "/mnt/job/faster/a.exr"


def test_a_posix_folder_matches_only_in_its_own_case() -> None:
    assert PathMap((PathRule("/Job", "/mnt/job"),)).to_server("/job/a.exr") == "/job/a.exr"


def test_a_path_with_one_name_everywhere_needs_no_rule() -> None:
    assert PathMap((PathRule("/job", "/mnt/job"),)).to_server("/share/a.exr") == "/share/a.exr"
    assert PathMap().to_server("P:/a.exr") == "P:/a.exr"


@pytest.mark.parametrize("path", ["Q:/other/a.exr", "P:/shotsX/a.exr", "P:/shots/../keys/a.exr"])
def test_a_windows_path_without_a_rule_is_refused_for_a_posix_server(path: str) -> None:
    with pytest.raises(PathIsNotMapped, match="no name for this path"):
        WINDOWS.to_server(path)


def test_every_path_of_a_job_is_translated_and_nothing_else() -> None:
    spec = JobSpec(
        plate="P:/shots/p.%04d.exr",
        frames="1-2",
        tasks=("bfr",),
        output="P:/shots/o.%04d.exr",
        mask_path="P:/shots/m.%04d.exr",
        references=(Reference(photo=r"\\filer\lib\face.png"), Reference(track=1, frame=7)),
        colour=ColourClaim(space="ACEScg", config="P:/shots/config.ocio"),
    )
    there = WINDOWS.job_to_server(spec)
    assert (there.plate, there.output) == ("/srv/shots/p.%04d.exr", "/srv/shots/o.%04d.exr")
    assert there.mask_path == "/srv/shots/m.%04d.exr"
    assert [r.photo for r in there.references] == ["/srv/library/face.png", None]
    assert there.colour.config == "/srv/shots/config.ocio"
    assert (there.model, there.seed, there.frames) == (spec.model, spec.seed, spec.frames)


def test_a_built_in_config_is_not_a_path() -> None:
    spec = JobSpec("P:/shots/p.exr", "1", ("bfr",), "P:/shots/o.exr", colour=ColourClaim(config="ocio://a"))
    assert WINDOWS.job_to_server(spec).colour.config == "ocio://a"


def test_the_rules_are_read_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "path_map.json"
    path.write_text(json.dumps({"format": 1, "rules": [{"client": "P:/shots", "server": "/srv/shots"}]}))
    assert PathMap.load(path).to_server("P:/shots/a") == "/srv/shots/a"
    assert PathMap.load(tmp_path / "none.json") == PathMap()


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"format": 2, "rules": []}',
        '{"format": 1, "rules": {}}',
        '{"format": 1, "rules": [{"client": "P:/a"}]}',
        '{"format": 1, "rules": [{"client": "P:/a", "server": "/b", "user": "c"}]}',
        '{"format": 1, "rules": [{"client": "shots", "server": "/b"}]}',
    ],
)
def test_a_file_that_is_no_path_map_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "path_map.json"
    path.write_text(text)
    with pytest.raises(BadPathMap, match=r"path_map\.json"):
        PathMap.load(path)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[" * 100_000, b'{"format": ' + b"9" * 5000 + b"}", None])
def test_a_file_that_python_cannot_read_is_refused_with_a_remedy(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "path_map.json"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(BadPathMap, match=r"path_map\.json") as caught:
        PathMap.load(path)
    assert caught.value.remedy
