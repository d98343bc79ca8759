"""Rigid transforms, named ``target_from_source``: ``cam_from_world`` takes world points into the camera frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from trigpoint.core.errors import GeometryError

if TYPE_CHECKING:
    from jaxtyping import Float64

# Text formats print rotations with 4 to 7 digits; a matrix further from a rotation than this is a wrong matrix.
ROTATION_TOLERANCE = 2e-3
# Coordinates beyond this lose millimetres in float32 many times over and come from damaged files, never from a scene.
MAX_COORDINATE = 1e9
_CYCLES = ((0, 1, 2), (1, 2, 0), (2, 0, 1))


@dataclass(frozen=True, eq=False)
class Pose:
    """A rigid transform x_target = rotation @ x_source + translation.

    Attributes:
        rotation: (3, 3) float64 rotation matrix.
        translation: (3,) float64, in the unit of the scene.
    """

    rotation: Float64[np.ndarray, "3 3"]
    translation: Float64[np.ndarray, " 3"]

    @staticmethod
    def identity() -> Pose:
        """The transform that changes nothing."""
        return Pose(np.eye(3), np.zeros(3))

    @staticmethod
    def from_matrix(matrix: ArrayLike, *, where: str | None = None) -> Pose:
        """Build a pose from a (3, 4) or (4, 4) matrix, translation in the unit of the scene.

        The upper (3, 3) is projected to the nearest rotation, which removes the rounding of text files and nothing more.

        Raises:
            GeometryError: wrong shape, NaN or infinity (TP-301); not a rigid transform (TP-302); a position beyond any
                scene (TP-303).
        """
        values = np.asarray(matrix, dtype=np.float64)
        if values.shape not in ((3, 4), (4, 4)):
            raise GeometryError(
                "TP-301",
                f"a pose must be a 3x4 or 4x4 matrix, this one has shape {values.shape}",
                where=where,
                fix="Write 4 rows of 4 numbers.",
            )
        _check_finite(values, where)
        if values.shape == (4, 4) and not np.allclose(values[3], (0, 0, 0, 1), atol=1e-6):
            raise GeometryError(
                "TP-302",
                f"the last row of the pose is {values[3].tolist()} instead of 0 0 0 1",
                where=where,
                fix="Check that the matrix is not transposed.",
            )
        rotation = _nearest_rotation(values[:3, :3], where)
        _check_position(values[:3, 3], where)
        return Pose(rotation, values[:3, 3].copy())

    @staticmethod
    def from_quaternion(quaternion_wxyz: ArrayLike, translation: ArrayLike, *, where: str | None = None) -> Pose:
        """Build a pose from a (4,) quaternion, scalar first, and a (3,) translation in the unit of the scene.

        Raises:
            GeometryError: NaN or infinity (TP-301); a quaternion further than 1 % from unit length (TP-302); a position
                beyond any scene (TP-303).
        """
        quaternion = np.asarray(quaternion_wxyz, dtype=np.float64)
        offset = np.asarray(translation, dtype=np.float64)
        _check_finite(np.concatenate([quaternion, offset]), where)
        # Unlike the root of summed squares, hypot does not overflow for the numbers of a damaged file.
        norm = math.hypot(*quaternion)
        if abs(norm - 1) > 0.01:
            raise GeometryError(
                "TP-302",
                f"the quaternion {quaternion.tolist()} has length {norm:.4g} instead of 1",
                where=where,
                fix="Check the column order of the file.",
            )
        _check_position(offset, where)
        from scipy.spatial.transform import Rotation

        return Pose(Rotation.from_quat(quaternion, scalar_first=True).as_matrix(), offset.copy())

    def matrix(self) -> Float64[np.ndarray, "4 4"]:
        """The transform as a homogeneous (4, 4) float64 matrix, translation in the unit of the scene."""
        result = np.eye(4)
        result[:3, :3] = self.rotation
        result[:3, 3] = self.translation
        return result

    def quaternion_wxyz(self) -> Float64[np.ndarray, " 4"]:
        """The rotation as a (4,) unit quaternion, scalar first and not negative."""
        # scipy.spatial has the same, bit for bit, and takes longer to import than an image takes to localize.
        matrix, trace = self.rotation.tolist(), sum(np.diag(self.rotation).tolist())
        largest = int(np.argmax([*np.diag(self.rotation), trace]))
        vector = [0.0, 0.0, 0.0]
        # To divide by the largest component is stable (S. W. Shepperd, Quaternion from rotation matrix, 1978).
        if largest == 3:
            scalar = 1 + trace
            for i, j, k in _CYCLES:
                vector[i] = matrix[k][j] - matrix[j][k]
        else:
            i, j, k = _CYCLES[largest]
            scalar = matrix[k][j] - matrix[j][k]
            vector[i] = 1 - trace + 2 * matrix[i][i]
            vector[j] = matrix[j][i] + matrix[i][j]
            vector[k] = matrix[k][i] + matrix[i][k]
        length = math.sqrt(sum(value * value for value in (*vector, scalar)))
        quaternion = np.array([scalar, *vector]) / length
        return quaternion * np.sign(quaternion[np.flatnonzero(quaternion)[0]])

    def inverse(self) -> Pose:
        """``source_from_target``."""
        return Pose(self.rotation.T.copy(), -self.rotation.T @ self.translation)

    def __matmul__(self, other: Pose) -> Pose:
        """``a_from_b @ b_from_c`` is ``a_from_c``."""
        return Pose(self.rotation @ other.rotation, self.rotation @ other.translation + self.translation)

    def apply(self, points: ArrayLike) -> Float64[np.ndarray, "*N 3"]:
        """Transform (N, 3) points, in the unit of the scene, from the source to the target frame: (N, 3) float64."""
        return np.asarray(points, dtype=np.float64) @ self.rotation.T + self.translation

    def centre(self) -> Float64[np.ndarray, " 3"]:
        """The (3,) origin of the target frame in the source frame: for ``cam_from_world``, the camera centre in world."""
        return -self.rotation.T @ self.translation


def rotation_angle_deg(a: Pose, b: Pose) -> float:
    """Angle between the rotations of two poses, in degrees, accurate for tiny angles too."""
    from scipy.spatial.transform import Rotation

    return float(np.rad2deg(Rotation.from_matrix(a.rotation @ b.rotation.T).magnitude()))


def centre_distance(a: Pose, b: Pose) -> float:
    """Distance between the camera centres of two ``cam_from_world`` poses, in the unit of the scene."""
    return float(np.linalg.norm(a.centre() - b.centre()))


def _check_finite(values: np.ndarray, where: str | None) -> None:
    if not np.isfinite(values).all():
        raise GeometryError(
            "TP-301",
            "the pose contains NaN or infinity",
            where=where,
            fix="This image was not registered: remove it, or give --skip-invalid to leave such images out.",
        )


def _check_position(translation: np.ndarray, where: str | None) -> None:
    farthest = np.abs(translation).max()
    if farthest > MAX_COORDINATE:
        raise GeometryError(
            "TP-303",
            f"the pose lies {farthest:.3g} units away from the origin",
            where=where,
            fix=f"Coordinates up to {MAX_COORDINATE:.0g} can be used: subtract a constant offset from all poses.",
        )


def _nearest_rotation(matrix: np.ndarray, where: str | None) -> np.ndarray:
    left, scales, right = np.linalg.svd(matrix)
    # The sign of the determinant, without the overflow that wild numbers would give.
    mirrored = np.linalg.det(left) * np.linalg.det(right) < 0
    if mirrored or np.abs(scales - 1).max() > ROTATION_TOLERANCE:
        kind = "mirrored" if mirrored else f"scaled by {scales.round(4).tolist()}"
        raise GeometryError(
            "TP-302",
            f"the upper 3x3 of the pose is not a rotation ({kind})",
            where=where,
            fix="Export rigid poses: rotation and translation only.",
        )
    return left @ right
