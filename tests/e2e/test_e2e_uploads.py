"""Jobs at a server that sees none of the artist's files: sent by content, over a slow line that breaks."""

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import e2e_plates
import numpy as np
import OpenImageIO as oiio
import pytest
from e2e_command import Command
from e2e_service import Service, running
from server_samples import kill, shut_down, terminate

from benchmarks.uploads.slow_line import slow_line
from svfr_client.client import Client
from svfr_client.connection import CONNECTION_FILE, Connection, KeyPair, find_connection, make_private_folder
from svfr_client.errors import OutputEqualsPlate, SvfrError
from svfr_client.hosting.conversation import Failed, JobConversation, Message, Transferring
from svfr_client.hosting.server_place import ServerPlace
from svfr_client.job import ColourClaim, JobSpec
from svfr_client.path_map import PathMap, PathRule
from svfr_client.protocol.messages import Event
from svfr_client.protocol.wire import new_id
from svfr_client.silence import silence_words
from svfr_client.transfer.hand_in import hand_in
from svfr_client.transfer.job_files import LocalFile
from svfr_client.transfer.output_here import fetched_to
from svfr_client.transfer.progress import TransferProgress
from svfr_client.transfer.upload import upload
from svfr_server.job_store.local_files import local_folder, make_local_folder
from svfr_server.job_store.transfers import client_name
from svfr_server.start import start_local_server
from svfr_server.supervisor.zap_keys import KeyRing

COLOUR = ColourClaim(space="lin_rec709_scene")
BYTES_PER_S = 3_000_000
FRAMES = (1001, 1002, 1003)


class Blind(NamedTuple):
    """A server that sees one folder only; ``seen`` is a plate in it, ``unseen`` a copy elsewhere."""

    service: Service
    seen: str
    unseen: str
    out: Path


def write_grainy(folder: Path, seed: int) -> str:
    """Write a plate with grain, so that files are as long as a camera's and no two pieces equal."""
    noise = np.random.default_rng(seed)
    for index, frame in enumerate(FRAMES):
        light = e2e_plates.picture(True, 2 * index)
        light *= noise.uniform(0.99, 1.01, light.shape).astype(np.float32)
        e2e_plates.write(folder / f"shot.{frame}.exr", light)
    return str(folder / "shot.%04d.exr")


@pytest.fixture(scope="module")
def blind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Blind]:
    root, elsewhere = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("elsewhere")
    unseen = write_grainy(elsewhere, seed=1)
    for frame in FRAMES:
        shutil.copyfile(unseen % frame, root / Path(unseen % frame).name)
    arguments = ("--read-root", str(root), "--write-root", str(root))
    with running(tmp_path_factory.mktemp("blind") / "home", arguments=arguments) as home:
        make_local_folder(home)
        local_folder(home).chmod(0o755)  # so that nobody uses it: files go over the line as from afar
        yield Blind(Service(home), str(root / "shot.%04d.exr"), unseen, root)


