"""Which network tells people apart in an evaluation: one whose weights the user gave, or none."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from svfr_lab.evaluate.report import NotComputed
from svfr_lab.metrics.dlib_identity import DLIB_FACES, DlibFaces
from svfr_lab.preview_eval.face_measures import Embedder

NO_EMBEDDER = NotComputed(
    "Identity needs the weights of a face recognition network, which are not shipped.",
    f"Give dlib_face_recognition_resnet_model_v1.dat with --dlib-faces or {DLIB_FACES}.",
)


def add_embedder(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the weights."""
    parser.add_argument(
        "--dlib-faces",
        type=Path,
        default=os.environ.get(DLIB_FACES),
        help=f"weights of dlib's face recognition ResNet, to measure identity (or the variable {DLIB_FACES})",
    )


def chosen_embedder(asked: argparse.Namespace) -> DlibFaces | None:
    """Return the network of the given weights, None without; raises what loading them raises."""
    return None if asked.dlib_faces is None else DlibFaces(Path(asked.dlib_faces))


def embedder_facts(embedder: Embedder | None) -> dict[str, Any]:
    """Return which embedder a report's figures of identity are of, or why there are none."""
    if embedder is None:
        return NO_EMBEDDER.to_json()
    return {"computed": True, "embedder": embedder.name, "sha256": embedder.sha256}
