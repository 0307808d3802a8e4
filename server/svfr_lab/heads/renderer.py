"""Renders seeded clips of talking heads with OpenGL, off screen, on a GPU or on Mesa's software rasteriser.

The only module of the laboratory that touches a graphics context, and it makes one only when a
:class:`FaceRenderer` is constructed. Everything random comes from the clip's seed: the same seed gives the
same pixels on the same OpenGL driver; another driver may round single pixels differently.
"""

from dataclasses import dataclass, fields
from typing import Any

import cv2
import moderngl
import numpy as np
from numpy.typing import NDArray

from svfr_client.reasons import in_one_line
from svfr_lab.errors import ArgumentOutOfRange, OffscreenGraphicsUnavailable
from svfr_lab.heads.appearance import Backdrop
from svfr_lab.heads.clip_scene import CURRENT_REVISION, ClipScene, check_revision, draw_scene, far_scene
from svfr_lab.heads.landmarks68 import load_landmarks_68
from svfr_lab.heads.mesh import (
    HeadModel,
    Motion,
    five_points,
    load_head_model,
    posed_vertices,
    project,
    rotation_matrix,
    vertex_normals,
    view_matrix,
)
from svfr_lab.heads.shaders import (
    HEAD_VERTEX_SHADER,
    WALL_FRAGMENT_SHADER,
    WALL_VERTEX_SHADER,
    head_fragment_shader,
)

_SUPERSAMPLING = 2


@dataclass(frozen=True)
class RenderedClip:
    """``frames`` (F, S, S, 3) uint8 display-coded RGB · ``landmarks_px`` (F, 5, 2) float32 ·
    ``landmarks68_px`` (F, 68, 2) float32.

    The five are in ``svfr_lab.heads.mesh.LANDMARK_NAMES`` order, the 68 in that of
    :mod:`svfr_lab.heads.landmarks68`; x right, y down, in pixels with the first pixel's centre at (0.5, 0.5).
    They are exact projections, also where a lid or a cheek hides the point.
    """

    frames: NDArray[np.uint8]
    landmarks_px: NDArray[np.float32]
    landmarks68_px: NDArray[np.float32]


