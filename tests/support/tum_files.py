"""Poses of TUM files, read back independently of the package."""

from __future__ import annotations

import json
from pathlib import Path

from trigpoint.core.pose import Pose


def read_tum(path: Path) -> dict[str, Pose]:
    """``cam_from_world`` by the image name that a comment gives for the time stamp."""
    names, poses = {}, {}
    for line in path.read_text(encoding="utf-8").splitlines():
        stamp, _, rest = line.removeprefix("# ").partition(" ")
        if line.startswith("#"):
            if rest.startswith('"'):
                names[stamp] = json.JSONDecoder().raw_decode(rest)[0]
            continue
        x, y, z, qx, qy, qz, qw = (float(value) for value in rest.split())
        poses[names[stamp]] = Pose.from_quaternion((qw, qx, qy, qz), (x, y, z)).inverse()
    return poses
