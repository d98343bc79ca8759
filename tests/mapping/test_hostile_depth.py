"""Depth images come with scenes of unknown origin: those beyond the limits of images are named, not decoded."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from support.fake_localizer import make_frames
from support.image_files import png_with_header

from trigpoint.core.errors import MappingError
from trigpoint.mapping.supervision import DepthImages

HUGE = png_with_header(20_000, 20_000, depth=16, color=0)


@pytest.mark.parametrize("data", [b"", b"no image", HUGE, b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_damaged_and_huge_depth_images(tmp_path, data):
    (tmp_path / "depth.png").write_bytes(data)
    refused(tmp_path / "depth.png")


def test_a_pipe_is_no_depth_image(tmp_path):
    os.mkfifo(tmp_path / "depth.png")
    refused(tmp_path / "depth.png")


def refused(path):
    frame = replace(make_frames(1)[0], depth_path=path)
    with pytest.raises(MappingError, match=r"TP-662.*depth\.png"):
        DepthImages().points(frame, np.array([[5.0, 5.0]]))
