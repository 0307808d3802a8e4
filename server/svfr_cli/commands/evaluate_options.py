"""The options of ``svfr evaluate``."""

from pathlib import Path
from typing import Annotated

import typer

Result = Annotated[str, typer.Argument(help="The restored plate, or a folder of clips.")]
Truth = Annotated[str, typer.Argument(help="What it should be: a plate, or a folder of clips.")]
ComparedFrames = Annotated[
    str | None, typer.Option("--frames", "-f", help="Frames of the result to compare. Default: all.")
]
Matte = Annotated[
    str | None,
    typer.Option("--matte", help="Compare PSNR, SSIM and LPIPS under this matte: files, or splines in JSON."),
]
ProtocolName = Annotated[
    str, typer.Option("--protocol", help="What is compared: plates, vfhq-test, or a .toml file.")
]
LpipsWeights = Annotated[
    Path | None,
    typer.Option("--weights-lpips", help="torchvision's AlexNet or VGG-16 weights, for LPIPS."),
]
ArcFaceWeights = Annotated[
    Path | None, typer.Option("--weights-arcface", help="insightface_glint360k.pth, for IDS and VIDD.")
]
FvdWeights = Annotated[
    Path | None, typer.Option("--weights-fvd", help="StyleGAN-V's i3d_torchscript.pt, for FVD.")
]
TrustTorchScript = Annotated[
    bool, typer.Option("--trust-torchscript", help="Run the program that the FVD network's file is.")
]
Faces = Annotated[
    str | None, typer.Option("--faces", help="largest or frame. Default: what the protocol says.")
]
FaceBox = Annotated[
    str | None, typer.Option("--box", help="x,y,w,h: the square around the face, in place of detection.")
]
ResultSpace = Annotated[
    str | None,
    typer.Option("--colorspace", help="Colour space of the result. Default: what its file says."),
]
TruthSpace = Annotated[
    str | None,
    typer.Option("--truth-colorspace", help="Colour space of the truth. Default: what its file says."),
]
JsonOut = Annotated[
    str | None,
    typer.Option("--json", metavar="OUT", help='Write every figure to this file; "-": say it in JSON lines.'),
]
Plot = Annotated[Path | None, typer.Option("--plot", help="Draw the figures of every frame to this PNG.")]
