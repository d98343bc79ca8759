"""Local encoders that other packages bring as entry points."""

from __future__ import annotations

import json

import pytest
import torch
from support.plugin_package import install_plugin
from support.tiny_scene import settings

from trigpoint.cli import run
from trigpoint.core.errors import ConfigError
from trigpoint.features.encoders import encoder_class, is_dense, load_encoder
from trigpoint.mapping.scene_map import load_map

GROUP = "trigpoint.encoders"
# SIFT at the corners of the view that differ most from their surroundings.
SOURCE = """
import cv2
import numpy as np
import torch

from trigpoint.features.local import LocalFeatures


class CornerSift:
    name, dim, dense, size_multiple, weights_sha256 = "corner-sift", 128, False, 8, ""

    def __init__(self, device):
        self.device = device

    def encode(self, view, max_keypoints):
        pixels = view.numpy()
        corners = cv2.goodFeaturesToTrack(pixels, max_keypoints, 0.001, 3)
        if corners is None:
            return LocalFeatures(torch.zeros(0, 2), torch.zeros(0, 128), torch.zeros(0))
        points = [cv2.KeyPoint(float(x), float(y), 16.0, 0.0) for x, y in corners[:, 0]]
        points, descriptors = cv2.SIFT.create().compute(pixels, points)
        keypoints = torch.tensor([point.pt for point in points]) + 0.5
        descriptors = torch.nn.functional.normalize(torch.from_numpy(np.array(descriptors, np.float32)), dim=1)
        return LocalFeatures(keypoints, descriptors, torch.linspace(1, 0.1, len(keypoints)))
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs packages, by the value of their entry point and the text of their module."""

    def install(name, value, source):
        monkeypatch.syspath_prepend(str(install_plugin(tmp_path / name, GROUP, name, value, source)))

    return install


def test_a_map_with_an_encoder_from_outside(installed, room, tmp_path, capsys):
    installed("corner-sift", "corner_package:CornerSift", SOURCE)
    assert not is_dense("corner-sift") and load_encoder("corner-sift", torch.device("cpu")).dim == 128
    path = tmp_path / "room.trig"
    changes = settings(("features.short_side_px=240", "features.query_keypoints=400", "features.encoder=corner-sift"))
    assert run(["map", str(room), "-o", str(path), "--preset", "hierarchical-compact", *changes, "--quiet"]) == 0
    scene_map = load_map(path)
    assert scene_map.config.features.encoder == "corner-sift" and scene_map.dim == 128
    capsys.readouterr()
    image = next((room / "images").rglob("*.jpg"), None) or next((room / "images").rglob("*.png"))
    assert run(["localize", str(path), str(image), "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "ok"


def test_packages_that_bring_no_encoder_are_named(installed):
    installed("broken", "broken_package:Encoder", "import a_module_that_is_nowhere")
    installed("function", "function_package:make", "def make(device): ...")
    with pytest.raises(ConfigError, match=r"TP-720.*broken_package.*a_module_that_is_nowhere"):
        encoder_class("broken")
    with pytest.raises(ConfigError, match=r"TP-725.*function.*'dense'"):
        encoder_class("function")
    with pytest.raises(ConfigError, match=r"TP-711.*Did you mean 'broken'"):
        load_encoder("brokn", torch.device("cpu"))
