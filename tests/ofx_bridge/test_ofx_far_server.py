"""A server on another machine: its line is slow, answers late, breaks, and its store is cleared meanwhile."""

import json
import os
import re
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import OpenImageIO as oiio
import pytest
from e2e_service import running
from ofx_build import SANITIZE, Built
from ofx_host import OK, RGBA, Clip, Host, Node, noise
from server_samples import kill, shut_down, terminate

from benchmarks.uploads.slow_line import SlowLine, slow_line
from svfr_client.connection import CONNECTION_FILE, find_connection, make_private_folder
from svfr_client.silence import silence_words
from svfr_server.job_store.local_files import local_folder, make_local_folder
from svfr_server.job_store.transfers import Quota, clear, measure, write_quota
from svfr_server.start import start_local_server

SOURCE, WAIT = 0, 1
FIRST = 1001
PIECE_BYTES = 256 * 1024
QUICK = ["--device", "cpu", "--pipeline", "ofx_pipeline:run_job"]


class Far(NamedTuple):
    """A quick server that shares nothing with its clients."""

    home: Path

    @contextmanager
    def line(
        self, there: Path, bytes_per_s: float, cuts: tuple[int, ...] = (), delay_s: float = 0.0
    ) -> Iterator[tuple[SlowLine, str]]:
        """A line to the server, and the connection file to it."""
        own, file = find_connection(self.home), make_private_folder(there / "there") / CONNECTION_FILE
        with slow_line(int(own.endpoint.rsplit(":", 1)[1]), bytes_per_s, cuts, delay_s) as line:
            replace(own, endpoint=f"tcp://127.0.0.1:{line.port}").save(file)
            yield line, str(file)


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    folder = tmp_path_factory.mktemp("far")
    (folder / "root").mkdir()
    roots = ["--read-root", str(folder / "root"), "--write-root", str(folder / "root")]
    home = folder / "home"
    with running(home, arguments=[*QUICK, *roots]):
        make_local_folder(home)
        local_folder(home).chmod(0o755)  # so that nobody uses it: everything goes over the line
        yield Far(home)


def clip_of(folder: Path, seed: int, count: int = 1, height: int = 256, width: int = 384) -> Clip:
    """Frames of 1.5 MiB, which is six pieces each."""
    return Clip(folder / "clip", [noise(seed + index, height, width) for index in range(count)], FIRST)


def size_of(clip: Clip) -> int:
    return sum(picture.nbytes for picture in clip.pixels)


def assert_restored(node: Node) -> None:
    """Every frame is rendered as it was sent, which is what the quick pipeline makes of it."""
    for index, picture in enumerate(node.clip.pixels):
        answer, restored = node.render(FIRST + index)
        assert (answer["status"], answer["persistent"]) == (OK, "")
        assert restored.tobytes() == picture.tobytes()
    node.host.statistics()


def wait_until_done(node: Node) -> None:
    give_up = time.monotonic() + 60
    while "Done" not in node.press("refresh")["params"]["status"]:
        assert time.monotonic() < give_up
        time.sleep(0.1)


def test_several_pieces_are_under_way_at_once(built: Built, far: Far, tmp_path: Path) -> None:
    def sent_in_s(seed: int, delay_s: float) -> float:
        clip = clip_of(tmp_path, seed, height=768, width=1024)
        with far.line(tmp_path, 1e9, delay_s=delay_s) as (_, file), Host(built, "nuke-like") as host:
            node = Node(host, clip, params={"whenNotReady": WAIT, "server": file})
            return float(node.press("restoreRange")["ms"]) / 1000

    delay_s = 0.1
    one_by_one_s = size_of(clip_of(tmp_path, 100, height=768, width=1024)) / PIECE_BYTES * 2 * delay_s
    # What the work itself takes on this machine is not what the line adds.
    assert sent_in_s(101, delay_s) - sent_in_s(102, 0) < 0.7 * one_by_one_s or SANITIZE  # which hashes slowly