@pytest.fixture
def artist(blind: Blind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """The connection of an artist with a key and a home of their own."""
    monkeypatch.setenv("SVFR_HOME", str(tmp_path / "artist"))
    keys = KeyPair.new()
    KeyRing(blind.service.home).authorise(tmp_path.name, keys.public)
    return replace(find_connection(blind.service.home), keys=keys)


def spec(plate: str, out: Path, existing: str = "error") -> JobSpec:
    output = str(out / "shot.%04d.exr")
    return replace(
        JobSpec(plate, "1001-1003", ("bfr",), output, model="probe", colour=COLOUR),
        existing=existing,  # type: ignore[arg-type]
    )


def restore(
    client: Client, job: JobSpec, told: list[TransferProgress], paths: PathMap | None = None
) -> list[Path]:
    """Run a job and return this machine's frames."""
    name = new_id()
    delivery = hand_in(client, job, name, paths, tell=told.append)
    frames = []
    for event in client.follow(name):
        assert event.kind != "failed", event.body
        here = delivery.bring(client, event, told.append)
        if here is not None and here.kind == "frame":
            frames.append(Path(here.body["path"]))
    return sorted(frames)


def bytes_of(frame: Path) -> bytes:
    """Everything in a file but the hash of its job, which names other paths."""
    data = frame.read_bytes()
    start = data.index(b"svfr/job_hash\0string\0") + len(b"svfr/job_hash\0string\0") + 4
    return data[:start] + data[start + 64 :]


def at(connection: Connection, port: int) -> Connection:
    return replace(connection, endpoint=f"tcp://127.0.0.1:{port}")


def port_of(connection: Connection) -> int:
    return int(connection.endpoint.rsplit(":", 1)[1])


def sizes(pattern: str) -> int:
    return sum(Path(pattern % frame).stat().st_size for frame in FRAMES)


def test_a_plate_over_a_slow_line_that_is_cut_twice_comes_back_as_if_the_server_saw_it(
    blind: Blind, artist: Connection, tmp_path: Path
) -> None:
    blind.service.run(spec(blind.seen, blind.out / "out"))
    size, told = sizes(blind.unseen), list[TransferProgress]()
    with slow_line(port_of(artist), BYTES_PER_S, (size // 3, 2 * size // 3)) as line:
        with Client(at(artist, line.port)) as client:
            frames = restore(client, spec(blind.unseen, tmp_path / "out"), told)
        assert line.cuts_made == 2
        # Of what a cut destroyed only the pieces under way are sent again.
        assert line.to_server_bytes < 1.4 * size
    assert [frame.name for frame in frames] == [f"shot.{frame}.exr" for frame in FRAMES]
    for frame in frames:
        assert bytes_of(frame) == bytes_of(blind.out / "out" / frame.name)
    sending = [progress for progress in told if progress.stage == "send"]
    assert (sending[0].done_bytes, sending[0].total_bytes) == (0, size)
    assert sending[-1].done_bytes == size
    # What the server has is not sent again, and the artist's own frames are not written over.
    told.clear()
    with Client(artist) as client:
        with pytest.raises(SvfrError) as refusal:
            hand_in(client, spec(blind.unseen, tmp_path / "out"), new_id())
        assert refusal.value.code == "OUTPUT_EXISTS"
        again = restore(client, spec(blind.unseen, tmp_path / "out", "version_up"), told)
    assert [frame.name for frame in again] == [f"shot_v002.{frame}.exr" for frame in FRAMES]
    assert {progress.total_bytes for progress in told if progress.stage == "send"} == {0}


def test_on_the_servers_machine_pixels_go_by_a_file_and_not_over_the_line(
    blind: Blind, artist: Connection, tmp_path: Path
) -> None:
    plate, home, told = write_grainy(tmp_path, seed=6), blind.service.home, list[TransferProgress]()
    local_folder(home).chmod(0o700)
    try:
        with slow_line(port_of(artist), 50_000_000) as line, Client(at(artist, line.port)) as client:
            frames = restore(client, spec(plate, tmp_path / "out"), told)
            assert line.to_server_bytes < sizes(plate) // 4
    finally:
        assert list(local_folder(home).iterdir()) == []
        local_folder(home).chmod(0o755)
    sending = [progress for progress in told if progress.stage == "send"]
    assert (sending[0].done_bytes, sending[-1].done_bytes) == (0, sizes(plate))
    with Client(artist) as client:
        again = restore(client, spec(plate, tmp_path / "again"), told)
    assert [bytes_of(frame) for frame in again] == [bytes_of(frame) for frame in frames]


def test_a_config_that_the_server_does_not_see_is_sent_with_its_luts(
    blind: Blind, artist: Connection, tmp_path: Path
) -> None:
    for folder in (tmp_path / "show", blind.out / "show"):
        (folder / "luts" / "sh010").mkdir(parents=True)
        (folder / "config.ocio").write_text(CONFIG)
        (folder / "luts" / "sh010" / "camera.spi1d").write_text(LUT)
    told = list[TransferProgress]()
    with Client(artist) as client:
        by_path = restore(client, in_camera_space(blind.seen, blind.out, blind.out / "by lut"), told)
        assert not told
        sent = restore(client, in_camera_space(blind.unseen, tmp_path, tmp_path / "out"), told)
    assert told[0].files == len(FRAMES) + 1  # the config and its LUT are one file
    for one, other in zip(by_path, sent, strict=True):
        np.testing.assert_array_equal(pixels_of(one), pixels_of(other))
    (tmp_path / "show" / "luts" / "sh010" / "camera.spi1d").unlink()
    with Client(artist) as client, pytest.raises(AssertionError, match="COLOUR_TRANSFORM_FAILED"):
        restore(client, in_camera_space(blind.unseen, tmp_path, tmp_path / "again"), told)


def pixels_of(frame: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    source = oiio.ImageInput.open(str(frame))
    assert source is not None, oiio.geterror()
    pixels = source.read_image("float")
    assert pixels is not None
    return pixels


def in_camera_space(plate: str, place: Path, out: Path) -> JobSpec:
    config = str(place / "show" / "config.ocio")
    colour = ColourClaim(space="camera", config=config, context={"SHOT": "sh010"})
    return replace(spec(plate, out), colour=colour)


CONFIG = """ocio_profile_version: 2
environment: {SHOT: sh000}
search_path: luts/${SHOT}
roles: {scene_linear: lin, aces_interchange: ap0, default: lin}
displays: {screen: [!<View> {name: raw, colorspace: lin}]}
colorspaces:
  - !<ColorSpace> {name: ap0}
  - !<ColorSpace>
    name: lin
    to_scene_reference: !<BuiltinTransform> {style: ACEScg_to_ACES2065-1}
  - !<ColorSpace>
    name: camera
    to_scene_reference: !<FileTransform> {src: camera.spi1d, interpolation: linear}
"""
LUT = "Version 1\nFrom 0.0 1.0\nLength 3\nComponents 1\n{\n0.0\n0.25\n1.0\n}\n"


def test_a_models_folder_that_the_server_does_not_see_is_refused_before_anything_is_sent(
    blind: Blind, artist: Connection, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "model.json").write_text("{}")
    told = list[TransferProgress]()
    job = replace(spec(blind.unseen, tmp_path / "out"), model=str(tmp_path / "mine"))
    with Client(artist) as client, pytest.raises(SvfrError, match="models are not sent") as refusal:
        hand_in(client, job, new_id(), tell=told.append)
    assert refusal.value.code == "CANNOT_SEND" and not told
    with Client(artist) as client, pytest.raises(SvfrError, match="no model 'svfr'") as refusal:
        hand_in(client, replace(job, model="svfr"), new_id(), tell=told.append)
    assert refusal.value.code == "MODEL_MISSING" and not told


def options(out: Path) -> tuple[str, ...]:
    return (
        "-t",
        "bfr",
        "--model",
        "probe",
        "--colorspace",
        "lin_rec709_scene",
        "-o",
        str(out / "s.%04d.exr"),
    )


def test_the_command_sends_what_is_missing_stops_at_ctrl_c_and_goes_on_where_it_stopped(
    blind: Blind, artist: Connection, tmp_path: Path
) -> None:
    plate, out = write_grainy(tmp_path, seed=2), tmp_path / "out"
    svfr, folder = Command(tmp_path / "artist"), make_private_folder(tmp_path / "there")
    words = ("restore", plate, "--server", str(folder), *options(out))
    with slow_line(port_of(artist), 200_000) as line:
        at(artist, line.port).save(folder / CONNECTION_FILE)
        process = svfr.start(*words, "--json")
        assert process.stdout is not None
        for text in process.stdout:
            progress = json.loads(text)
            if progress["done_bytes"]:
                process.send_signal(signal.SIGINT)
                break
        _, err = process.communicate(timeout=60)
        assert process.returncode == 5, err
    assert (progress["stage"], progress["total_bytes"]) == ("send", sizes(plate))
    with Client(artist) as client:
        assert not [job for job in client.jobs() if job.state.value in ("queued", "running")]
    artist.save(folder / CONNECTION_FILE)
    code, lines = svfr.lines(*words)
    assert code == 0, lines
    first = next(line for line in lines if line["kind"] == "transfer")
    assert 0 < first["total_bytes"] <= sizes(plate) - progress["done_bytes"]
    written = sorted(line["path"] for line in lines if line["kind"] == "frame")
    assert written == [str(out / f"s.{frame}.exr") for frame in FRAMES]
    assert all(Path(path).stat().st_size > 0 for path in written)
    # Frames stay with the server; another run can fetch them.
    job = next(line["job"] for line in lines if line["kind"] == "submitted")
    again = str(tmp_path / "again" / "s.%04d.exr")
    code, lines = svfr.lines("fetch", job, "--server", str(folder), "-o", again)
    assert code == 0 and not [line for line in lines if line["kind"] == "progress"], "as if it were computed"
    for frame, path in zip(FRAMES, written, strict=True):
        assert Path(again % frame).read_bytes() == Path(path).read_bytes()
    at_server = ("--server", str(folder))
    assert svfr.lines("view", job, *at_server, "--no-open")[0] == 0  # those that were fetched last
    assert (tmp_path / "again" / "s.html").is_file()
    Path(again % 1002).unlink()
    code, lines = svfr.lines("redo", job, "1002", *at_server)
    assert code == 0 and Path(again % 1002).is_file(), lines
    for frame in FRAMES:
        Path(again % frame).unlink()
    code, (refused,) = svfr.lines("movie", job, *at_server)
    assert code == 3 and f"svfr fetch {job}" in refused["remedy"]
    # What is there is not written over unasked, and the remedy leads on.
    code, (refused,) = svfr.lines(*words)
    assert (code, refused["code"]) == (3, "OUTPUT_EXISTS") and "--existing overwrite" in refused["remedy"]
    assert svfr.lines(*words, "--existing", "overwrite")[0] == 0


def test_a_file_the_server_sees_is_not_sent_and_one_of_that_name_with_other_content_is(
    blind: Blind, artist: Connection, tmp_path: Path
) -> None:
    told = list[TransferProgress]()
    with Client(artist) as client:
        there = restore(client, spec(blind.seen, blind.out / "by path"), told)
        assert not told and there[0] == blind.out / "by path" / "shot.1001.exr"
        rules = PathMap((PathRule(str(tmp_path), str(blind.out)),))
        plate = write_grainy(tmp_path, seed=3)
        delivery = hand_in(client, spec(plate, tmp_path / "out"), new_id(), rules, tell=told.append)
        client.cancel(delivery.job)
    assert delivery.output == str(tmp_path / "out" / "shot.%04d.exr")
    assert told[-1].done_bytes > 0


def test_results_on_a_disk_that_only_the_server_sees_come_beside_the_plate_that_both_see(
    blind: Blind, artist: Connection, tmp_path: Path
) -> None:
    told, rules = list[TransferProgress](), PathMap((PathRule(str(tmp_path), str(blind.out)),))
    for frame in FRAMES:
        shutil.copyfile(blind.seen % frame, tmp_path / Path(blind.seen % frame).name)
    with Client(artist) as client:
        frames = restore(client, spec(str(tmp_path / "shot.%04d.exr"), tmp_path / "own disk"), told, rules)
    assert {one.stage for one in told} == {"fetch"}  # nothing was sent
    for frame in frames:
        assert frame.read_bytes() == (blind.out / "own disk" / frame.name).read_bytes()
    assert [frame.parent for frame in frames] == [tmp_path / "own disk"] * len(FRAMES)


def test_what_is_wrong_with_a_file_that_was_sent_is_said_of_the_artists_own_file(
    blind: Blind, artist: Connection, tmp_path: Path
) -> None:
    plate = write_grainy(tmp_path, seed=5)
    damaged = Path(plate % 1002)
    damaged.write_bytes(damaged.read_bytes()[:20_000])
    with Client(artist) as client:
        try:
            delivery = hand_in(client, spec(plate, tmp_path / "out"), new_id())
            events = [delivery.bring(client, event) for event in client.follow(delivery.job)]
            problem = next(event.body["error"] for event in events if event and event.kind == "failed")
        except SvfrError as refused:
            problem = refused.to_dict()
    assert (problem["frame"], problem["path"]) == (1002, str(damaged))
    assert str(blind.service.home) not in json.dumps(problem)


def test_a_host_s_conversation_sends_fetches_and_knows_where_frames_go_after_a_restart(
    blind: Blind, artist: Connection, tmp_path: Path
) -> None:
    file = make_private_folder(tmp_path / "there") / CONNECTION_FILE
    artist.save(file)
    plate, job, messages = write_grainy(tmp_path, seed=4), new_id(), list[Message]()
    conversation = JobConversation(
        ServerPlace(str(file)), job, spec(plate, tmp_path / "out"), messages.append
    )
    conversation.start()
    while conversation.unsent is not None and conversation.is_alive():
        time.sleep(0.02)
    conversation.stop()  # the host quits
    conversation.join(30)
    assert not [message for message in messages if isinstance(message, Failed)]
    sending = [message.progress for message in messages if isinstance(message, Transferring)]
    assert next(one for one in sending if one.stage == "send").total_bytes == sizes(plate)
    messages.clear()
    again = JobConversation(ServerPlace(str(file)), job, None, messages.append)
    again.start()
    again.join(60)
    frames = [message for message in messages if isinstance(message, Event) and message.kind == "frame"]
    assert {event.body["path"] for event in frames} == {
        str(tmp_path / "out" / f"shot.{n}.exr") for n in FRAMES
    }
    assert all(Path(event.body["path"]).is_file() for event in frames)
    assert isinstance(messages[-1], Event) and messages[-1].kind == "done"


def test_a_host_that_cancels_while_files_travel_sends_no_more_and_no_job(
    blind: Blind, artist: Connection, tmp_path: Path
) -> None:
    file = make_private_folder(tmp_path / "there") / CONNECTION_FILE
    plate, job, messages = write_grainy(tmp_path, seed=5), new_id(), list[Message]()
    with slow_line(port_of(artist), 500_000) as line:
        at(artist, line.port).save(file)
        conversation = JobConversation(
            ServerPlace(str(file)), job, spec(plate, tmp_path / "out"), messages.append
        )
        conversation.start()
        while not any(isinstance(one, Transferring) and one.progress.stage == "send" for one in messages):
            time.sleep(0.02)
        conversation.cancel()
        conversation.join(30)
    assert isinstance(messages[-1], Failed) and messages[-1].error.code == "CANCELLED"
    with Client(artist) as client, pytest.raises(SvfrError) as unknown:
        client.status(job)
    assert unknown.value.code == "NOT_FOUND"


def done_job(artist: Connection, plate: str, out: Path) -> str:
    """Hand a job in and wait until it is done; its frames stay with the server."""
    with Client(artist) as client:
        job = hand_in(client, spec(plate, out), new_id()).job
        assert list(client.follow(job))[-1].kind == "done"
    return job


def note_of(home: Path, job: str) -> Path:
    return home / "deliveries" / f"{job}.json"


@pytest.mark.parametrize("words", [("fetch",), ("restore", "--movie", "mp4")], ids=lambda words: words[0])
def test_ctrl_c_while_frames_are_fetched_is_no_success_and_leaves_the_rest_to_be_fetched(
    blind: Blind, artist: Connection, tmp_path: Path, words: tuple[str, ...]
) -> None:
    plate, out = write_grainy(tmp_path, seed=8), tmp_path / "out"
    svfr, folder = Command(tmp_path / "artist"), make_private_folder(tmp_path / "there")
    job = done_job(artist, plate, out)
    if words[0] == "fetch":
        words = ("fetch", job)
    else:
        words = ("restore", plate, *words[1:], *options(out))
    with slow_line(port_of(artist), 150_000) as line:
        at(artist, line.port).save(folder / CONNECTION_FILE)
        process = svfr.start(*words, "--server", str(folder), "--json")
        assert process.stdout is not None
        for text in process.stdout:
            said = json.loads(text)
            job = said.get("job", job)
            if said["kind"] == "frame":
                process.send_signal(signal.SIGINT)
                break
        rest, err = process.communicate(timeout=120)
    end = json.loads(rest.splitlines()[-1])
    assert (process.returncode, end["code"]) == (5, "CANCELLED"), (rest, err)
    noted = tmp_path / "artist" if words[0] == "fetch" else folder  # by the one who handed it in
    assert f"svfr fetch {job}" in end["remedy"] and note_of(noted, job).is_file()
    assert not list(tmp_path.rglob("*.mp4"))
    assert len(list(out.glob("*.exr"))) < len(FRAMES)
    artist.save(folder / CONNECTION_FILE)
    code, lines = svfr.lines("fetch", job, "--server", str(folder))
    assert code == 0, lines
    assert len(list(out.glob("*.exr"))) == len(FRAMES)


def test_a_host_that_cancels_while_frames_are_fetched_hears_of_no_success(
    blind: Blind, artist: Connection, tmp_path: Path
) -> None:
    file = make_private_folder(tmp_path / "there") / CONNECTION_FILE
    job = done_job(artist, write_grainy(tmp_path, seed=9), tmp_path / "out")
    messages = list[Message]()
    with slow_line(port_of(artist), 150_000) as line:
        at(artist, line.port).save(file)
        conversation = JobConversation(ServerPlace(str(file)), job, None, messages.append)
        conversation.start()
        while not any(isinstance(one, Transferring) for one in messages):
            time.sleep(0.02)
        conversation.cancel()
        conversation.join(60)
    assert isinstance(messages[-1], Failed) and messages[-1].error.code == "CANCELLED"
    assert not [one for one in messages if isinstance(one, Event) and one.kind == "done"]
    assert note_of(tmp_path / "artist", job).is_file()


def test_a_frame_that_the_server_has_no_longer_keeps_no_other_from_being_fetched(
    blind: Blind, artist: Connection, tmp_path: Path
) -> None:
    svfr, folder = Command(tmp_path / "artist"), make_private_folder(tmp_path / "there")
    artist.save(folder / CONNECTION_FILE)
    job = done_job(artist, write_grainy(tmp_path, seed=10), tmp_path / "out")
    (there,) = blind.service.home.glob(f"transfers/results/*/{job}/*1001.exr")
    there.unlink()
    code, lines = svfr.lines("fetch", job, "--server", str(folder))
    assert (code, lines[-1]["code"], lines[-1]["frame"]) == (3, "RESULT_GONE", 1001), lines
    assert "1001" in lines[-1]["message"] and "1002" not in lines[-1]["message"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["shot.1002.exr", "shot.1003.exr"]


@pytest.mark.parametrize("command", ["restore", "fetch"])
@pytest.mark.parametrize(
    ("name", "existing", "code"),
    [
        ("{plate}", "error", "OUTPUT_EQUALS_PLATE"),
        ("{plate}", "overwrite", "OUTPUT_EQUALS_PLATE"),
        ("there.%04d.exr", "error", "OUTPUT_EXISTS"),
        ("one.exr", "error", "BAD_PATH_PATTERN"),
        ("new.%04d.png", "error", "BAD_PATH_PATTERN"),
        ("there.1001.exr/new.%04d.exr", "error", "OUTPUT_NOT_WRITABLE"),
    ],
)
def test_an_output_that_a_server_would_refuse_is_refused_of_frames_that_are_fetched(
    blind: Blind, artist: Connection, tmp_path: Path, command: str, name: str, existing: str, code: str
) -> None:
    plate = write_grainy(tmp_path, seed=2)
    (tmp_path / "there.1001.exr").write_bytes(b"not ours")
    output = str(tmp_path / name.replace("{plate}", Path(plate).name))
    with Client(artist) as client:
        delivery = hand_in(client, spec(plate, tmp_path / "out"), new_id())
        before = {path: path.read_bytes() for path in tmp_path.glob("*.exr")}
        with pytest.raises(SvfrError) as refusal:
            if command == "restore":
                job = replace(spec(plate, tmp_path, existing), output=output)
                hand_in(client, job, new_id())
            else:
                fetched_to(client, delivery, output, existing)  # type: ignore[arg-type]
        client.cancel(delivery.job)
    assert refusal.value.code == code and refusal.value.remedy
    assert {path: path.read_bytes() for path in tmp_path.glob("*.exr")} == before


def test_fetching_to_another_place_keeps_to_the_policy_for_what_is_there(
    blind: Blind, artist: Connection, tmp_path: Path
) -> None:
    svfr, folder = Command(tmp_path / "artist"), make_private_folder(tmp_path / "there")
    artist.save(folder / CONNECTION_FILE)
    job = done_job(artist, write_grainy(tmp_path, seed=2), tmp_path / "out")
    (tmp_path / "other.1001.exr").write_bytes(b"not ours")
    words = ("fetch", job, "--server", str(folder), "-o", str(tmp_path / "other.%04d.exr"))
    code, lines = svfr.lines(*words)
    assert (code, lines[-1]["code"]) == (3, "OUTPUT_EXISTS")
    assert svfr.lines(*words, "--existing", "version_up")[0] == 0
    assert len(list(tmp_path.glob("other_v002.*.exr"))) == len(FRAMES)
    assert (tmp_path / "other.1001.exr").read_bytes() == b"not ours"
    assert svfr.lines(*words, "--existing", "overwrite")[0] == 0
    assert (tmp_path / "other.1001.exr").read_bytes() != b"not ours"


def flip(piece: Path) -> None:
    data = bytearray(piece.read_bytes())
    data[len(data) // 2] ^= 1
    piece.write_bytes(data)


def be_a_folder(path: Path) -> None:
    path.unlink()
    (path / "lost").mkdir(parents=True)


def be_a_file(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.write_bytes(b"")


@pytest.mark.parametrize("of", ["pieces", "sets"])
@pytest.mark.parametrize("damage", [flip, be_a_folder, be_a_file, Path.unlink])
def test_what_a_disk_spoilt_in_every_file_is_sent_and_made_again_at_one_try(
    blind: Blind, artist: Connection, tmp_path: Path, damage: Callable[[Path], None], of: str
) -> None:
    files = [LocalFile(tmp_path / f"plate.{n}.exr", f"plate.{n}.exr") for n in range(5)]
    for file in files:
        file.path.write_bytes(os.urandom(300_000))
    own = blind.service.home / "transfers"
    name, told = client_name(artist.keys.public), list[TransferProgress]()
    with Client(artist) as client:
        upload(client, files)
        for kind in {"sets", of}:
            spoilt = [path for path in (own / kind / name).glob("*/*") if path.is_file()]
            for path in spoilt:
                if path.exists():
                    (damage if kind == of else Path.unlink)(path)
        there = upload(client, files, told.append)
    for file in files:
        assert Path(there.folder, file.name).read_bytes() == file.path.read_bytes()
    made = [(one.done_bytes, one.total_bytes) for one in told if one.stage == "make"]
    assert made[0] == (0, 1_500_000) and made[-1] == (1_500_000, 1_500_000)
    assert len(set(made)) == len(files) + 1  # each file is told


@pytest.mark.parametrize(("end", "share"), [(kill, 0.3), (terminate, 0.3), (shut_down, 1.0)])
def test_a_server_that_ends_and_is_started_again_while_it_is_sent_to_gets_the_rest(
    tmp_path: Path, end: Callable[[Path], None], share: float
) -> None:
    home, file = tmp_path / "home", LocalFile(tmp_path / "plate.1001.exr", "plate.1001.exr")
    file.path.write_bytes(os.urandom(24_000_000))
    said: list[str] = []

    def start() -> Client:
        return start_local_server(home, idle_exit_s=300, arguments=["--device", "cpu"])

    starting = threading.Timer(6.0, lambda: start().close())

    def tell(progress: TransferProgress) -> None:
        is_there = progress.stage == "send" and progress.done_bytes >= share * progress.total_bytes
        if is_there and not starting.ident:
            starting.start()
            end(home)

    with start() as client:
        client.report_silence(said.append)
        there = upload(client, [file], tell)
        starting.join()
        assert Path(there.folder, file.name).read_bytes() == file.path.read_bytes()
        assert said[0][:-9] == silence_words(0)[:-9] and said[-1] == ""
        client.shutdown()


@pytest.mark.parametrize(
    ("name", "existing", "code"),
    [
        ("{plate}", "overwrite", "OUTPUT_EQUALS_PLATE"),
        ("other.%04d.exr", "error", "OUTPUT_EXISTS"),
        ("other.1001.exr/new.%04d.exr", "error", "OUTPUT_NOT_WRITABLE"),
    ],
)
def test_a_redo_to_another_place_harms_nothing_that_is_there(
    blind: Blind, artist: Connection, tmp_path: Path, name: str, existing: str, code: str
) -> None:
    plate = write_grainy(tmp_path, seed=2)
    job = done_job(artist, plate, tmp_path / "out")
    (tmp_path / "other.1001.exr").write_bytes(b"not ours")
    before = {path: path.read_bytes() for path in tmp_path.glob("*.exr")}
    svfr, folder = Command(tmp_path / "artist"), make_private_folder(tmp_path / "there")
    artist.save(folder / CONNECTION_FILE)
    output = str(tmp_path / name.replace("{plate}", Path(plate).name))
    words = ("redo", job, "1001", "--server", str(folder), "-o", output, "--existing", existing)
    status, lines = svfr.lines(*words)
    assert (status, lines[-1]["code"]) == (3, code) and lines[-1]["remedy"]
    assert {path: path.read_bytes() for path in tmp_path.glob("*.exr")} == before


def test_a_redo_that_is_not_waited_for_says_where_its_frames_go_and_what_fetches_them(
    blind: Blind, artist: Connection, tmp_path: Path
) -> None:
    svfr, folder = Command(tmp_path / "artist"), make_private_folder(tmp_path / "there")
    artist.save(folder / CONNECTION_FILE)
    job = done_job(artist, write_grainy(tmp_path, seed=2), tmp_path / "out")
    code, new, said = svfr("redo", job, "1001", "--no-wait", "--server", str(folder))
    assert new.count("\n") == 1 and f"Job {new.strip()} is accepted" in said
    assert code == 0 and f"frames go to {tmp_path / 'out' / 'shot.%04d.exr'}; svfr fetch " in said
    assert f"--server {folder} fetches them" in said


def test_a_job_goes_over_no_file_that_it_reads(artist: Connection, blind: Blind, tmp_path: Path) -> None:
    plate, masks = write_grainy(tmp_path, seed=2), tmp_path / "m"
    masks.mkdir()
    for frame in FRAMES:
        shutil.copy(plate % frame, masks / f"roto.{frame}.exr")
    own = str(masks / "roto.%04d.exr")
    job = replace(spec(plate, tmp_path, "overwrite"), tasks=("bfr", "inpaint"), mask_path=own, output=own)
    with Client(artist) as client, pytest.raises(OutputEqualsPlate) as refusal:
        hand_in(client, job, new_id())
    assert refusal.value.frame == 1001 and "that the job reads" in str(refusal.value)


def test_a_fetch_leaves_files_that_came_meanwhile_and_takes_up_its_own(
    blind: Blind, artist: Connection, tmp_path: Path
) -> None:
    svfr, folder, out = (
        Command(tmp_path / "artist"),
        make_private_folder(tmp_path / "there"),
        tmp_path / "out",
    )
    artist.save(folder / CONNECTION_FILE)
    job = done_job(artist, write_grainy(tmp_path, seed=2), out)
    out.mkdir(exist_ok=True)
    (out / "shot.1002.exr").write_bytes(b"not ours")
    words = ("fetch", job, "--server", str(folder))
    for _ in range(2):  # its own frames are no others
        status, lines = svfr.lines(*words)
        assert (status, lines[-1]["code"], lines[-1]["frame"]) == (3, "OUTPUT_EXISTS", 1002)
        assert f"svfr fetch {job} --server {folder} --existing overwrite" in lines[-1]["remedy"]
    assert (out / "shot.1002.exr").read_bytes() == b"not ours"
    assert len(list(out.glob("*.exr"))) == len(FRAMES)
    assert svfr.lines(*words, "--existing", "overwrite")[0] == 0
    assert (out / "shot.1002.exr").read_bytes() != b"not ours"
