"""A synthetic scene that can be photographed from anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.camera import Camera
from trigpoint.core.errors import ConfigError, did_you_mean
from trigpoint.core.pose import Pose
from trigpoint.core.randomness import numpy_generator
from trigpoint.synthetic.atlas import Atlas, Illumination, light_map, pack
from trigpoint.synthetic.builder import Builder
from trigpoint.synthetic.geometry import Array, Box, Quad, clearance
from trigpoint.synthetic.render import QuadArrays, rasterize
from trigpoint.synthetic.rooms import build_look_alikes, build_room
from trigpoint.synthetic.shade import develop, shade, sky
from trigpoint.synthetic.street import build_street
from trigpoint.synthetic.walk import Walk

SCENES: dict[str, Callable[[Builder], None]] = {
    "room": build_room,
    "street": build_street,
    "look-alikes": build_look_alikes,
}
LIGHTINGS = ("day", "night")
_SKY_AT_NIGHT = 0.12


@dataclass(frozen=True, eq=False)
class Rendering:
    """A synthetic image.

    Attributes:
        rgb: (H, W, 3) uint8.
        depth_m: (H, W) float32, depth along the optical axis at the pixel centres; infinite for the sky.
    """

    rgb: NDArray[np.uint8]
    depth_m: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SyntheticWorld:
    """A scene of textured rectangles; metres, z up.

    Attributes:
        seed: what it was made from.
        quads: all surfaces.
        boxes: solid furniture, houses and cars, to keep out of.
        bounds: (low, high) corners, (3,) m, of each cell: the rooms.
        walks: a walk for each cell.
        atlas: textures.
        lights: what shines by day and by night.
        panorama: the sky, or None under a ceiling.
    """

    seed: int
    quads: tuple[Quad, ...]
    boxes: tuple[Box, ...]
    bounds: tuple[tuple[Array, Array], ...]
    walks: tuple[Walk, ...]
    atlas: Atlas
    lights: dict[str, Illumination]
    panorama: NDArray[np.uint8] | None

    @cached_property
    def _arrays(self) -> QuadArrays:
        return QuadArrays.of(self.quads, self.atlas)

    @cached_property
    def _light_maps(self) -> dict[str, NDArray[np.float32]]:
        return {}

    def random(self, *purpose: str | int) -> np.random.Generator:
        """The generator for one purpose of this scene."""
        return numpy_generator(self.seed, "synthetic", *purpose)

    def _light_map(self, lighting: str) -> NDArray[np.float32]:
        if lighting not in self.lights:
            raise ConfigError("TP-731", f"unknown lighting '{lighting}'", fix=did_you_mean(lighting, LIGHTINGS))
        if lighting not in self._light_maps:
            light = self.lights[lighting]
            self._light_maps[lighting] = light_map(self.atlas, self.quads, self.boxes, self.bounds, light)
        return self._light_maps[lighting]

    def render(self, cam_from_world: Pose, camera: Camera, lighting: str = "day", frame_key: str | int = 0) -> Rendering:
        """Take an image.

        Args:
            cam_from_world: pose of the camera.
            camera: any camera model.
            lighting: ``"day"`` or ``"night"``.
            frame_key: names the image; sensor noise and exposure depend on it and on nothing else.

        Raises:
            ConfigError: unknown lighting (TP-731).
        """
        light = self._light_map(lighting)
        night = lighting == "night"
        surfaces = rasterize(self._arrays, cam_from_world, camera)
        above = None
        if self.panorama is not None and (surfaces.quad < 0).any():
            above = sky(camera, cam_from_world.rotation.T, self.panorama, _SKY_AT_NIGHT if night else 1.0)
        colours = shade(surfaces, self._arrays, camera, self.atlas, light, above)
        # A stream keeps its name when words change: another name would be another noise.
        rng = self.random("photo", lighting, frame_key)
        if night:
            rgb = develop(colours, rng, blur_px=0.85, noise=4.0, exposure=0.1)
        else:
            rgb = develop(colours, rng, blur_px=0.5, noise=1.2, exposure=0.05)
        return Rendering(rgb, surfaces.depth_m())

    def depth_m(self, cam_from_world: Pose, camera: Camera) -> NDArray[np.float32]:
        """The depth of ``render`` alone, (H, W) float32 along the optical axis, m, for a tenth of the time."""
        return rasterize(self._arrays, cam_from_world, camera).depth_m()

    def clearance(self, point: Array) -> float:
        """Distance of a (3,) world point to the nearest surface, m; 0 inside furniture."""
        return clearance(point, self.quads, self.boxes)


def build_world(kind: str, seed: int) -> SyntheticWorld:
    """Build a scene: ``"room"``, ``"street"`` or ``"look-alikes"``.

    Raises:
        ConfigError: unknown kind (TP-731).
    """
    if kind not in SCENES:
        raise ConfigError("TP-731", f"unknown synthetic scene '{kind}'", fix=did_you_mean(kind, SCENES))
    builder = Builder(seed)
    SCENES[kind](builder)
    return SyntheticWorld(
        seed,
        tuple(builder.quads),
        tuple(builder.boxes),
        tuple(builder.bounds),
        tuple(builder.walks),
        pack(builder.book.images),
        builder.lights,
        builder.panorama,
    )
