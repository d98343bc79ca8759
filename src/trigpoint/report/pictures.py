"""The scene seen from above and at an angle: map points, cameras of the map, true and estimated query cameras."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trigpoint.core.camera import Camera
from trigpoint.core.pose import Pose
from trigpoint.core.randomness import numpy_generator
from trigpoint.evaluation.results import Evaluation, FrameResult
from trigpoint.localization.pointcloud import PointCloud
from trigpoint.report.formatting import angle, length, round_below
from trigpoint.report.html import escaped
from trigpoint.report.views import Array, Colours, View, draw_points, oblique_view, top_view, up_direction

WIDTH_PX = 1080
MAX_POINTS = 300_000
# Bodies of more queries than this would cover each other: then cameras are dots.
_MAX_BODIES = 400
_FAR_PX = 4000.0
_BODY_CORNERS = ((0, 0), (1, 0), (1, 1), (0, 1))
# Used where a localized image has no camera.
_SOME_CAMERA = Camera.pinhole(4, 3, 4)


@dataclass(frozen=True, eq=False)
class SceneDrawing:
    """What the pictures show.

    Attributes:
        evaluation: the queries.
        mapping_poses: ``cam_from_world`` of the images that the map was made of.
        all_points: (N, 3) float64 map points in world, map units; may be empty.
        all_rgb: (N, 3) uint8, their colours.
        drawn: (N,) bool, which of them the pictures of the whole scene show.
        hidden: whether a ceiling is among those that are left out.
    """

    evaluation: Evaluation
    mapping_poses: Sequence[Pose]
    all_points: Array
    all_rgb: Colours
    drawn: NDArray[np.bool_]
    hidden: bool

    @staticmethod
    def of(evaluation: Evaluation, mapping_poses: Sequence[Pose], points: PointCloud | None) -> SceneDrawing:
        """With the points that help: no outliers, no ceiling over the cameras, not more than ``MAX_POINTS``."""
        xyz, rgb = (np.zeros((0, 3)), np.zeros((0, 3), np.uint8)) if points is None else (points.xyz, points.rgb)
        finite = np.isfinite(xyz).all(axis=1)
        xyz, rgb = xyz[finite], rgb[finite]
        if len(xyz) > MAX_POINTS:
            chosen = np.sort(numpy_generator(0, "report", "points").choice(len(xyz), MAX_POINTS, replace=False))
            xyz, rgb = xyz[chosen], rgb[chosen]
        drawing = SceneDrawing(evaluation, mapping_poses, xyz, rgb, np.ones(len(xyz), dtype=np.bool_), False)
        if len(xyz) == 0:
            return drawing
        ceiling = ceiling_points(xyz, drawing.centres(), drawing.up())
        return replace(drawing, drawn=points_near(xyz, drawing.centres()) & ~ceiling, hidden=bool(ceiling.any()))

    @property
    def points(self) -> Array:
        """(N, 3) points that the pictures of the whole scene show, in world, map units."""
        return self.all_points[self.drawn]

    @property
    def rgb(self) -> Colours:
        """(N, 3) uint8 RGB colours of ``points``, index by index."""
        return self.all_rgb[self.drawn]

    def true_poses(self) -> list[Pose]:
        """Of the queries."""
        return [result.true_pose for result in self.evaluation.results]

    def up(self) -> Array:
        """The (3,) vertical unit vector in world."""
        return up_direction([*self.mapping_poses, *self.true_poses()])

    def centres(self) -> Array:
        """(N, 3) true centres of all cameras in world, map units."""
        return np.array([pose.centre() for pose in [*self.mapping_poses, *self.true_poses()]])

    def shown(self) -> Array:
        """(N, 3) positions in world, map units, that the pictures must hold."""
        return np.concatenate([self.points, self.centres()])


def top_picture(scene: SceneDrawing) -> str:
    """The scene from above as one SVG element."""
    view = top_view(scene.up(), scene.shown(), WIDTH_PX, max_height=760)
    return _picture(scene, view, "Seen from above", [_scale_bar(view, scene.evaluation.units)])


def oblique_picture(scene: SceneDrawing) -> str:
    """The scene at an angle as one SVG element."""
    return _picture(scene, oblique_view(scene.up(), scene.shown(), WIDTH_PX, 620), "Seen at an angle", [])


def outside(scene: SceneDrawing) -> int:
    """Number of estimated positions outside of the picture from above."""
    view = top_view(scene.up(), scene.shown(), WIDTH_PX, max_height=760)
    poses = [result.localization.cam_from_world for result in scene.evaluation.results]
    centres = np.array([pose.centre() for pose in poses if pose is not None]).reshape(-1, 3)
    px, _ = view.project(centres)
    return int(np.sum(~np.all((px > 0) & (px < (view.width, view.height)), axis=1)))


def png_uri(image: Colours) -> str:
    """An image as a data address of a PNG file.

    Args:
        image: (height, width, 3) RGB or (height, width, 4) RGBA pixels, uint8.
    """
    stream = BytesIO()
    Image.fromarray(image).save(stream, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def _picture(scene: SceneDrawing, view: View, label: str, extra: Iterable[str]) -> str:
    results = scene.evaluation.results
    sketch = _Sketch(view, 0.035 * float(np.ptp(scene.centres(), axis=0).max() or 1.0), len(results) > _MAX_BODIES)
    parts: list[str] = []
    if len(scene.points):
        points = draw_points(view, scene.points, scene.rgb, radius_px=1.5)
        parts.append(f'<image class="points" href="{png_uri(points)}" width="{view.width}" height="{view.height}"/>')
    mapping = [pose.centre() for pose in scene.mapping_poses]
    parts += [_dots("halo", view, mapping), _dots("mapping", view, mapping)]
    parts += [_error_line(view, result) for result in results]
    if sketch.dots_only:
        parts.append(_dots("true", view, [pose.centre() for pose in scene.true_poses()]))
    else:
        parts += [sketch.true_camera(result) for result in results]
    parts += [sketch.estimated_camera(result, scene.evaluation.units) for result in results]
    content = "\n".join(part for part in [*parts, *extra] if part)
    size = f'viewBox="0 0 {view.width} {view.height}"'
    return f'<svg class="scene" {size} role="img" aria-label="{label}">\n{content}\n</svg>'


def _dots(kind: str, view: View, centres: Sequence[Array]) -> str:
    px, _ = view.project(np.array(centres).reshape(-1, 3))
    path = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in px if abs(x) < _FAR_PX and abs(y) < _FAR_PX)
    return f'<path class="dots {kind}" d="{path}"/>' if path else ""


@dataclass(frozen=True)
class _Sketch:
    """Cameras as pyramids from their centre to the corners of the image, which stand ``size`` (map units) away."""

    view: View
    size: float
    dots_only: bool

    def true_camera(self, result: FrameResult) -> str:
        camera = result.localization.camera or _SOME_CAMERA
        return self._camera("true", f"{result.name}: true position", camera, result.true_pose)

    def estimated_camera(self, result: FrameResult, units: str) -> str:
        answer, error = result.localization, result.error
        if answer.cam_from_world is None or error is None:
            return ""
        title = f"{result.name}: {result.status}, off by {length(error.translation, units)}, {angle(error.rotation_deg)}"
        return self._camera(f"estimate {result.status}", title, answer.camera or _SOME_CAMERA, answer.cam_from_world)

    def _camera(self, kind: str, title: str, camera: Camera, pose: Pose) -> str:
        fx, fy, cx, cy = camera.pinhole_params()
        corners = [((x * camera.width - cx) / fx, (y * camera.height - cy) / fy, 1.0) for x, y in _BODY_CORNERS]
        px, _ = self.view.project(pose.inverse().apply(np.array([(0.0, 0.0, 0.0), *corners]) * self.size))
        if not np.all(np.abs(px) < _FAR_PX):
            return ""
        centre, *rim = [f"{x:.1f} {y:.1f}" for x, y in px]
        sides = f"M{'L'.join(rim)}Z" + "".join(f"M{centre}L{corner}" for corner in rim)
        body = "" if self.dots_only else f'<path d="{sides}"/>'
        return f'<g class="{kind}"><title>{escaped(title)}</title>{body}<path class="dots" d="M{centre}h0"/></g>'


def _error_line(view: View, result: FrameResult) -> str:
    pose = result.localization.cam_from_world
    if pose is None:
        return ""
    (start, end), _ = view.project(np.array([result.true_pose.centre(), pose.centre()]))
    reach = float(np.abs(end - start).max())
    if not math.isfinite(reach) or reach < 1:
        return ""
    if reach > _FAR_PX:
        # Renderers lose precision, or give up, where coordinates are huge.
        end = start + (end - start) * (_FAR_PX / reach)
    return f'<path class="error" d="M{start[0]:.1f} {start[1]:.1f}L{end[0]:.1f} {end[1]:.1f}"/>'


def _scale_bar(view: View, units: str) -> str:
    # A fifth of the width at most.
    size = round_below(0.2 * view.width / view.scale[0])
    y, end = view.height - 16, 24 + size * view.scale[0]
    return (
        f'<path class="scale" d="M24 {y - 5}v5H{end:.1f}v-5"/>'
        f'<text class="scale" x="24" y="{y - 10}">{escaped(length(size, units))}</text>'
    )


def points_near(points: Array, centres: Array) -> NDArray[np.bool_]:
    """Which points lie where most points and cameras are: a few outliers would shrink all else.

    Args:
        points: (N, 3) in world, map units.
        centres: (C, 3) camera centres in world, map units.

    Returns:
        (N,) bool.
    """
    low, high = np.percentile(points, (2, 98), axis=0)
    low, high = np.minimum(low, centres.min(axis=0)), np.maximum(high, centres.max(axis=0))
    slack = 0.1 * (high - low)
    return np.all((points >= low - slack) & (points <= high + slack), axis=1)


def ceiling_points(points: Array, centres: Array, up: Array) -> NDArray[np.bool_]:
    """Which points to leave out because they hide the cameras from above; none where the sky is open.

    Args:
        points: (N, 3) in world, map units.
        centres: (C, 3) camera centres in world, map units.
        up: (3,) unit vector in world.

    Returns:
        (N,) bool.
    """
    heights, top = points @ up, float((centres @ up).max())
    extent = float(np.ptp(centres, axis=0).max())
    above = heights > top + 0.05 * extent
    # Cells of the ground: there is a ceiling where a good part of those with cameras have points above, too.
    cell = max(extent / 10, 1e-9)
    ground = [np.floor((values - np.outer(values @ up, up)) / cell).astype(np.int64) for values in (points[above], centres)]
    covered, cameras = (set(map(tuple, cells.tolist())) for cells in ground)
    return above if len(cameras & covered) > 0.3 * len(cameras) else np.zeros(len(points), dtype=np.bool_)
