"""kill -9 of worker and service under a job, at times spread evenly over its run and in every stage."""

from __future__ import annotations

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.service_stress.figures import difference_words, write_plate
from benchmarks.service_stress.pipeline import EVALUATIONS
from benchmarks.service_stress.service import STEPS, Service, model_of_eight_steps
from svfr.diffusion.windows import studio_windows
from svfr.models.folder import read_diffusion_spec
from svfr_client.client import Client
from svfr_client.job import Box, ColourClaim, FaceChoice, JobSpec
from svfr_client.protocol.messages import Event
from svfr_server.job_store.cache import clear

STAGES = ("survey", "crop", "encode", "reference", "denoise", "decode", "write")
FRAMES = range(1001, 1011)
LEAST_IN_A_STAGE = 5
KILLS_A_RUN = 3
SERVICES = 2


@dataclass(frozen=True)
class Mark:
    """A moment of the undisturbed run: the newest event then, and how long ago it had come."""

    event: int
    later_s: float


@dataclass
class Kills:
    """What came of it: of each kill its kind, stage and the evaluations it made necessary again.

    The first ``uniform`` of a service came at times uniform over the run, the others in stages left out.
    """

    step_evaluations: int
    kinds: list[str]
    stages: list[str]
    repeated: list[int]
    frames_lost: int = 0
    files_differing: int = 0
    events_wrong: int = 0
    uniform: int = 0

    def add(self, other: Kills) -> None:
        """Take in what another service suffered."""
        self.kinds += other.kinds
        self.stages += other.stages
        self.repeated += other.repeated
        self.frames_lost += other.frames_lost
        self.files_differing += other.files_differing
        self.events_wrong += other.events_wrong
        self.uniform += other.uniform


@dataclass(frozen=True, kw_only=True)
class _Whole:
    """The undisturbed run: when each progress event came, its pictures, evaluations of the longest step."""

    spec: JobSpec
    times: list[float]
    stages: list[str]
    pictures: dict[str, bytes]
    step_evaluations: int


