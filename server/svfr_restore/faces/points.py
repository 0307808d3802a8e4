"""Five points of the face in a crop: the mesh's where it is installed and sees a face, else our net's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from svfr_restore.faces.face_mesh import FaceMesh
from svfr_restore.faces.landmarks import FivePointFinder
from svfr_restore.faces.model_files import MESH, installed_file


class FacePointFinder:
    """Finds the five points of a crop.

    Raises FaceModelIsDamaged for an installed file that is not the one it should be, and what loading the
    packaged net raises.
    """

    def __init__(self) -> None:
        file = installed_file(MESH)
        self._mesh = None if file is None else FaceMesh(file)
        self._net = FivePointFinder()

    def five_points(self, crop_u8: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        """Return the points (5, 2) in pixels of a square crop (S, S, 3) uint8 RGB code values, or None.

        As :meth:`FivePointFinder.five_points`.
        """
        points = None if self._mesh is None else self._mesh.five_points(crop_u8)
        return self._net.five_points(crop_u8) if points is None else points
