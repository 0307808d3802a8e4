"""Frames out of a host, through a real server and its built-in models, and back into the host."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ofx_build import Built
from ofx_host import FLOAT, OK, RGBA, Clip, Host, Node, Pixels, as_depth, noise

from benchmarks.uploads.slow_line import slow_line
from svfr_client.client import Client
from svfr_client.connection import CONNECTION_FILE, find_connection, make_private_folder
from svfr_client.protocol.messages import JobState
from svfr_server.job_store.local_files import local_folder, make_local_folder

WAIT = {"whenNotReady": 1}
COUNT = 3


def wait_for(home: Path, job: str, state: JobState = JobState.DONE) -> None:
    with Client(folder=home) as client:
        give_up = time.monotonic() + 400
        while time.monotonic() < give_up:
            status = client.status(job)
            if status.state.is_final:
                assert status.state is state, status.error
                return
            time.sleep(0.05)
    raise AssertionError("the job did not end")


def clip_of(folder: Path, depth: str = FLOAT, components: str = RGBA, **more: Any) -> Clip:
    channels = 4 if components == RGBA else 3
    pictures = [as_depth(noise(seed, channels=channels), depth) for seed in range(COUNT)]
    return Clip(folder=folder, pixels=pictures, first=1001, depth=depth, components=components, more=more)


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    """A clip of floats with alpha."""
    return clip_of(tmp_path)


FORMS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("nuke-like", FLOAT, RGBA, {}),
    ("nuke-like", FLOAT, RGBA, {"premultiplication": "OfxImageAlphaPremultiplied", "x": -7, "y": 12}),
    ("resolve-like", "OfxBitDepthHalf", "OfxImageComponentRGB", {"x": 5}),
    ("resolve-like", "OfxBitDepthShort", RGBA, {"premultiplication": "OfxImagePreMultiplied"}),
    ("fusion-like", FLOAT, "OfxImageComponentRGB", {}),
    ("vegas-1.1", "OfxBitDepthByte", RGBA, {}),
]


@pytest.mark.parametrize(("profile", "depth", "components", "more"), FORMS)
def test_what_identity_restores_is_the_source_bit_by_bit(
    built: Built, home: Path, tmp_path: Path, profile: str, depth: str, components: str, more: dict[str, Any]
) -> None:
    clip = clip_of(tmp_path, depth, components, **more)
    with Host(built, profile, home) as host:
        node = Node(host, clip, params=WAIT)
        wait_for(home, node.restore())
        for index in range(COUNT):
            answer, picture = node.render(1001 + index)
            assert (answer["status"], answer["persistent"]) == (OK, "")
            assert picture.tobytes() == clip.pixels[index].tobytes()
        host.statistics()


def test_a_frame_that_the_model_changed_comes_back_changed_and_the_alpha_stays(
    built: Built, home: Path, clip: Clip
) -> None:
    with Host(built, "nuke-like", home) as host:
        node = Node(host, clip, params={**WAIT, "model": "probe"})
        wait_for(home, node.restore())
        answer, whole = node.render(1001)
        assert (answer["status"], answer["persistent"]) == (OK, "")
        host.ask("set", id="a", name="mix", value=0.5)
        _, half = node.render(1001)
    source = clip.pixels[0]
    changed = (whole[..., :3] != source[..., :3]).any(axis=-1)
    assert changed.sum() > 20 and np.array_equal(whole[..., 3], source[..., 3])
    assert np.allclose(half[..., :3], (whole[..., :3] + source[..., :3]) / 2, atol=1e-6)
    assert np.array_equal(half[~changed], source[~changed])


def test_a_project_that_is_opened_again_has_its_frames_and_so_has_every_render_node(
    built: Built, home: Path, clip: Clip
) -> None:
    """MLT makes an instance for each frame, loads again each time, and lays rows out from the top."""
    with Host(built, "nuke-like", home) as host:
        node = Node(host, clip, params={**WAIT, "model": "probe"})
        job = node.restore()
        wait_for(home, job)
        saved = host.ask("params", id="a")
        pictures = [node.render(1001 + index)[1] for index in range(COUNT)]
    with Host(built, "mlt-like", home) as host:
        for index in (0, 1, 2, 2, 2):
            host.ask("load")
            node = Node(host, clip, f"i{index}", params=saved)
            answer, picture = node.render(1001 + index)
            assert (answer["status"], picture.tobytes()) == (OK, pictures[index].tobytes())
            host.ask("destroy", id=f"i{index}")
        host.statistics()


def test_eight_threads_render_from_one_server(built: Built, home: Path, tmp_path: Path, clip: Clip) -> None:
    with Host(built, "nuke-like", home) as host:
        node = Node(host, clip, params=WAIT)
        wait_for(home, node.restore())
        params = host.ask("params", id="a")
        for index in range(8):
            Node(host, clip, f"t{index}", params=params)
        renders = [
            {"id": f"t{index % 8}", "time": 1001 + index % COUNT, "out": str(tmp_path / f"m{index}.raw")}
            for index in range(64)
        ]
        answers = host.ask("render_many", threads=8, renders=renders)["answers"]
        assert [(answer["status"], answer["persistent"]) for answer in answers] == [(OK, "")] * 64
        for index in range(64):
            written = (tmp_path / f"m{index}.raw").read_bytes()
            assert written == clip.pixels[index % COUNT].tobytes()
        host.statistics()


def test_the_button_reads_the_range_and_nothing_else_and_a_second_time_sends_nothing_again(
    built: Built, home: Path, tmp_path: Path, clip: Clip
) -> None:
    (tmp_path / "1003.raw").unlink()  # outside the range: nobody may ask for it
    with Host(built, "nuke-like", home) as host:
        node = Node(host, clip, params={**WAIT, "range": 1, "firstFrame": 1001, "lastFrame": 1002})
        first = node.restore()
        pieces = sorted((home / "transfers" / "pieces").rglob("*"))
        second = node.restore()
        assert first != second and sorted((home / "transfers" / "pieces").rglob("*")) == pieces
        wait_for(home, second)
        assert json.loads(host.ask("params", id="a")["job"]) == {"id": second, "first": 1001, "last": 1002}
        host.statistics()


@pytest.mark.parametrize("is_private", [True, False])
def test_on_the_servers_machine_frames_go_by_a_file_else_over_the_line(
    built: Built, home: Path, tmp_path: Path, is_private: bool
) -> None:
    pictures: list[Pixels] = [noise(40 + 2 * is_private + seed, 256, 384) for seed in range(2)]
    clip = Clip(tmp_path / "clip", pictures, 1001)
    sent = sum(picture.nbytes for picture in pictures)
    own, there = find_connection(home), make_private_folder(tmp_path / "there") / CONNECTION_FILE
    make_local_folder(home)
    local_folder(home).chmod(0o700 if is_private else 0o755)
    try:
        with slow_line(int(own.endpoint.rsplit(":", 1)[1]), 1e9) as line:
            replace(own, endpoint=f"tcp://127.0.0.1:{line.port}").save(there)
            with Host(built, "nuke-like", home) as host:
                node = Node(host, clip, params={**WAIT, "server": str(there)})
                job = node.restore()
                wait_for(home, job)
                for path in [] if is_private else list((home / "transfers").rglob(f"{job}/frame.*.exr")):
                    path.symlink_to(path.rename(path.with_suffix(".moved")))  # the plugin follows no link
                for index, picture in enumerate(pictures):
                    answer, restored = node.render(1001 + index)
                    assert (answer["status"], answer["persistent"]) == (OK, "")
                    assert restored.tobytes() == picture.tobytes()
                host.statistics()
            assert (line.to_server_bytes < sent // 4) == is_private
            # The first 512 KiB of a frame come with the answer, whichever way the rest takes.
            assert (line.to_client_bytes < sent // 2) == is_private
        assert list(local_folder(home).iterdir()) == []
    finally:
        local_folder(home).chmod(0o700)


@pytest.mark.parametrize("roto", [1, 2])
def test_a_roto_travels_as_a_matte(built: Built, home: Path, tmp_path: Path, roto: int) -> None:
    clip = clip_of(tmp_path / "source")
    for picture in clip.pixels:
        picture[..., 3] = 0
        picture[10:30, 20:40, 3] = 1
    clip.__post_init__()
    mattes: list[Pixels] = [np.ascontiguousarray(picture[..., 3:]) for picture in clip.pixels]
    mask = Clip(
        folder=tmp_path / "mask", pixels=mattes, first=1001, depth=FLOAT, components="OfxImageComponentAlpha"
    )
    with Host(built, "nuke-like", home) as host:
        node = Node(
            host, clip, mask=mask if roto == 1 else None, params={**WAIT, "model": "probe", "roto": roto}
        )
        wait_for(home, node.restore())
        answer, picture = node.render(1002)
        assert (answer["status"], answer["persistent"]) == (OK, "")
    outside = np.ones(picture.shape[:2], bool)
    outside[10:30, 20:40] = False
    assert np.array_equal(picture[outside], clip.pixels[1][outside])
    assert not np.array_equal(picture, clip.pixels[1])
    with Client(folder=home) as client:
        assert client.jobs(limit=1)[0].state is JobState.DONE


def test_a_smaller_render_shows_the_result_smaller(
    built: Built, home: Path, tmp_path: Path, clip: Clip
) -> None:
    with Host(built, "nuke-like", home) as host:
        node = Node(host, clip, params={**WAIT, "model": "probe"})
        wait_for(home, node.restore())
        _, whole = node.render(1001)
        small = Clip(tmp_path / "half", [np.ascontiguousarray(clip.pixels[0][::2, ::2])], 1001)
        half = Node(host, small, "half", params=host.ask("params", id="a"))
        answer, picture = half.render(1001, scale=0.5)
        assert (answer["status"], answer["persistent"]) == (OK, "")
        green = np.zeros((24, 32, 4), np.float32) + np.array([0, 1, 0, 1], np.float32)
        other = Clip(tmp_path / "other", [green], 1001)
        params = {**host.ask("params", id="a"), "whenNotReady": 0}
        answer, shown = Node(host, other, "other", params=params).render(1001, scale=0.5)
        assert "has changed" in answer["persistent"] and shown.tobytes() == green.tobytes()
    means = whole[..., :3].reshape(24, 2, 32, 2, 3).mean(axis=(1, 3))
    assert np.allclose(picture[..., :3], means, atol=1e-5)


def test_a_source_that_was_changed_afterwards_is_not_overwritten(
    built: Built, home: Path, clip: Clip
) -> None:
    with Host(built, "nuke-like", home) as host:
        node = Node(host, clip, params=WAIT)
        wait_for(home, node.restore())
        node.render(1001)
        clip.pixels[0][3, 3, 0] += 1
        clip.__post_init__()
        host.ask("set", id="a", name="whenNotReady", value=0)
        answer, picture = node.render(1001)
        assert "has changed" in answer["persistent"] and answer["status"] == OK
        assert picture.tobytes() == clip.pixels[0].tobytes()


def test_refresh_and_cancel_say_how_the_job_stands_and_make_the_host_render_anew(
    built: Built, home: Path, tmp_path: Path
) -> None:
    with Host(built, "nuke-like", home) as host:
        node = Node(host, clip_of(tmp_path), params=WAIT)
        assert "Nothing restored" in node.press("refresh")["params"]["status"]
        job = node.restore()
        wait_for(home, job)
        before = host.ask("params", id="a")["revision"]
        after = node.press("refresh")["params"]
        assert (after["status"], after["revision"]) == ("Done.", before + 1)
        assert node.press("cancel")["params"]["status"] == "Done."
        assert node.press("refresh", reason="OfxChangePluginEdited")["status"] == 14


def test_a_reference_photo_is_sent_along(built: Built, home: Path, tmp_path: Path) -> None:
    photo = tmp_path / "someone.PNG"
    photo.write_bytes(b"this is no picture")
    with Host(built, "nuke-like", home) as host:
        node = Node(host, clip_of(tmp_path), params={**WAIT, "reference": 2, "referencePhoto": str(photo)})
        job = node.restore()
        wait_for(home, job, JobState.FAILED)
        status = node.press("refresh")["params"]["status"]
        assert "Not a PNG file" in status and "the reference photo" in status and "transfers" not in status
        answer, _ = node.render(1001)
        assert answer["status"] == 1 and answer["persistent"]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"faces": 0}, ["No face was found", "(the clip)", "Faces: Whole frame", "[NO_FACE]"]),
        (
            {"colourspace": "qqqqqqqq"},
            ["no space 'qqqqqqqq'", "for instance ACEScg", "[UNKNOWN_COLOUR_SPACE]"],
        ),
        (
            {"colourspace": "ACEScgg"},
            ["no space 'ACEScgg'", "Close names are: ACEScg", "[UNKNOWN_COLOUR_SPACE]"],
        ),
    ],
)
def test_what_is_wrong_is_said_in_the_words_of_the_panel(
    built: Built, home: Path, tmp_path: Path, params: dict[str, Any], words: list[str]
) -> None:
    with Host(built, "nuke-like", home) as host:
        node = Node(host, clip_of(tmp_path), params={**WAIT, **params})
        answer = node.press("restoreRange")["params"]
        if answer["job"]:
            wait_for(home, json.loads(answer["job"])["id"], JobState.FAILED)
            answer = node.press("refresh")["params"]
            assert all(one in node.render(1001)[0]["persistent"] for one in words)
        status = answer["status"]
        assert all(one in status for one in words), status
        assert "--" not in status and "transfers" not in status and len(status) < 400


def test_a_job_that_runs_is_said_to_be_cancelled_soon(built: Built, home: Path, tmp_path: Path) -> None:
    with Host(built, "nuke-like", home) as host:
        node = Node(host, clip_of(tmp_path), params={**WAIT, "faces": 3, "model": "mini"})
        job = node.restore()
        said = node.press("cancel")["params"]["status"]
        assert said.startswith("Cancelling:") or said == "Cancelled."
        wait_for(home, job, JobState.CANCELLED)
        assert node.press("refresh")["params"]["status"] == "Cancelled."
