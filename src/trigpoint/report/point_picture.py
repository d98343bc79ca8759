"""The points of a map as a picture, without cameras."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from PIL import Image

from trigpoint.core.pose import Pose
from trigpoint.report.pictures import ceiling_points, points_near
from trigpoint.report.views import Array, Colours, draw_points, oblique_view, up_direction

_SIZE_PX = (1600, 1000)
_BACKGROUND = (250, 250, 250)


def points_png(xyz: Array, rgb: Colours, poses: Sequence[Pose]) -> bytes:
    """A PNG file that shows the points at an angle from above, without outliers and ceilings.

    Args:
        xyz: (N, 3) float64 in world, map units, at least one point.
        rgb: (N, 3) uint8.
        poses: ``cam_from_world`` of the mapping images, which tell where up is.
    """
    up, centres = up_direction(poses), np.array([pose.centre() for pose in poses])
    drawn = points_near(xyz, centres) & ~ceiling_points(xyz, centres, up)
    # A map of the underside of a bridge is all ceiling.
    drawn = drawn if drawn.any() else np.ones(len(xyz), dtype=np.bool_)
    image = draw_points(oblique_view(up, xyz[drawn], *_SIZE_PX), xyz[drawn], rgb[drawn], radius_px=1.6)
    image[image[..., 3] == 0] = (*_BACKGROUND, 255)
    stream = BytesIO()
    Image.fromarray(image[..., :3].copy()).save(stream, "PNG", optimize=True)
    return stream.getvalue()