def run(folder: Path, kills: int, seed: int = 1) -> Kills:
    """Kill so often, and more until every stage had its share; prints each run."""
    with ThreadPoolExecutor(SERVICES) as pool:
        least = min(LEAST_IN_A_STAGE, kills // 8)
        running = [
            pool.submit(
                _one_service, folder / str(part), -(-kills // SERVICES), -(-least // SERVICES), seed + part
            )
            for part in range(SERVICES)
        ]
        parts = [service.result() for service in running]
    found = parts[0]
    for part in parts[1:]:
        found.add(part)
    return found


def _one_service(folder: Path, kills: int, least: int, seed: int) -> Kills:
    """Do a part of the kills with a service of its own."""
    service = Service(folder / "home", "counted_job")
    model, what = model_of_eight_steps(folder / "model")
    spec = JobSpec(
        write_plate(folder / "plate", FRAMES),
        f"{FRAMES[0]}-{FRAMES[-1]}",
        ("bfr",),
        str(folder / "out" / "o.%04d.exr"),
        faces=FaceChoice("box", boxes=(Box(20.0, 12.0, 48.0, 48.0),)),
        colour=ColourClaim(space="lin_rec709_scene", exposure_stops=0.0),
        model=model,
        existing="version_up",
    )
    try:
        with service.client() as client:
            _finish(client, spec)  # the first run loads torch
            whole = _undisturbed(service, client, spec)
            print(f"  {what}, {len(FRAMES)} frames, {whole.times[-1]:.1f} s undisturbed", flush=True)
            found = Kills(whole.step_evaluations, [], [], [])
            rng = random.Random(seed)
            while len(found.stages) < kills:
                count = min(KILLS_A_RUN, kills - len(found.stages))
                times = sorted(rng.uniform(0.0, whole.times[-1]) for _ in range(count))
                _run_killed(
                    service, client, whole, marks=[_mark(whole, at) for at in times], rng=rng, found=found
                )
            found.uniform = len(found.stages)
            _fill_stages(service, client, whole, rng=rng, found=found, least=least)
    finally:
        service.stop()
    return found


def _fill_stages(
    service: Service, client: Client, whole: _Whole, *, rng: random.Random, found: Kills, least: int
) -> None:
    """Kill on in the stages that chance has left out, at most so often that the benchmark ends."""
    for _ in range(4 * least * len(STAGES)):
        missing = [stage for stage in STAGES if found.stages.count(stage) < least]
        if not missing:
            return
        marks = []
        for stage in missing[:KILLS_A_RUN]:
            events = [index for index, name in enumerate(whole.stages) if name == stage]
            marks.append(Mark(rng.choice(events), 0.0))
        _run_killed(
            service, client, whole, marks=sorted(marks, key=lambda mark: mark.event), rng=rng, found=found
        )


def _undisturbed(service: Service, client: Client, spec: JobSpec) -> _Whole:
    clear(service.home)
    began = 0.0
    times: list[float] = []
    stages: list[str] = []
    submitted = client.submit(replace(spec, output=str(_whole_folder(spec) / Path(spec.output).name)))
    for event in client.follow(submitted.job):
        if event.kind == "running":
            began = time.monotonic()
        elif event.kind == "progress":
            times.append(time.monotonic() - began)
            stages.append(str(event.body["stage"]))
    pictures = _pictures(_whole_folder(spec))
    return _Whole(
        spec=spec,
        times=times,
        stages=stages,
        pictures=pictures,
        step_evaluations=_evaluations_of_a_step(Path(spec.model)),
    )


def _whole_folder(spec: JobSpec) -> Path:
    """Where the undisturbed run writes."""
    return Path(spec.output.replace("/out/", "/whole/")).parent


def _evaluations_of_a_step(folder: Path) -> int:
    """The evaluations of the longest step of pass 2: its windows, with one branch or two."""
    model = read_diffusion_spec(folder)
    branches = 1 if model.presets["standard"].guidance == 1.0 else 2
    cuts = (studio_windows(len(FRAMES), model.window, model.overlap, step) for step in range(STEPS))
    return branches * max(len(cut) for cut in cuts)


def _mark(whole: _Whole, at: float) -> Mark:
    event = max((i for i, time_s in enumerate(whole.times) if time_s <= at), default=0)
    return Mark(event, max(0.0, at - whole.times[event]))


def _run_killed(
    service: Service, client: Client, whole: _Whole, *, marks: list[Mark], rng: random.Random, found: Kills
) -> None:
    """Run the job once and kill at the marks: the worker once at most, since a second kill fails the job."""
    clear(service.home)
    before = len(_evaluations(service))
    folder = Path(whole.spec.output).parent
    for file in folder.parent.glob("out*/*.exr"):
        file.unlink()
    worker_kill = rng.randrange(len(marks))
    reached = [(whole.stages[mark.event], _ordinal(whole.stages, mark.event)) for mark in marks]
    job = client.submit(whole.spec).job
    events: list[Event] = []
    kinds: list[str] = []
    for event in client.follow(job):
        events.append(event)
        if event.kind != "progress" or len(kinds) == len(marks):
            continue
        if _is_reached(event, events, *reached[len(kinds)]):
            time.sleep(marks[len(kinds)].later_s)
            kind = "worker" if len(kinds) == worker_kill else "server"
            kinds.append(kind)
            (service.kill_worker if kind == "worker" else service.kill_server)()
    stages = _stages_at_breaks(events)
    new = _evaluations(service)[before:]
    found.kinds += kinds[: len(stages)]
    found.stages += stages
    found.repeated += repeated(new, len(stages))
    written = _pictures(folder)
    found.frames_lost += len(whole.pictures) - len(written)
    for name in sorted(name for name, data in whole.pictures.items() if written.get(name) != data):
        found.files_differing += 1
        if name in written:
            words = difference_words(_whole_folder(whole.spec) / name, folder / name)
            print(f"  {name} differs in {words}")
    in_order = [event.seq for event in events] == list(range(1, len(events) + 1))
    frame_events = Counter(event.body["frame"] for event in events if event.kind == "frame")
    found.events_wrong += not (in_order and events[-1].kind == "done" and set(frame_events.values()) == {1})
    print(
        f"  kills {', '.join(f'{k} in {s}' for k, s in zip(kinds, stages, strict=False))}: {events[-1].kind}"
    )


def _ordinal(stages: list[str], index: int) -> int:
    return sum(name == stages[index] for name in stages[: index + 1])


def _is_reached(event: Event, events: list[Event], stage: str, ordinal: int) -> bool:
    """Whether the job has come as far in this stage as the mark, or beyond the stage."""
    order = STAGES.index(str(event.body["stage"])) - STAGES.index(stage)
    seen = sum(e.kind == "progress" and e.body["stage"] == stage for e in events)
    return order > 0 or (order == 0 and seen >= ordinal)


def _stages_at_breaks(events: list[Event]) -> list[str]:
    """The stage that the service had last recorded before each kill."""
    stages, last = [], STAGES[0]
    for event in events:
        if event.kind == "progress":
            last = str(event.body["stage"])
        elif event.kind == "retry" or (event.kind == "queued" and "reason" in event.body):
            stages.append(last)
    return stages


def repeated(evaluations: list[tuple[int, str]], kills: int) -> list[int]:
    """Of each worker process after the first: how many of its evaluations an earlier one had made."""
    seen: set[str] = set()
    repeated: list[int] = []
    former = None
    for process, digest in evaluations:
        if process != former:
            repeated.append(0)
            former = process
        if digest in seen:
            repeated[-1] += 1
        seen.add(digest)
    counts = repeated[1:] if repeated else []
    return (counts + [0] * kills)[:kills]


def _evaluations(service: Service) -> list[tuple[int, str]]:
    file = service.home / EVALUATIONS
    lines = file.read_text(encoding="ascii").splitlines() if file.exists() else []
    return [(int(line.split()[0]), line.split()[1]) for line in lines]


def _pictures(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.exr")}


def _finish(client: Client, spec: JobSpec) -> None:
    output = spec.output.replace("/out/", "/first/")
    last = list(client.follow(client.submit(replace(spec, output=output)).job))[-1]
    if last.kind != "done":
        raise RuntimeError(f"the undisturbed job ended as {last.kind}: {last.body}")


def describe(found: Kills) -> str:
    """Return the figures as lines of text."""
    stages = ", ".join(f"{stage} {found.stages.count(stage)}" for stage in STAGES)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(found.kinds).items()))
    return (
        f"  kill -9                   {len(found.stages)} ({kinds}), {found.uniform} uniform in time\n"
        f"  by stage                  {stages}\n"
        f"  frames lost               {found.frames_lost}\n"
        f"  EXRs differing            {found.files_differing}\n"
        f"  jobs with wrong events    {found.events_wrong}\n"
        f"  evaluations repeated      at most {max(found.repeated, default=0)} a kill, "
        f"{sum(found.repeated)} in all; one step has up to {found.step_evaluations}"
    )
