"""Result of localizing one image: pose, verdict and uncertainty."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.camera import Camera
from trigpoint.core.pose import Pose

OK, REJECTED, FAILED = "ok", "rejected", "failed"


@dataclass(frozen=True, eq=False)
class Localization:
    """One localized image.

    Attributes:
        name: what the caller calls the image.
        status: ``"ok"``; ``"rejected"`` (there is a pose, it is not trusted); ``"failed"`` (no pose).
        reason: why, in one sentence.
        cam_from_world: pose in the frame and unit of the map; None when failed.
        camera: the intrinsics that were used.
        camera_source: where they come from: ``"given"``, ``"exif"``, or ``"estimated"``, also where the keypoints
            contradict EXIF.
        inliers: number of keypoints that agree with the pose.
        points: number of keypoints the pose was sought from.
        confidence: 0 to 1.
        covariance: (6, 6) covariance of a small motion of the camera (rotation rad, then translation in map units,
            both in the camera frame) or None.
        units: ``"m"`` or ``"units"``.
        map_id: identity of the map file.
        timings_ms: milliseconds for each step.
    """

    name: str
    status: str
    reason: str
    cam_from_world: Pose | None
    camera: Camera | None
    camera_source: str
    inliers: int
    points: int
    confidence: float
    covariance: NDArray[np.float64] | None
    units: str
    map_id: str
    timings_ms: dict[str, float] = field(default_factory=dict)

    @property
    def inlier_ratio(self) -> float:
        """Fraction of the keypoints that agree with the pose; 0 without keypoints."""
        return self.inliers / max(self.points, 1)

    @property
    def given_camera(self) -> Camera | None:
        """The camera that the localizer was told; None where it took one from EXIF or estimated the focal length."""
        return self.camera if self.camera_source == "given" else None

    @staticmethod
    def failure(name: str, reason: str, *, units: str, map_id: str) -> Localization:
        """The answer about an image that could not even be tried, such as an unreadable file."""
        return Localization(name, FAILED, reason, None, None, "", 0, 0, 0.0, None, units, map_id)

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON; quaternions are scalar first, poses ``cam_from_world``."""
        pose = self.cam_from_world
        return {
            "name": self.name,
            "status": self.status,
            "reason": self.reason,
            "cam_from_world": None
            if pose is None
            else {"quaternion_wxyz": pose.quaternion_wxyz().tolist(), "translation": pose.translation.tolist()},
            "centre_in_world": None if pose is None else pose.centre().tolist(),
            "units": self.units,
            "camera": None if self.camera is None else self.camera.to_json(),
            "camera_source": self.camera_source,
            "inliers": self.inliers,
            "points": self.points,
            "confidence": self.confidence,
            "covariance": None if self.covariance is None else self.covariance.tolist(),
            "map_id": self.map_id,
            "timings_ms": self.timings_ms,
        }
