"""The options of ``svfr restore`` alone; those it shares with other commands are in ``options.py``."""

from typing import Annotated

import typer

from svfr_client.face_words import WORDS as FACE_WORDS
from svfr_client.job import DEFAULT_SPREAD_SEEDS, JobSpec
from svfr_client.job_checks import SPREAD_SEEDS
from svfr_client.vocabulary import EXISTING_POLICIES, LAYERS, PRESETS, SAMPLERS, TASKS

from .options import listed

Tasks = Annotated[list[str], typer.Option("--task", "-t", help=f"{listed(TASKS)}; give it again to combine.")]
Mask = Annotated[
    str | None, typer.Option("--mask", help="Matte sequence, movie, or a .json file of roto splines.")
]
MaskChannel = Annotated[str | None, typer.Option("--mask-channel", help="Channel of the matte: A, R, G ...")]
References = Annotated[
    list[str] | None,
    typer.Option(
        "--reference",
        metavar="[TRACK=]FRAME|PHOTO",
        help="A plate frame or a photo in place of the self-made reference.",
    ),
]
Faces = Annotated[
    str,
    typer.Option(
        "--faces",
        help=f"{', '.join(FACE_WORDS)}; track numbers like 0,2 or ids, as svfr faces prints both; places in "
        "the picture like 640,360@1001; or like:PHOTO, the person of a photo in every shot.",
    ),
]
Boxes = Annotated[
    list[str] | None,
    typer.Option("--box", metavar="X,Y,W,H", help="Square to restore, in pixels, in place of detection."),
]
Out = Annotated[
    str | None,
    typer.Option("--out", "-o", help="Output. Default: NAME_svfr/NAME.%04d.exr beside the plate."),
]
ModelName = Annotated[str, typer.Option("--model", help="Model name or folder.")]
Preset = Annotated[str, typer.Option("--preset", help=f"{listed(PRESETS)}.")]
Detail = Annotated[
    float | None,
    typer.Option(
        "--detail", min=0, max=1, help="Fine texture to add: 0 is safest, 1 sharpest. Default: the preset's."
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0)]
Exposure = Annotated[
    float | None, typer.Option("--exposure", help="Stops into the model. Default: chosen from the face.")
]
Sampler = Annotated[str, typer.Option("--sampler", help=f"{listed(SAMPLERS)}.")]
Existing = Annotated[str, typer.Option("--existing", help=f"Existing outputs: {listed(EXISTING_POLICIES)}.")]
Handles = Annotated[int, typer.Option("--handles", min=0, help="Frames added at both ends, for context.")]
WriteHandles = Annotated[bool, typer.Option("--write-handles", help="Write the handles too.")]
DEFAULT_LAYERS = ",".join(JobSpec.layers)
ExtraLayers = Annotated[str, typer.Option("--layers", help=f"Extra layers: any of {','.join(LAYERS)}.")]
SpreadSeeds = Annotated[
    int | None,
    typer.Option(
        "--spread-seeds",
        min=SPREAD_SEEDS[0],
        max=SPREAD_SEEDS[1],
        help=f"Seeds that the layer spread is taken of. Default: {DEFAULT_SPREAD_SEEDS}.",
    ),
]
Feather = Annotated[float, typer.Option("--feather", help="Soft edge, as a share of the crop.")]
CropTracks = Annotated[
    str | None, typer.Option("--crop-tracks", help="An edited crop-track file, instead of new ones.")
]
Priority = Annotated[int, typer.Option("--priority")]
Movie = Annotated[
    str | None,
    typer.Option(
        "--movie",
        metavar="FILE|ENDING",
        help="Write the result as a movie too: mov (ProRes), mp4 (H.264) or mkv (FFV1) beside the frames, or "
        "a file with one of these endings.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only estimate time, memory and disk space.")]
Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Follow the job, or return once it is accepted.")
]
