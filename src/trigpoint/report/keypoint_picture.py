"""Keypoints drawn into an image: large and green where they agree with the pose, small and red where not."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

from trigpoint.core.image import read_image
from trigpoint.localization.correspondences import Correspondences

_INLIER, _OUTLIER = (30, 230, 120), (255, 90, 70)
_INLIER_RADIUS_PX, _OUTLIER_RADIUS_PX = 1.8, 0.7


def keypoint_picture(path: Path, pairs: Correspondences | None, *, short_side_px: int = 360) -> Image.Image:
    """The image with its keypoints; without any where there are no correspondences.

    Raises:
        ImageError: the image cannot be read.
    """
    decoded = read_image(path, short_side_px=short_side_px, color=True)
    assert decoded.rgb is not None  # asked for
    picture = Image.fromarray(decoded.rgb)
    if pairs is None:
        return picture
    draw = ImageDraw.Draw(picture)
    keypoints_px = pairs.keypoints_px * (picture.width / decoded.width)
    # Inliers last, so that they are not covered.
    for inlier, radius, colour in ((False, _OUTLIER_RADIUS_PX, _OUTLIER), (True, _INLIER_RADIUS_PX, _INLIER)):
        for x, y in keypoints_px[pairs.inliers == inlier]:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return picture
