"""A 1080p plate to a server that does not see it, over a slow line that is cut twice.

Run it in ``server/``: ``python -m benchmarks.uploads.run``. Prints how long sending and the job took, what
went over the line for what was to be sent, and whether frames have the bits of a server that saw the plate.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenImageIO

from benchmarks.uploads.slow_line import slow_line
from svfr_client.client import Client
from svfr_client.connection import Connection, KeyPair, find_connection
from svfr_client.errors import error_from_dict
from svfr_client.job import ColourClaim, FaceChoice, JobSpec
from svfr_client.protocol.wire import new_id
from svfr_client.transfer.hand_in import hand_in
from svfr_client.transfer.progress import TransferProgress
from svfr_server.job_store.local_files import local_folder, make_local_folder
from svfr_server.start import start_local_server
from svfr_server.supervisor.zap_keys import KeyRing

WIDTH, HEIGHT, FIRST = 1920, 1080, 1001
_HASH = b"svfr/job_hash\0string\0"


def write_plate(pattern: str, count: int) -> int:
    """Write half-float frames with grain and return their length in bytes."""
    noise, size = np.random.default_rng(1), 0
    Path(pattern).parent.mkdir(parents=True)
    for frame in range(FIRST, FIRST + count):
        light = noise.uniform(0.1, 0.2, (HEIGHT, WIDTH, 3)).astype(np.float32)
        image = OpenImageIO.ImageOutput.create(pattern % frame)
        assert image is not None, OpenImageIO.geterror()
        image.open(pattern % frame, OpenImageIO.ImageSpec(WIDTH, HEIGHT, 3, "half"))
        image.write_image(light)
        image.close()
        size += Path(pattern % frame).stat().st_size
    return size


def bits_of(path: Path) -> bytes:
    """Return everything in a file but the hash of its job, which names other paths."""
    data = path.read_bytes()
    start = data.index(_HASH) + len(_HASH) + 4
    return data[:start] + data[start + 64 :]


def restore(client: Client, spec: JobSpec, tell: Callable[[TransferProgress], None]) -> None:
    """Run one job to its end, its frames here; raises its own error."""
    job = new_id()
    delivery = hand_in(client, spec, job, tell=tell)
    for event in client.follow(job):
        if event.kind == "failed":
            raise error_from_dict(dict(event.body["error"]))
        delivery.bring(client, event)


def main() -> int:
    """Measure and print; returns 1 if the frames differ or the line was not cut."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--mb-per-s", type=float, default=20.0, help="of the line, each way")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder), options.frames, options.mb_per_s * 1e6)


def measure(folder: Path, count: int, bytes_per_s: float) -> int:
    """Run the job at a server that sees the plate, then by content over the line."""
    root, home = folder / "root", folder / "home"
    pattern = str(root / "plate" / "shot.%04d.exr")
    unseen = str(folder / "elsewhere" / "shot.%04d.exr")
    size = write_plate(unseen, count)
    root.mkdir()
    os.environ["SVFR_HOME"] = str(folder / "artist")
    arguments = ["--device", "cpu", "--read-root", str(root), "--write-root", str(root)]
    with start_local_server(home, idle_exit_s=600, arguments=arguments) as server:
        keys = KeyPair.new()
        KeyRing(home).authorise("artist", keys.public)
        artist = replace(find_connection(home), keys=keys)
        spec = JobSpec(
            unseen,
            f"{FIRST}-{FIRST + count - 1}",
            ("bfr",),
            str(folder / "sent" / "shot.%04d.exr"),
            faces=FaceChoice(mode="frame"),
            colour=ColourClaim(space="lin_rec709_scene"),
            model="probe",
        )
        make_local_folder(home)
        local_folder(home).chmod(0o755)  # so that nobody uses it: files go over the line, as from afar
        cuts = over_the_line(artist, spec, size, bytes_per_s)
        shutil.copytree(Path(unseen).parent, Path(pattern).parent)
        seen = replace(spec, plate=pattern, output=str(root / "out" / "shot.%04d.exr"))
        restore(server, seen, lambda _: None)
        pairs = [(folder / "sent" / f.name, f) for f in sorted((root / "out").iterdir())]
        equal = sum(bits_of(here) == bits_of(there) for here, there in pairs)
        server.shutdown()
    print(f"frames with the bits of a server that sees the plate: {equal} of {count}")
    return 0 if (equal, cuts) == (count, 2) else 1


def over_the_line(artist: Connection, spec: JobSpec, size: int, bytes_per_s: float) -> int:
    """Run the job by content, print what it took, and return how often the line was cut."""
    sent_at: list[float] = []

    def tell(progress: TransferProgress) -> None:
        if progress.stage == "send":
            sent_at.append(time.monotonic())

    port, started = int(artist.endpoint.rsplit(":", 1)[1]), time.monotonic()
    with slow_line(port, bytes_per_s, (size // 3, 2 * size // 3)) as line:
        with Client(replace(artist, endpoint=f"tcp://127.0.0.1:{line.port}")) as client:
            restore(client, spec, tell)
        seconds = sent_at[-1] - sent_at[0]
        print(f"plate {size / 1e6:.1f} MB at {bytes_per_s / 1e6:g} MB/s, cut {line.cuts_made} times")
        print(f"sent in {seconds:.1f} s ({size / seconds / 1e6:.1f} MB/s)")
        print(f"over the line to the server: {line.to_server_bytes / 1e6:.1f} MB")
    print(f"with the job and its frames back: {time.monotonic() - started:.1f} s")
    return line.cuts_made


if __name__ == "__main__":
    sys.exit(main())
