"""Frames without images, and graphs, for tests of covisibility."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.spatial.transform import Rotation

from trigpoint.core.camera import Camera
from trigpoint.core.pose import Pose
from trigpoint.core.scene import Frame, Scene
from trigpoint.covisibility.graph import CovisibilityGraph

CAMERA = Camera.pinhole(640, 480, 525.0)


def frame(name, centre=(0.0, 0.0, 0.0), yaw=0.0, rotation=None, camera=CAMERA):
    """A camera at a position, turned about its vertical axis or by a (3, 3) ``cam_from_world`` rotation."""
    turn = Rotation.from_euler("y", yaw, degrees=True).as_matrix() if rotation is None else rotation
    return Frame(name, Path(name), camera, Pose(turn, -turn @ np.asarray(centre, dtype=float)))


def orbit(count, radius=3.0):
    """Cameras on a circle that look at its centre."""
    angles = 360 * np.arange(count) / count
    centres = [(-radius * np.sin(np.deg2rad(a)), 0.0, -radius * np.cos(np.deg2rad(a))) for a in angles]
    return [frame(f"{i:03d}.jpg", centre, -angle) for i, (centre, angle) in enumerate(zip(centres, angles, strict=True))]


def random_frames(count, seed=0, reach=4.0):
    """Cameras in a box, of several sizes, turned at random."""
    generator = np.random.default_rng(seed)
    cameras = (CAMERA, Camera.pinhole(480, 640, 400.0), Camera("PINHOLE", 800, 600, (700.0, 650.0, 300.0, 330.0)))
    rotations = Rotation.random(count, rng=generator).as_matrix()
    centres = generator.uniform(-reach, reach, (count, 3))
    return [frame(f"{i}", centres[i], rotation=rotations[i], camera=cameras[i % 3]) for i in range(count)]


def scene(frames, kind="ace"):
    """A scene that never was in a folder."""
    return Scene(Path("nowhere"), kind, tuple(frames), metric=True)


def graph(adjacency):
    """A covisibility graph from a symmetric (N, N) matrix of 0 and 1."""
    weights = sparse.csr_array(np.asarray(adjacency, dtype=np.float32))
    weights.sort_indices()
    return CovisibilityGraph(weights, tuple(f"{i}.jpg" for i in range(weights.shape[0])), "published", 0.2)


def communities(sizes, inside=0.5, between=0.02, seed=0):
    """A planted-partition graph and the community of each node."""
    generator = np.random.default_rng(seed)
    label = np.repeat(np.arange(len(sizes)), sizes)
    fraction = np.where(label[:, None] == label, inside, between)
    upper = np.triu(generator.random(fraction.shape) < fraction, 1)
    return graph(upper | upper.T), label


def ring(count, reach=2):
    """Every node with its next ``reach`` neighbours on both sides."""
    step = np.abs(np.arange(count)[:, None] - np.arange(count))
    step = np.minimum(step, count - step)
    return graph((step > 0) & (step <= reach))