def test_a_line_that_is_cut_twice_in_the_middle_brings_every_bit_and_little_twice(
    built: Built, far: Far, tmp_path: Path
) -> None:
    clip = clip_of(tmp_path, 200, height=1080, width=1920)
    size = size_of(clip)
    cuts = (size // 3, 2 * size // 3)
    with far.line(tmp_path, 40e6, cuts) as (line, file), Host(built, "nuke-like") as host:
        node = Node(host, clip, params={"whenNotReady": WAIT, "server": file})
        node.restore()
        assert line.cuts_made == 2 and line.to_server_bytes < 1.4 * size
        assert_restored(node)
        sent = line.to_server_bytes
        node.restore()
        assert line.to_server_bytes - sent < PIECE_BYTES


def test_frames_that_come_over_a_line_are_taken_up_where_they_broke_off(
    built: Built, far: Far, tmp_path: Path
) -> None:
    clip = clip_of(tmp_path, 250, height=512, width=768)
    with far.line(tmp_path, 3e6) as (line, file), Host(built, "nuke-like") as host:
        node = Node(host, clip, params={"whenNotReady": WAIT, "server": file})
        node.restore()
        wait_until_done(node)
        answer, _ = node.render(FIRST, abort_after_ms=1000)
        got = line.to_client_bytes
        assert answer["status"] == OK and got < size_of(clip) and (got > PIECE_BYTES or SANITIZE)
        assert_restored(node)
        assert line.to_client_bytes < 1.3 * size_of(clip)


def test_cancel_stops_what_is_under_way_and_the_next_try_goes_on_behind_it(
    built: Built, far: Far, tmp_path: Path
) -> None:
    clip = clip_of(tmp_path, 400, count=2)
    with far.line(tmp_path, 2e6) as (line, file), Host(built, "nuke-like") as host:
        node = Node(host, clip, params={"whenNotReady": WAIT, "server": file})
        answer = node.press("restoreRange", cancel_at=0.4)
        assert answer["params"]["job"] == "" and "Cancelled" in answer["params"]["status"]
        sent = line.to_server_bytes
        assert sent < size_of(clip)
        node.press("refresh")
        # of the former try nothing is before it in the line but what was on its way just then
        assert line.to_server_bytes - sent < 4 * PIECE_BYTES
        node.restore()
        assert line.to_server_bytes < 1.3 * size_of(clip)
        assert_restored(node)


def test_pieces_that_are_cleared_while_the_range_is_sent_are_sent_again(
    built: Built, far: Far, tmp_path: Path
) -> None:
    clip, before = clip_of(tmp_path, 500, count=3), measure(far.home)

    def clear_in_the_middle() -> None:
        while measure(far.home) < before + size_of(clip) // 2:
            time.sleep(0.02)
        clear(far.home)

    clearing = threading.Thread(target=clear_in_the_middle)
    with far.line(tmp_path, 8e6) as (_, file), Host(built, "nuke-like") as host:
        node = Node(host, clip, params={"whenNotReady": WAIT, "server": file})
        clearing.start()
        node.restore()
        clearing.join()
        assert_restored(node)


def test_a_project_that_shows_the_source_meanwhile_gets_the_frames_of_a_server_far_away(
    built: Built, far: Far, tmp_path: Path
) -> None:
    clip = clip_of(tmp_path, 600, count=2, height=48, width=64)
    with far.line(tmp_path, 1e9, delay_s=0.04) as (_, file), Host(built, "nuke-like") as host:
        node = Node(host, clip, params={"whenNotReady": SOURCE, "server": file})
        node.restore()
        wait_until_done(node)
        assert_restored(node)
        saved = host.ask("params", id="a")
    # Opened again, without a button: the first renders find out how long this server takes.
    with far.line(tmp_path / "again", 1e9, delay_s=0.04) as (_, file), Host(built, "nuke-like") as host:
        node = Node(host, clip, params={**saved, "server": file})
        for _ in range(20):
            answer, picture = node.render(FIRST)
            assert answer["status"] == OK and picture.tobytes() == clip.pixels[0].tobytes()
            if not answer["persistent"]:
                break
            time.sleep(0.1)
        assert answer["persistent"] == ""


def test_renders_go_on_while_another_instance_sends(built: Built, far: Far, tmp_path: Path) -> None:
    clip, other = clip_of(tmp_path, 700, count=4), clip_of(tmp_path / "other", 800, height=24, width=32)
    with far.line(tmp_path, 3e6) as (_, file), Host(built, "nuke-like") as host:
        node = Node(host, clip, params={"server": file})
        job = json.dumps({"id": "0" * 32, "first": FIRST, "last": FIRST})
        Node(host, other, "b", params={"server": file, "job": job})
        answer = node.press("restoreRange", meanwhile=[{"id": "b", "time": FIRST}] * 30)
        assert answer["params"]["job"] and len(answer["meanwhile"]) >= 2
        # The line is full, so an answer takes its time: half a second is the most that is given to it.
        slowest = max(render["ms"] for render in answer["meanwhile"])
        assert slowest < answer["ms"] or SANITIZE


@contextmanager
def own_server(home: Path) -> Iterator[None]:
    """A quick server that is sent to in messages."""
    start_local_server(home, idle_exit_s=300, arguments=QUICK).close()
    local_folder(home).chmod(0o755)
    yield
    shut_down(home)


@pytest.mark.parametrize(("end", "share"), [(kill, 0.3), (terminate, 0.3), (shut_down, 1.0)])
def test_a_server_that_ends_and_is_started_again_while_it_is_sent_to_gets_the_rest(
    built: Built, tmp_path: Path, end: Callable[[Path], None], share: float
) -> None:
    home, clip = tmp_path / "home", clip_of(tmp_path, 900, count=4, height=512)

    def end_in_the_middle() -> None:
        while measure(home) < size_of(clip) * share:
            time.sleep(0.005)
        end(home)
        time.sleep(1)  # its connection file is gone, if it had time for that
        start_local_server(home, idle_exit_s=300, arguments=QUICK).close()

    with own_server(home):
        ending = threading.Thread(target=end_in_the_middle)
        ending.start()
        with Host(built, "nuke-like", home) as host:
            node = Node(host, clip, params={"whenNotReady": WAIT})
            node.restore()
            ending.join()
            assert_restored(node)


def test_what_the_quota_does_not_hold_is_refused_before_any_of_it_is_sent(
    built: Built, tmp_path: Path
) -> None:
    home, clip = tmp_path / "home", clip_of(tmp_path, 940, count=2, height=48, width=64)
    with own_server(home), Host(built, "nuke-like", home) as host:
        node = Node(host, clip, params={"whenNotReady": WAIT})
        write_quota(home, Quota(client_bytes=size_of(clip) * 3 // 2))
        answer = node.press("restoreRange")["params"]
        assert answer["job"] == "" and "a client may keep" in answer["status"]
        assert measure(home) == 0
        write_quota(home, Quota(client_bytes=size_of(clip) * 5 // 2))
        node.restore()
        sent = measure(home)
        node.restore()
        assert_restored(node)
        assert sent > size_of(clip), "and the second time it took no more room than there is"


def test_a_server_that_is_silent_is_said_to_be_while_it_is_waited_for(built: Built, tmp_path: Path) -> None:
    home, clip = tmp_path / "home", clip_of(tmp_path, 950, count=4, height=512)

    def be_silent_in_the_middle() -> None:
        while measure(home) < size_of(clip) // 3:
            time.sleep(0.01)
        server = find_connection(home).pid
        os.kill(server, signal.SIGSTOP)
        time.sleep(9)
        os.kill(server, signal.SIGCONT)

    with own_server(home):
        silence = threading.Thread(target=be_silent_in_the_middle)
        silence.start()
        with Host(built, "nuke-like", home) as host:
            node = Node(host, clip, params={"whenNotReady": WAIT})
            answer = node.press("restoreRange")
            silence.join()
            first, *between, last = answer["labels"]
            assert first == last == "SVFR: Sending frames to the server."
            words = silence_words(0)
            assert between and all(re.fullmatch(f"SVFR: {words[:-9]}[0-9:]{{8}}\\.", one) for one in between)
            assert_restored(node)


def test_two_hosts_send_the_same_frames_at_once(built: Built, far: Far, tmp_path: Path) -> None:
    clips = [clip_of(tmp_path / name, 1000, count=2) for name in ("a", "b")]

    def restore(clip: Clip) -> None:
        with Host(built, "nuke-like", far.home) as host:
            node = Node(host, clip, params={"whenNotReady": WAIT})
            node.restore()
            assert_restored(node)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(restore, clips)) == [None, None]


def test_a_clip_that_begins_before_frame_0_is_restored_under_its_own_numbers(
    built: Built, far: Far, tmp_path: Path
) -> None:
    clip = Clip(tmp_path, [noise(1050 + index, 24, 32) for index in range(4)], -2)
    with Host(built, "nuke-like", far.home) as host:
        node = Node(host, clip, params={"whenNotReady": WAIT, "roto": 2})
        spec = spec_of(far.home, node.restore())
        assert spec["frames"] == "-2-1"
        for index, picture in enumerate(clip.pixels):
            answer, restored = node.render(index - 2)
            assert (answer["status"], answer["persistent"]) == (OK, "")
            assert restored.tobytes() == picture.tobytes()
    assert sorted(path.name for path in Path(spec["plate"]).parent.glob("plate.-*")) == [
        "plate.-001.exr",
        "plate.-002.exr",
    ]


@pytest.mark.parametrize(
    ("kind", "words"),
    [("folder", "is a folder"), ("pipe", "is no regular file"), ("nothing", "does not exist")],
)
def test_a_config_that_is_no_file_is_refused_in_words_before_anything_is_sent(
    built: Built, far: Far, tmp_path: Path, kind: str, words: str
) -> None:
    config = tmp_path / "show.ocio"
    if kind == "folder":
        config.mkdir()
    if kind == "pipe":
        os.mkfifo(config)
    clip, before = clip_of(tmp_path, 1150, height=24, width=32), measure(far.home)
    with Host(built, "nuke-like", far.home) as host:
        answer = Node(host, clip, params={"ocioConfig": str(config)}).press("restoreRange")["params"]
    assert answer["job"] == "" and f"{config} {words}." in answer["status"]
    assert measure(far.home) == before


def spec_of(home: Path, job: str) -> dict[str, Any]:
    with sqlite3.connect(f"file:{home / 'jobs.sqlite'}?mode=ro", uri=True) as database:
        (spec,) = database.execute("SELECT spec FROM jobs WHERE job = ?", (job,)).fetchone()
    found: dict[str, Any] = json.loads(spec)
    return found


def test_what_the_artist_chose_is_what_the_job_asks_for(built: Built, far: Far, tmp_path: Path) -> None:
    clip = clip_of(tmp_path, 1200, count=3, height=24, width=32)
    (tmp_path / "who.JPG").write_bytes(b"a photo")
    chosen = {
        "bfr": 0,
        "colorize": 1,
        "inpaint": 1,
        "faces": 1,
        "roto": 2,
        "preset": 2,
        "seed": 5,
        "model": "probe",
    }
    limits = {"range": 1, "firstFrame": FIRST + 1, "lastFrame": FIRST + 2}
    with Host(built, "nuke-like", far.home) as host:
        node = Node(host, clip, params={**chosen, **limits, "reference": 1, "referenceFrame": FIRST + 1})
        spec = spec_of(far.home, node.restore())
        assert (spec["tasks"], spec["faces"]["mode"]) == (["colorize", "inpaint"], "all")
        assert (spec["preset"], spec["seed"], spec["model"]) == ("final", 5, "probe")
        assert spec["frames"] == f"{FIRST + 1}-{FIRST + 2}" and spec["mask_path"].endswith("/matte.%04d.exr")
        assert spec["references"] == [{"track": None, "frame": FIRST + 1, "photo": None}]
        host.ask("set", id="a", name="reference", value=2)
        host.ask("set", id="a", name="referencePhoto", value=str(tmp_path / "who.JPG"))
        (reference,) = spec_of(far.home, node.restore())["references"]
        assert Path(reference["photo"]).read_bytes() == b"a photo" and reference["frame"] is None


@pytest.mark.parametrize(
    ("components", "channels"),
    [(RGBA, ("R", "G", "B", "A")), ("OfxImageComponentRGB", ("R", "G", "B"))],
)
def test_a_plate_of_pixels_has_the_form_that_the_protocol_lays_down(
    built: Built, far: Far, tmp_path: Path, components: str, channels: tuple[str, ...]
) -> None:
    picture = noise(1300 + len(channels), 24, 32, len(channels))
    clip = Clip(tmp_path, [picture], FIRST, components=components, more={"aspect": 2.0, "x": -7, "y": 12})
    with Host(built, "nuke-like", far.home) as host:
        plate = spec_of(far.home, Node(host, clip).restore())["plate"] % FIRST
    image = oiio.ImageInput.open(plate)
    assert image is not None, oiio.geterror()
    spec = image.spec()
    assert (set(spec.channelnames), str(spec.format)) == (set(channels), "float")
    assert (spec.width, spec.height, spec.getattribute("PixelAspectRatio")) == (32, 24, 2.0)
    assert spec.getattribute("compression") == "none"
    order = [spec.channelnames.index(name) for name in channels]
    assert np.array_equal(np.asarray(image.read_image("float"))[..., order], picture)


def test_a_config_that_the_server_does_not_see_is_sent_unless_its_luts_would_stay_behind(
    built: Built, far: Far, tmp_path: Path
) -> None:
    plain, with_luts, seen = (
        tmp_path / "Own.OCIO",
        tmp_path / "luts.ocio",
        far.home.parent / "root" / "seen.ocio",
    )
    plain.write_text("ocio_profile_version: 2\n")
    for path in (with_luts, seen):
        path.write_text("ocio_profile_version: 2\nto_scene_reference: !<FileTransform> {src: camera.spi1d}\n")
    renamed, archive = tmp_path / "config.py", tmp_path / "show.zip"
    renamed.write_text(plain.read_text())
    archive.write_bytes(b"PK\3\4 FileTransform")
    clip = clip_of(tmp_path, 1100, height=24, width=32)
    with Host(built, "nuke-like", far.home) as host:
        node = Node(host, clip, params={"ocioConfig": str(plain)})
        sent = spec_of(far.home, node.restore())["colour"]["config"]
        assert sent.endswith("/config.ocio")
        assert Path(sent).read_text() == plain.read_text()
        for path, name in ((renamed, "config.ocio"), (archive, "config.ocioz")):
            host.ask("set", id="a", name="ocioConfig", value=str(path))
            sent = spec_of(far.home, node.restore())["colour"]["config"]
            assert Path(sent).name == name and Path(sent).read_bytes() == path.read_bytes()
        host.ask("set", id="a", name="ocioConfig", value=str(seen))
        assert spec_of(far.home, node.restore())["colour"]["config"] == str(seen)
        host.ask("set", id="a", name="job", value="")
        host.ask("set", id="a", name="ocioConfig", value=str(with_luts))
        answer = node.press("restoreRange")["params"]
        assert answer["job"] == "" and "LUTs cannot be sent" in answer["status"]
