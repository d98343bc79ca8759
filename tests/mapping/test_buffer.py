"""The training samples: how they are kept."""

from __future__ import annotations

import numpy as np
import torch
from support.posed_frames import frame

from trigpoint.core.interrupt import StopRequest
from trigpoint.features.extract import ImageFeatures
from trigpoint.features.views import NO_AUGMENTATION
from trigpoint.mapping.buffer import SamplePlan, ViewReader, fill_buffer
from trigpoint.mapping.config import FeatureConfig
from trigpoint.mapping.network_config import BufferConfig
from trigpoint.mapping.normalization import Normalization

DIM, KEYPOINTS = 7, 40
FRAMES = [frame(f"{index}.jpg", (index, 0.0, 0.0)) for index in range(3)]


class Encoder:
    dim = DIM


def features_of(path):
    generator = np.random.default_rng(int(path.stem))
    descriptors = torch.from_numpy(generator.normal(size=(KEYPOINTS, DIM)).astype(np.float32))
    return ImageFeatures(generator.uniform(0, (640, 480), (KEYPOINTS, 2)), descriptors, torch.ones(KEYPOINTS), 0.5)


def filled(folder):
    config = BufferConfig(views_per_image=1, keypoints_per_view=KEYPOINTS, augmentation=NO_AUGMENTATION)
    plan = SamplePlan(FRAMES, range(len(FRAMES)), Normalization(np.zeros(3), 1.0), seed=0)
    return fill_buffer(plan, ViewReader(Encoder(), FeatureConfig(), config, features_of), folder, StopRequest())


def test_descriptors_are_kept_in_half_precision(tmp_path):
    buffer = filled(tmp_path)
    expected = torch.cat([features_of(each.image_path).descriptors for each in FRAMES])
    assert buffer.descriptors.dtype == torch.float16 and torch.equal(buffer.descriptors, expected.half())
    assert (tmp_path / "descriptors.bin").stat().st_size == len(FRAMES) * KEYPOINTS * DIM * 2
    assert buffer.rays.dtype == torch.float32 and buffer.view.dtype == torch.int32


def test_samples_are_memory_maps_of_their_files(tmp_path, monkeypatch):
    """So that they may be more than memory holds; what is done to them never reaches the files."""
    address, memmap = {}, np.memmap

    def spy(path, **options):
        array = memmap(path, **options)
        address[path.name] = array.ctypes.data
        return array

    monkeypatch.setattr(np, "memmap", spy)
    buffer = filled(tmp_path)
    for name in ("descriptors", "rays", "view"):
        assert getattr(buffer, name).data_ptr() == address[f"{name}.bin"]
    before = (tmp_path / "descriptors.bin").read_bytes()
    assert before == buffer.descriptors.numpy().tobytes()
    buffer.descriptors.zero_()
    assert (tmp_path / "descriptors.bin").read_bytes() == before != bytes(len(before))


def test_what_follows_the_record_is_cut_off(tmp_path):
    first = filled(tmp_path).descriptors.clone()
    file = tmp_path / "descriptors.bin"
    recorded = file.read_bytes()
    file.write_bytes(recorded + bytes(5))
    assert torch.equal(filled(tmp_path).descriptors, first)
    assert file.read_bytes() == recorded
