"""The example that is run by hand: GLACE's 2D toy."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from trigpoint.features.local import LocalFeatures

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def toy():
    path = Path(__file__).parents[2] / "examples/position_decoder_2d.py"
    spec = importlib.util.spec_from_file_location("position_decoder_2d", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Corners:
    """Four keypoints of a view of 640 x 480 px, whose descriptors tell the image by its gray value, and the corner."""

    size_multiple = 8

    def encode(self, view, max_keypoints):
        assert view.shape == (480, 640)
        keypoints = torch.tensor([[160.0, 120], [480, 120], [160, 360], [480, 360]])
        gray = torch.nn.functional.one_hot(view[0, 0].long() // 10, 19).float().expand(4, -1)
        return LocalFeatures(keypoints, torch.cat([gray, torch.eye(4)], dim=1), torch.ones(4))


@pytest.fixture
def images(toy, tmp_path, monkeypatch):
    """A folder of 19 gray images, and one that is left over."""
    monkeypatch.setattr(toy, "load_encoder", lambda name, device: Corners())
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(toy.IMAGES + 1):
        Image.new("L", (640, 480), 10 * index + 5).save(folder / f"{index:02}.png")
    return folder


def test_images_lie_on_a_grid_around_its_mean(toy):
    grid = toy.grid()
    assert grid.shape == (19, 3) and grid.mean(dim=0).abs().max() < 1e-5
    offset = (grid - grid[0]).tolist()
    assert offset[1] == [5, 0, 0] and offset[4] == [20, 0, 0] and offset[5] == [0, 5, 0] and offset[18] == [15, 15, 0]


def test_patches_are_where_their_images_lie(toy, images):
    """An image of 640 x 480 px is 4 x 3 units large, and the keypoints are at a quarter of that from its centre."""
    descriptors, targets, image = toy.patches(toy.images_in(images))
    assert descriptors.shape == (76, 23)
    assert image.tolist() == [index for index in range(19) for _ in range(4)]
    assert (descriptors[:, :19].argmax(dim=1) == image).all()
    offsets = torch.tensor([[-1, -0.75], [1, -0.75], [-1, 0.75], [1, 0.75]])
    torch.testing.assert_close(targets, toy.grid()[image, :2] + offsets.repeat(19, 1))


def test_errors_are_means_of_each_image_in_px(toy):
    """A network that says where the image lies is one unit and three quarters off: 140 px on average."""
    centres, image = toy.grid(), torch.arange(19).repeat_interleave(4)
    offsets = torch.tensor([[-1, -0.75], [1, -0.75], [-1, 0.75], [1, 0.75]]).repeat(19, 1)
    offsets[image == 3] = 0
    errors = toy.errors_of(lambda which: centres[which], image, centres[image, :2] + offsets, image)
    assert errors == pytest.approx([0 if index == 3 else 140 for index in range(19)], abs=0.01)


def test_a_few_steps_teach_something(toy, images):
    descriptors, targets, image = toy.patches(toy.images_in(images))
    first, second = (toy.train(descriptors, targets, image, 19, toy.grid(), steps, 0) for steps in (1, 8))
    assert len(first) == len(second) == 19
    assert np.mean(second) < 0.6 * np.mean(first)


def test_it_prints_and_writes_both_errors_of_every_image(toy, images, tmp_path, monkeypatch, capsys):
    file = tmp_path / "errors.json"
    options = ["--images", str(images), "--steps", "2", "--seed", "5", "--json", str(file)]
    monkeypatch.setattr(sys, "argv", ["position_decoder_2d.py", *options])
    toy.main()
    written = json.loads(file.read_text())
    assert (written["steps"], written["seed"]) == (2, 5)
    errors = np.array([written["without"], written["with"]])
    assert errors.shape == (2, 19) and np.isfinite(errors).all() and (errors > 0).all() and (errors[0] != errors[1]).any()
    lines = capsys.readouterr().out.splitlines()
    printed = [[float(word) for word in line.split()] for line in lines[1:20]]
    expected = [[index + 1, *pair] for index, pair in enumerate(errors.T)]
    np.testing.assert_allclose(printed, expected, atol=0.051)
    assert lines[20].split() == ["mean", *(f"{value:.1f}" for value in errors.mean(axis=1))]


def test_without_images_one_of_each_of_19_scenes_is_rendered(toy, monkeypatch):
    made = []

    def render(folder, config):
        made.append((config.seed, config.n_train, config.n_test, config.kind))
        return SimpleNamespace(frames=[SimpleNamespace(image_path=folder / "only.png")])

    monkeypatch.setattr(toy, "write_synthetic_scene", render)
    paths = toy.rendered(Path("scenes"))
    assert len(set(paths)) == len({seed for seed, *_ in made}) == 19
    assert all((train, test) == (1, 0) for _, train, test, _ in made)
    assert {kind for *_, kind in made} == {"room", "street"}


def test_too_few_images(toy, images):
    for path in sorted(images.iterdir())[:2]:
        path.unlink()
    with pytest.raises(SystemExit, match="holds 18 images, 19 are needed"):
        toy.images_in(images)
