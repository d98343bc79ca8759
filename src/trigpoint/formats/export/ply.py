"""Coloured points as a PLY file, binary and little-endian (Turk, 1994)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Double: a scene in map coordinates lies a million metres from the origin, where float32 rounds to 6 cm.
_VERTEX = np.dtype([("xyz", "<f8", 3), ("rgb", "u1", 3)])
_PROPERTIES = [f"property double {axis}" for axis in "xyz"] + [f"property uchar {name}" for name in ("red", "green", "blue")]


def ply_bytes(xyz: NDArray[np.floating[Any]], rgb: NDArray[np.uint8], *, comment: str = "") -> bytes:
    """The bytes of the file.

    Args:
        xyz: (N, 3) positions in world, in the unit of the scene.
        rgb: (N, 3) uint8 colours.
        comment: a line for the header.
    """
    vertices = np.empty(len(xyz), _VERTEX)
    vertices["xyz"], vertices["rgb"] = xyz, rgb
    comments = [f"comment {' '.join(comment.split())}"] if comment else []
    count = f"element vertex {len(xyz)}"
    header = ["ply", "format binary_little_endian 1.0", *comments, count, *_PROPERTIES, "end_header"]
    return ("\n".join(header) + "\n").encode("ascii", "replace") + vertices.tobytes()
