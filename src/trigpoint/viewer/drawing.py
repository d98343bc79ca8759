"""The 3D side of the viewer: points, cameras, error lines and the chosen image as viser scene nodes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.camera import Camera
from trigpoint.core.pose import Pose
from trigpoint.viewer.content import Content
from trigpoint.viewer.query import Colour, ErrorScale, Query, colour_of
from trigpoint.viewer.stage import RADIUS, camera_lines

if TYPE_CHECKING:
    import viser

_POINT_SIZE, _CAMERA_SIZE = 0.0045 * RADIUS, 0.042 * RADIUS
_LINE_PX, _THIN_LINE_PX = 2.0, 1.2
_MAPPING: Colour = (139, 151, 165)
_TRUE: Colour = (11, 98, 196)
_ERROR: Colour = (194, 53, 43)
_AGREEING: Colour = (235, 0, 200)
_SOME_CAMERA = Camera.pinhole(4, 3, 4)


@dataclass
class Part:
    """Something that can be shown and hidden as a whole.

    Attributes:
        node: its scene node; children follow it.
        visible: whether it is shown at first.
    """

    node: Any
    visible: bool

    def show(self, visible: bool) -> None:
        """Show or hide it."""
        self.node.visible = visible


class Drawing:
    """The scene nodes of a viewer.

    Args:
        server: the viser server.
        content: what to draw.
        on_choose: called with the number of a query when one of its cameras is clicked.
    """

    def __init__(self, server: viser.ViserServer, content: Content, on_choose: Callable[[int | None], None]) -> None:
        self.scene = server.scene
        self.content = content
        self.stage = content.stage
        self.on_choose = on_choose
        self._camera_scale = 1.0
        self._estimates: list[tuple[Query, Any]] = []
        self._frusta: list[Any] = []
        self._first_view(server)
        self._clouds = [self._cloud("/points", content.drawn), self._cloud("/others", ~content.drawn, visible=False)]
        self._chosen_points: Any = None
        self._parents = {name: self._folder(f"/{name}") for name in ("mapping", "true", "estimated", "errors", "grid")}
        self._mapping: Any = None
        self._draw_mapping()
        self._draw_grid()
        for index, query in enumerate(content.queries):
            self.add_query(index, query, content.error_scale)

    def parts(self, grid_label: str) -> list[tuple[str, Part]]:
        """What the panel offers to show and hide, with labels; only what there is."""
        queries, cloud = self.content.queries, self._clouds
        known = any(query.true_pose is not None for query in queries)
        rows = [
            ("points", len(self.content.points.xyz) > 0, Part(cloud[0], True)),
            ("ceiling and stray points", bool((~self.content.drawn).any()), Part(cloud[1], False)),
            ("mapping cameras", bool(self.content.mapping), Part(self._parents["mapping"], True)),
            ("localized cameras", True, Part(self._parents["estimated"], True)),
            ("their true poses", known, Part(self._parents["true"], True)),
            ("errors as lines", known, Part(self._parents["errors"], True)),
            (grid_label, True, Part(self._parents["grid"], True)),
        ]
        return [(label, part) for label, exists, part in rows if exists]

    def add_query(self, index: int, query: Query, scale: ErrorScale | None) -> None:
        """Draw the estimated and the true camera of an image, as far as there are any."""
        camera, pose = query.answer.camera, query.shown_pose
        if query.true_pose is not None:
            self._frustum(f"/true/{index}", query.true_pose, camera, _TRUE, index).thickness = _THIN_LINE_PX
        if pose is None:
            return
        node = self._frustum(f"/estimated/{index}", pose, camera, colour_of(query, scale), index)
        self._estimates.append((query, node))
        if query.true_pose is not None:
            ends = self.stage.points(np.array([pose.centre(), query.true_pose.centre()]))
            self.scene.add_line_segments(
                f"/errors/{index}", ends[None], _ERROR, thickness=_LINE_PX, thickness_units="screen"
            )

    def recolour(self, scale: ErrorScale | None) -> None:
        """Colour the estimated cameras by error, or by verdict without a scale."""
        for query, node in self._estimates:
            node.color = colour_of(query, scale)

    def highlight(self, query: Query | None, agreeing: NDArray[np.float64] | None) -> None:
        """Mark one image's camera, and the (N, 3) points in world that agree with it."""
        for other, node in self._estimates:
            node.variant = "filled" if other is query else "wireframe"
            node.thickness = _LINE_PX * (2 if other is query else 1)
        if self._chosen_points is not None:
            self._chosen_points.remove()
            self._chosen_points = None
        if agreeing is not None and len(agreeing):
            self._chosen_points = self.scene.add_point_cloud(
                "/agreeing",
                self.stage.points(agreeing).astype(np.float32),
                _AGREEING,
                point_size=self._clouds[0].point_size * 1.4,
                point_shape="circle",
                precision="float32",
                point_shading="flat",
            )

    def scale_points(self, factor: float) -> None:
        """Draw points ``factor`` times as large as at first."""
        for cloud in [*self._clouds, *([self._chosen_points] if self._chosen_points is not None else [])]:
            cloud.point_size = _POINT_SIZE * factor

    def scale_cameras(self, factor: float) -> None:
        """Draw cameras ``factor`` times as large as at first."""
        self._camera_scale = factor
        for node in self._frusta:
            node.scale = _CAMERA_SIZE * factor
        self._draw_mapping()

    def _first_view(self, server: viser.ViserServer) -> None:
        position, look_at, angle = self.stage.first_view()
        server.scene.set_up_direction("+z")
        server.initial_camera.position = position
        server.initial_camera.look_at = look_at
        server.initial_camera.fov = angle

    def _folder(self, name: str) -> Any:
        return self.scene.add_frame(name, show_axes=False)

    def _cloud(self, name: str, chosen: NDArray[np.bool_], *, visible: bool = True) -> Any:
        points = self.content.points
        return self.scene.add_point_cloud(
            name,
            self.stage.points(points.xyz[chosen]).astype(np.float32),
            points.rgb[chosen],
            point_size=_POINT_SIZE,
            point_shape="circle",
            precision="float32",
            point_shading="flat",
            visible=visible,
        )

    def _draw_mapping(self) -> None:
        poses: list[tuple[Pose, Camera]] = [(frame.pose(), frame.camera) for frame in self.content.mapping]
        if not poses:
            return
        lines = camera_lines(self.stage, poses, 0.7 * _CAMERA_SIZE * self._camera_scale).astype(np.float32)
        self._mapping = self.scene.add_line_segments(
            "/mapping/cameras", lines, _MAPPING, thickness=_THIN_LINE_PX, thickness_units="screen"
        )

    def _draw_grid(self) -> None:
        low, high = self.stage.reach
        cell = self.stage.grid_cell() * self.stage.scale
        size = cell * (2 * math.ceil(max(high[:2] - low[:2]) / 2 / cell) + 4)
        self.scene.add_grid(
            "/grid/floor",
            width=size,
            height=size,
            cell_size=cell,
            section_size=5 * cell,
            cell_color=(222, 226, 231),
            section_color=(196, 203, 211),
            position=(0.0, 0.0, float(low[2])),
            shadow_opacity=0.0,
        )

    def _frustum(self, name: str, pose: Pose, camera: Camera | None, colour: Colour, index: int) -> Any:
        shape = camera or _SOME_CAMERA
        wxyz, position = self.stage.camera(pose)
        node = self.scene.add_camera_frustum(
            name,
            fov=2 * math.atan(shape.height / 2 / shape.pinhole_params()[1]),
            aspect=shape.width / shape.height,
            scale=_CAMERA_SIZE * self._camera_scale,
            thickness=_LINE_PX,
            thickness_units="screen",
            color=colour,
            wxyz=wxyz,
            position=position,
            cast_shadow=False,
            receive_shadow=False,
        )
        node.on_click(lambda _: self.on_choose(index))
        self._frusta.append(node)
        return node
