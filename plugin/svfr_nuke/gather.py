"""Turn a node into a job: read everything, collect every problem, render nothing yet."""

import posixpath
from dataclasses import dataclass, replace
from typing import Any, Callable, List, Optional, Tuple, TypeVar

import nuke

from svfr_client.errors import SvfrError, raise_problems
from svfr_client.frames import FrameRange
from svfr_client.job import FaceChoice, JobSpec, Reference
from svfr_client.job_checks import job_problems
from svfr_client.masks import SplineMask
from svfr_client.sequences import plate_name
from svfr_client.vocabulary import LAYERS, WordReader

from .colour import PlateColour, colour_of_read, colour_of_working_space, with_context
from .errors import BadSetting, NoPlate
from .knobs import add_missing
from .node import MASK_INPUT, PLATE_INPUT
from .render import render_exr
from .roto_splines import read_splines
from .settings import EXISTING, NodeSettings
from .upstream import Source, choose_view, find_source, is_absolute

T = TypeVar("T")
_UNKNOWN_PATH = "unknown"  # stands for a path until what decides it is fixed


@dataclass(frozen=True)
class RenderTask:
    """An input to be rendered to ``pattern`` before the job is sent."""

    node: Any
    pattern: str
    frames: FrameRange
    view: str
    channels: str
    mask_channel: Optional[str] = None

    def run(self) -> None:
        """Render it; raises the errors of :func:`svfr_nuke.render.render_exr`."""
        render_exr(
            self.node,
            self.pattern,
            self.frames,
            view=self.view,
            channels=self.channels,
            mask_channel=self.mask_channel,
        )


@dataclass(frozen=True)
class Gathered:
    """A job that is ready but for the inputs to be rendered. ``folder`` holds those and the request."""

    spec: JobSpec
    colour: PlateColour
    renders: Tuple[RenderTask, ...]
    folder: str


_Masked = Tuple[JobSpec, List[RenderTask]]


class _Problems:
    """Runs steps and keeps what went wrong, so that the artist sees everything at once."""

    def __init__(self) -> None:
        self.found: List[SvfrError] = []

    def attempt(self, step: Callable[[], T], otherwise: T) -> T:
        try:
            return step()
        except SvfrError as problem:
            self.found.append(problem)
            return otherwise


def gather(node: Any, job: str) -> Gathered:
    """Read the node, its inputs and the project, and return the job of id ``job``.

    Raises the one problem, or :class:`~svfr_client.errors.SeveralProblems` with all of them.
    """
    plate = node.input(PLATE_INPUT)
    if plate is None:
        raise NoPlate("Nothing is connected to the plate input.", remedy="Connect the plate.")
    add_missing(node)
    settings = NodeSettings.read(node)
    problems, words = _Problems(), WordReader()
    view = problems.attempt(lambda: choose_view(settings.view), nuke.views()[0])
    one = FrameRange.of([plate.firstFrame()])
    frames = problems.attempt(lambda: _frames(settings, plate), one)
    source = problems.attempt(lambda: find_source(plate, frames, view), Source(plate))
    nothing: Optional[PlateColour] = None
    colour = problems.attempt(lambda: _colour(settings, source), nothing)
    output = problems.attempt(lambda: _output(settings, source, node), _UNKNOWN_PATH)
    folder = posixpath.join(posixpath.dirname(output), "svfr_inputs", job[:8])
    renders = [] if source.path else [_plate_render(settings, source, frames, view, folder)]
    spec = JobSpec(
        plate=source.path or renders[0].pattern,
        frames=str(frames),
        tasks=settings.tasks,
        output=output,
        faces=problems.attempt(lambda: settings.face_choice(plate.format().height()), FaceChoice()),
        references=problems.attempt(settings.references, _no_references()),
        model=settings.model,
        preset=settings.preset,
        seed=settings.seed,
        detail=settings.detail,
        existing=EXISTING[settings.existing],
        layers=words.several("layers", settings.layers, LAYERS),
        spread_seeds=settings.spread_seeds if "spread" in settings.layers else None,
    )
    without_mask: _Masked = (spec, [])
    spec, mask_renders = problems.attempt(
        lambda: _with_mask(
            without_mask[0], settings, node.input(MASK_INPUT), frames=frames, view=view, folder=folder
        ),
        without_mask,
    )
    if colour is not None:
        spec = replace(spec, colour=colour.claim)
    raise_problems(problems.found + words.problems + job_problems(spec))
    assert colour is not None  # its absence is among the problems
    return Gathered(spec, colour, tuple(renders + mask_renders), folder)


def find_colour(node: Any) -> PlateColour:
    """Return the colour that a job of ``node`` would claim, for the artist to see."""
    plate = node.input(PLATE_INPUT)
    if plate is None:
        raise NoPlate("Nothing is connected to the plate input.", remedy="Connect the plate.")
    add_missing(node)
    settings = NodeSettings.read(node)
    frames = _frames(settings, plate)
    return _colour(settings, find_source(plate, frames, choose_view(settings.view)))


def _no_references() -> Tuple[Reference, ...]:
    return ()


def _frames(settings: NodeSettings, plate: Any) -> FrameRange:
    root = nuke.root()
    of_plate = (int(plate.firstFrame()), int(plate.lastFrame()))
    return settings.frame_range(of_plate, (int(root.firstFrame()), int(root.lastFrame())))


def _colour(settings: NodeSettings, source: Source) -> PlateColour:
    if source.read is not None:
        found = colour_of_read(source.read, settings.colour_space, settings.ocio_config)
    else:
        found = colour_of_working_space(settings.colour_space, settings.ocio_config)
    return with_context(found, settings.ocio_context)


def _output(settings: NodeSettings, source: Source, node: Any) -> str:
    """Return the output pattern: the user's, or one beside the plate, or one beside the script."""
    if settings.output:
        path = settings.output.replace("\\", "/")
        if not is_absolute(path):
            raise BadSetting("The output is no whole path.", path=path, remedy="Begin at the root or drive.")
        return path
    if source.path:
        name = plate_name(source.path)
        return posixpath.join(posixpath.dirname(source.path), f"{name}_svfr", f"{name}.%04d.exr")
    script = str(nuke.root().name()).replace("\\", "/")
    if not is_absolute(script):
        raise BadSetting(
            "There is no place for the result: the script is not saved and the plate is no Read.",
            remedy="Save the script, or choose an output.",
        )
    return posixpath.join(posixpath.dirname(script), "svfr", node.name(), f"{node.name()}.%04d.exr")


def _plate_render(
    settings: NodeSettings, source: Source, frames: FrameRange, view: str, folder: str
) -> RenderTask:
    return RenderTask(
        node=source.node,
        pattern=f"{folder}/plate.%04d.exr",
        frames=frames,
        view=view,
        channels=settings.channels,
    )


def _with_mask(
    spec: JobSpec, settings: NodeSettings, mask: Optional[Any], *, frames: FrameRange, view: str, folder: str
) -> _Masked:
    if mask is None or settings.mask == "none":
        return spec, []
    if settings.mask == "splines":
        splines: SplineMask = read_splines(mask, frames, view)
        return replace(spec, mask_splines=splines), []
    pattern = f"{folder}/mask.%04d.exr"
    task = RenderTask(
        node=mask,
        pattern=pattern,
        frames=frames,
        view=view,
        channels="alpha",
        mask_channel=settings.mask_channel or "rgba.alpha",
    )
    return replace(spec, mask_path=pattern), [task]
