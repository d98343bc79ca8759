"""Camera axes of other programs."""

from __future__ import annotations

import numpy as np

from trigpoint.core.pose import Pose

CV_FROM_GL = Pose(np.diag([1.0, -1.0, -1.0]), np.zeros(3))


def pose_from_opengl(world_from_gl: Pose) -> Pose:
    """``cam_from_world`` of a camera whose axes are OpenGL's, as Blender and ARKit have them: x right, y up, z backward.

    Args:
        world_from_gl: the pose of those axes in the world, translation in the unit of the scene.
    """
    return CV_FROM_GL @ world_from_gl.inverse()
