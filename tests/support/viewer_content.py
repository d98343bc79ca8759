"""A room with mapping cameras and localized images for the viewer, and a finder without a map."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from support.fake_localizer import CAMERA, Answer, FakeLocalizer, make_frames
from support.fake_localizer import room as room_points

from trigpoint.core.errors import ImageError
from trigpoint.core.pose import Pose
from trigpoint.evaluation.metrics import pose_errors
from trigpoint.localization.pointcloud import PointCloud
from trigpoint.viewer.content import MapDescription, make_content
from trigpoint.viewer.finder import QueryKeypoints
from trigpoint.viewer.query import Query
from trigpoint.viewer.stage import Stage

ANSWERS = {
    "test/001.jpg": Answer(0.2, 2.0),
    "test/002.jpg": Answer(None),
    "test/003.jpg": Answer(0.9, 20.0, "rejected", 0.1),
    "test/004.jpg": Answer(1e9, 170.0, "rejected", 0.0),
}
SMALL_IMAGE = np.full((24, 32, 3), 90, np.uint8)


def make_queries(units="m", known=True):
    frames = make_frames(6)
    localizer = FakeLocalizer(frames, ANSWERS, units)
    for frame in frames:
        answer = localizer.localize(frame.image_path, camera=frame.camera, name=frame.name)
        pose = answer.cam_from_world
        error = None if pose is None or not known else pose_errors(pose, frame.pose())
        yield Query(frame.name, frame.image_path, answer, frame.pose() if known else None, error, 12.5)


def scene_content(units="m", known=True, scale=1.0, offset=(0.0, 0.0, 0.0), missing=()):
    """A room of 8 x 8 with 12 mapping cameras and 6 queries; scenes of other sizes for the mapping side alone."""
    xyz, rgb = room_points()
    frames = [moved_frame(frame, scale, offset) for frame in make_frames(12, split="train")]
    queries = list(make_queries(units, known)) if scale == 1 and not np.any(offset) else []
    points = PointCloud(xyz * scale + offset, rgb)
    about = MapDescription("room.trig", units, {"map": "<id>"}, Stage.around(np.zeros(3), 1))
    return make_content(about, points, frames, queries, missing)


def moved_frame(frame, scale, offset):
    centre = frame.pose().centre() * scale + offset
    rotation = frame.pose().rotation
    return replace(frame, cam_from_world=Pose(rotation, -rotation @ centre))


class FakeFinder:
    """Answers without a map."""

    def __init__(self):
        self.uploads = []

    def upload(self, content, name):
        self.uploads.append((name, content))
        frame = make_frames(6)[1]
        answer = FakeLocalizer([frame], {frame.name: Answer(0.1)}).localize(frame.image_path, camera=CAMERA, name=frame.name)
        return Query(f"{name} (dropped in)", Path(name), answer, None, None, 9.0)

    def keypoints(self, query):
        if query.name == "test/005.jpg":
            raise ImageError("TP-101", "there is no such image file", where=query.image_path, fix="Check the path.")
        return QueryKeypoints(SMALL_IMAGE, room_points(200)[0][::2])
