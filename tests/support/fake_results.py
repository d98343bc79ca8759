"""Answers about images, for tests of the files that hold them."""

import dataclasses

import numpy as np
from scipy.spatial.transform import Rotation

from trigpoint.core.camera import Camera
from trigpoint.core.localization import FAILED, OK, REJECTED, Localization
from trigpoint.core.pose import Pose

CAMERAS = (Camera.pinhole(640, 480, 525), Camera("OPENCV", 480, 640, (500, 501.5, 240, 320, 0.1, -0.05, 1e-3, 0)))


def make_result(name, seed, status=OK, reason="", **changes):
    random = np.random.default_rng(seed)
    pose = Pose(Rotation.random(rng=random).as_matrix(), random.normal(size=3) * 10)
    result = Localization(
        name=name,
        status=status,
        reason=reason,
        cam_from_world=None if status == FAILED else pose,
        camera=None if status == FAILED else CAMERAS[seed % 2],
        camera_source="given",
        inliers=100 + seed,
        points=1000,
        confidence=0.1 * seed,
        covariance=None if seed % 2 else random.normal(size=(6, 6)),
        units="m",
        map_id="abc123",
        timings_ms={"encode": 12.5, "pose": 3.25},
    )
    return dataclasses.replace(result, **changes)


def sample(names=("b/x.jpg", "a.jpg", "c.jpg", "d.jpg")):
    return [
        make_result(names[0], 1),
        make_result(names[1], 2, FAILED, "no texture\nat all"),
        make_result(names[2], 3, REJECTED, "the inliers agree no better than chance"),
        make_result(names[3], 4),
    ]