def projected_landmarks(
    model: HeadModel, motion: Motion, posed: NDArray[np.float32], size_px: int, revision: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the landmarks (F, 5, 2) and (F, 68, 2) of posed vertices (F, V, 3); no graphics needed."""
    few, many = [], []
    for frame, vertices in enumerate(posed):
        matrix = view_matrix(model, motion, frame)
        few.append(project(five_points(model, vertices), matrix, size_px))
        many.append(project(load_landmarks_68(revision).on(vertices), matrix, size_px))
    return np.stack(few), np.stack(many)


class FaceRenderer:
    """Square frames of ``size_px`` with 2 x 2 supersampling, over images of ``bank``.

    ``revision`` is that of the looks, see :mod:`svfr_lab.heads.clip_scene`. ``bank`` (N, B, B, 3) uint8 RGB
    as
    :func:`svfr_lab.heads.backgrounds.background_bank` returns it. Raises
    :class:`OffscreenGraphicsUnavailable` when EGL gives no context.
    """

    def __init__(self, size_px: int, bank: NDArray[np.uint8], revision: int = CURRENT_REVISION) -> None:
        check_revision(revision)
        if size_px < 16 or len(bank) == 0:
            raise ArgumentOutOfRange(
                f"Cannot render {size_px} px frames over {len(bank)} backgrounds.",
                remedy="Use at least 16 px and one background.",
            )
        self.size_px, self.revision = size_px, revision
        self.model = load_head_model()
        self._bank = bank
        self._context = _offscreen_context()
        with self._context:
            self._build_pipeline()

    def render_clip(self, seed: int, frame_count: int = 8, far_frames: int = 0) -> RenderedClip:
        """Render the clip of ``seed``, and behind its frames ``far_frames`` others.

        Those show the same person at other moments: see :func:`svfr_lab.heads.clip_scene.far_scene`.
        """
        scene = draw_scene(self.model, seed, frame_count, len(self._bank), self.revision)
        clip = self.render_scene(scene)
        if not far_frames:
            return clip
        far = self.render_scene(far_scene(self.model, scene, seed, far_frames, self.revision))
        return RenderedClip(*(np.concatenate(pair) for pair in zip(_arrays(clip), _arrays(far), strict=True)))

    def render_scene(self, scene: ClipScene) -> RenderedClip:
        """Render every frame of ``scene``."""
        # OpenGL draws into the thread's current context, which another renderer may have changed
        with self._context:
            return self._render_scene(scene)

    def close(self) -> None:
        """Release the graphics context and everything in it."""
        self._context.release()

    def _render_scene(self, scene: ClipScene) -> RenderedClip:
        self._set_uniforms(scene)
        model, motion = self.model, scene.motion
        frames = np.empty((motion.frame_count, self.size_px, self.size_px, 3), np.uint8)
        posed = posed_vertices(model, scene.identity, motion)
        for frame, vertices in enumerate(posed):
            matrix = view_matrix(model, motion, frame)
            rgba = self._draw_frame(vertices, matrix, scene, frame)
            frames[frame] = self._compose(rgba, scene.backdrop, frame)
        return RenderedClip(frames, *projected_landmarks(model, motion, posed, self.size_px, self.revision))

    def _build_pipeline(self) -> None:
        context, model = self._context, self.model
        side = self.size_px * _SUPERSAMPLING
        self._head_program = context.program(
            vertex_shader=HEAD_VERTEX_SHADER, fragment_shader=head_fragment_shader(self.revision)
        )
        self._wall_program = context.program(
            vertex_shader=WALL_VERTEX_SHADER, fragment_shader=WALL_FRAGMENT_SHADER
        )
        self._target = context.framebuffer(
            [context.texture((side, side), 4)], context.depth_renderbuffer((side, side))
        )
        rest = model.assets.rest_vertices
        self._regions = context.buffer(_float_bytes(_regions(model, model.scalp)))
        self._posed = context.buffer(reserve=rest.nbytes * 2)
        self._head = context.vertex_array(
            self._head_program,
            [
                (self._posed, "3f 3f", "position", "normal"),
                (context.buffer(_float_bytes(rest)), "3f", "rest_position"),
                (self._regions, "3f", "region"),
            ],
            context.buffer(model.assets.triangles.astype("i4").tobytes()),
        )
        one_big_triangle = np.array([-1, -1, 3, -1, -1, 3])
        self._wall = context.vertex_array(
            self._wall_program, [(context.buffer(_float_bytes(one_big_triangle)), "2f", "corner")]
        )
        context.enable(moderngl.DEPTH_TEST)

    def _set_uniforms(self, scene: ClipScene) -> None:
        self._regions.write(_float_bytes(_regions(self.model, scene.scalp)))
        chosen: list[tuple[moderngl.Program, Any]] = [(self._head_program, scene.appearance)]
        chosen += [(self._wall_program, scene.wall)]
        chosen += [(self._head_program, scene.details)] if scene.details is not None else []
        for program, values in chosen:
            for field in fields(values):
                _uniform(program, field.name).value = getattr(values, field.name)
        image_left, image_right = self.model.eye_centres
        _uniform(self._head_program, "eye_image_left").value = tuple(image_left)
        _uniform(self._head_program, "eye_image_right").value = tuple(image_right)

    def _draw_frame(
        self, vertices: NDArray[np.float32], matrix: NDArray[np.float64], scene: ClipScene, frame: int
    ) -> NDArray[np.float32]:
        """Return RGBA (S, S, 4) float32 in 0..255, averaged down; colour is premultiplied over a backdrop."""
        normals = vertex_normals(self.model, vertices)
        self._posed.write(_float_bytes(np.concatenate([vertices, normals], axis=1)))
        program = self._head_program
        # OpenGL wants columns first
        _uniform(program, "view").write(_float_bytes(matrix.T))
        _uniform(program, "rotation").write(
            _float_bytes(rotation_matrix(*scene.motion.rotation_rad[frame]).T)
        )
        gaze_x, gaze_y = scene.motion.gaze[frame]
        _uniform(program, "gaze").value = (float(gaze_x), float(gaze_y), 1.0)
        self._target.use()
        self._target.clear(depth=1.0)
        if scene.backdrop is None:
            self._wall.render()
        self._head.render()
        side = self._target.width
        rgba = np.frombuffer(self._target.read(components=4), np.uint8).reshape(side, side, 4)[::-1]
        size = (self.size_px, self.size_px)
        return np.asarray(cv2.resize(rgba.astype(np.float32), size, interpolation=cv2.INTER_AREA), np.float32)

    def _compose(self, rgba: NDArray[np.float32], backdrop: Backdrop | None, frame: int) -> NDArray[np.uint8]:
        rgb: NDArray[Any] = rgba[..., :3]
        if backdrop is not None:
            rgb = rgb + self._backdrop_frame(backdrop, frame) * (1 - rgba[..., 3:] / 255)
        return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)

    def _backdrop_frame(self, backdrop: Backdrop, frame: int) -> NDArray[np.float32]:
        image = self._bank[backdrop.image]
        zoom = backdrop.crop * len(image) / self.size_px
        free_px = len(image) * (1 - backdrop.crop)
        x, y = np.clip(backdrop.origin + backdrop.drift * frame, 0, 1) * free_px
        inverse = np.array([[zoom, 0, x], [0, zoom, y]], np.float32)
        warped = cv2.warpAffine(
            image,
            inverse,
            (self.size_px, self.size_px),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        return warped.astype(np.float32) * np.float32(backdrop.gain)


def _arrays(clip: RenderedClip) -> tuple[NDArray[Any], ...]:
    return tuple(getattr(clip, field.name) for field in fields(clip))


def _regions(model: HeadModel, scalp: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return lips, scalp and part (V, 3) of every vertex, as the shader takes them."""
    return np.stack([model.lips, scalp, model.parts], axis=1).astype(np.float32)


def _offscreen_context() -> moderngl.Context:
    # moderngl annotates its keyword settings as dictionaries, which no backend takes
    settings: dict[str, Any] = {"backend": "egl"}
    try:
        return moderngl.create_context(standalone=True, **settings)
    except Exception as problem:  # moderngl raises bare Exception for every failure of EGL
        raise OffscreenGraphicsUnavailable(
            f"No off-screen OpenGL context: {in_one_line(problem)}.",
            remedy="Install EGL and Mesa (Debian: libegl1 libgl1-mesa-dri); without a GPU also set"
            " LIBGL_ALWAYS_SOFTWARE=1.",
        ) from problem


def _uniform(program: moderngl.Program, name: str) -> Any:
    """Return the uniform ``name``; the stubs cannot tell it from attributes and blocks."""
    return program[name]


def _float_bytes(values: NDArray[Any]) -> bytes:
    return np.ascontiguousarray(values, dtype="f4").tobytes()
