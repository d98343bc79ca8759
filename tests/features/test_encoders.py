"""The contract that every local encoder keeps, and XFeat against its reference."""

from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from support.image_files import image_pixels
from support.random_weights import FILES_OF, write_random_weights

from trigpoint.core.camera import Camera
from trigpoint.core.errors import ConfigError, WeightsError
from trigpoint.core.image import DecodedImage
from trigpoint.features.encoders import ENCODERS, load_encoder
from trigpoint.features.extract import extract_features, rays_of
from trigpoint.features.local import LocalFeatures
from trigpoint.features.views import plain_view
from trigpoint.features.weights import find_weights

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
SIZES = [(192, 256), (96, 32), (224, 160)]
SPARSE = ("xfeat", "aliked", "disk", "superpoint", "dedode")
# Refined to a fraction of a pixel; trained half a pixel off.
NOT_AT_CENTRES = ("aliked", "disk")
# As published, these are not of unit length.
NOT_NORMALIZED = ("dedode", "loftr", "ace")
# Where a cell of 8 x 8 px looks, from its corner.
IN_CELL_PX = {"loftr": 0.5}
BUDGET = 150


@lru_cache(maxsize=16)
def encoder_named(name):
    """With its own weights if they are here, with random ones where only users can bring them."""
    try:
        return load_encoder(name, CPU)
    except WeightsError as error:
        if name not in FILES_OF:
            pytest.skip(f"no weights: {error}")
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        write_random_weights(name, Path(folder))
        patch.setenv("TRIGPOINT_WEIGHTS", folder)
        return load_encoder(name, CPU)


@pytest.fixture(params=ENCODERS)
def encoder(request):
    return encoder_named(request.param)


def view_of(height, width, seed=0):
    noise = np.random.default_rng(seed).integers(-40, 40, (height, width))
    return torch.from_numpy(np.clip(image_pixels(width, height, seed)[:, :, 0] + noise, 0, 255).astype(np.uint8))


def test_shapes_types_and_positions(encoder):
    for size in SIZES:
        check_features(encoder, size)


def check_features(encoder, size):
    features = encoder.encode(view_of(*size), BUDGET)
    count = len(features)
    assert count > 0
    assert features.keypoints_px.shape == (count, 2) and features.keypoints_px.dtype == torch.float32
    assert features.descriptors.shape == (count, encoder.dim) and features.descriptors.dtype == torch.float32
    assert features.scores.shape == (count,) and features.scores.dtype == torch.float32
    for values in (features.keypoints_px, features.descriptors, features.scores):
        assert torch.isfinite(values).all() and values.device == CPU and not values.requires_grad
    assert (features.keypoints_px > 0).all()
    assert (features.keypoints_px < torch.tensor([size[1], size[0]])).all()
    if encoder.name not in NOT_NORMALIZED:
        assert torch.allclose(features.descriptors.norm(dim=1), torch.ones(count), atol=1e-4)
    assert (features.descriptors.norm(dim=1) > 0).all()
    assert len(torch.unique(features.keypoints_px, dim=0)) == count


def test_names_and_identities(encoder):
    assert ENCODERS[encoder.name] is type(encoder)
    assert encoder.weights_sha256 == "" or len(encoder.weights_sha256) == 64
    assert encoder.size_multiple >= 1


def test_budgets_and_grids(encoder):
    view = view_of(192, 256)
    features = encoder.encode(view, BUDGET)
    if encoder.name in SPARSE:
        assert len(features) == BUDGET
        few = encoder.encode(view, 10)
        assert len(few) == 10
        assert set(map(tuple, few.keypoints_px.tolist())) <= set(map(tuple, features.keypoints_px.tolist()))
        assert few.scores.min() >= features.scores.median()
        # A detected pixel lies at the centre of the pixel.
        assert (features.keypoints_px % 1 == 0.5).all() == (encoder.name not in NOT_AT_CENTRES)
    else:
        inside = IN_CELL_PX.get(encoder.name, 4.0)
        x, y = np.meshgrid(np.arange(32) * 8 + inside, np.arange(24) * 8 + inside)
        assert features.keypoints_px.numpy() == pytest.approx(np.stack([x, y], axis=-1).reshape(-1, 2))


def test_the_same_view_gives_the_same_features(encoder):
    first, second = (encoder.encode(view_of(96, 128), BUDGET) for _ in range(2))
    for a, b in ((first.keypoints_px, second.keypoints_px), (first.descriptors, second.descriptors)):
        assert torch.equal(a, b)
    assert torch.equal(first.scores, second.scores)


def test_flat_views_do_no_harm(encoder):
    for level in (0, 255, 128):
        features = encoder.encode(torch.full((96, 128), level, dtype=torch.uint8), BUDGET)
        assert features.descriptors.shape == (len(features), encoder.dim)
        assert torch.isfinite(features.descriptors).all()
        if encoder.name not in SPARSE:
            assert len(features) == 12 * 16


def test_descriptors_tell_points_apart(encoder):
    """Shifted by a whole cell, a point keeps its descriptor; another point has another one."""
    if encoder.name == "dedode":
        pytest.skip("it sees the border of a view this small from everywhere, and its keypoints are neighbours")
    wide = view_of(128, 256, seed=2)
    step = 32
    first = encoder.encode(wide[:, :-step].contiguous(), 4000)
    second = encoder.encode(wide[:, step:].contiguous(), 4000)
    shift = torch.tensor([float(step), 0.0])
    distance = torch.cdist(first.keypoints_px - shift, second.keypoints_px)
    inside = (first.keypoints_px - shift > 40).all(dim=1) & (first.keypoints_px - shift < torch.tensor([150.0, 88])).all(
        dim=1
    )
    pairs = inside & (distance.min(dim=1).values < 0.6)
    assert pairs.sum() >= 10
    nearest = torch.cdist(first.descriptors[pairs], second.descriptors).argmin(dim=1)
    error = (second.keypoints_px[nearest] - (first.keypoints_px[pairs] - shift)).norm(dim=1)
    assert (error < 2).float().mean() > 0.8


def test_image_features_speak_of_the_image(encoder):
    pixels = view_of(150, 210).numpy()
    image = DecodedImage(pixels, None, 420, 300)
    view = plain_view(420, 300, 120, encoder.size_multiple)
    found = extract_features(encoder, image, view, BUDGET)
    assert len(found) == len(found.descriptors) == len(found.scores) > 0
    assert (found.image_px > 0).all() and (found.image_px < (420, 300)).all()
    assert found.image_px.dtype == np.float64
    assert found.scale == pytest.approx(120 / 300)
    camera = Camera("OPENCV", 420, 300, (400.0, 410.0, 211.0, 149.0, -0.1, 0.02, 0.001, -0.001))
    rays = rays_of(camera, found.image_px)
    assert camera.project(np.column_stack([rays, np.ones(len(rays))])) == pytest.approx(found.image_px, abs=1e-4)


# What each channel of a network is given for gray values of 51 and 204: a fifth and four fifths.
# ImageNet has means of 0.485, 0.456, 0.406 and deviations of 0.229, 0.224, 0.225.
DARK_AND_LIGHT = {
    "xfeat": [(0.2, 0.8)],
    "xfeat-dense": [(0.2, 0.8)],
    "superpoint": [(0.2, 0.8)],
    "loftr": [(0.2, 0.8)],
    "aliked": [(0.2, 0.8)] * 3,
    "disk": [(0.2, 0.8)] * 3,
    "dedode": [(-1.2445415, 1.3755459), (-1.1428571, 1.5357143), (-0.9155556, 1.7511111)],
    # (t - 0.4) / 0.25
    "ace": [(-0.8, 1.6)],
}


def first_layers(encoder):
    """The modules that are given the pixels."""
    if encoder.name == "dedode":
        return [encoder.detector, encoder.descriptor]
    return [encoder.network.get_submodule({"loftr": "conv1", "aliked": "block1"}.get(encoder.name, ""))]


@pytest.mark.parametrize("name", DARK_AND_LIGHT)
def test_networks_are_given_the_numbers_that_they_were_trained_with(name):
    encoder, seen = encoder_named(name), []
    layers = first_layers(encoder)
    hooks = [module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone())) for module in layers]
    view = torch.full((64, 96), 51, dtype=torch.uint8)
    view[:16, 32:] = 204
    encoder.encode(view, BUDGET)
    for hook in hooks:
        hook.remove()
    assert len(seen) == len(layers)
    for images in seen:
        assert images.shape == (1, len(DARK_AND_LIGHT[name]), 64, 96) and images.dtype == torch.float32
        for channel, (dark, light) in zip(images[0], DARK_AND_LIGHT[name], strict=True):
            expected = torch.where(view == 204, light, dark)
            assert torch.allclose(channel, expected, atol=1e-6)


def test_every_network_is_in_the_table_of_inputs():
    assert set(ENCODERS) - set(DARK_AND_LIGHT) == {"dense-sift"}


def test_xfeat_is_kornias_network_made_faster():
    from kornia.feature.xfeat import XFeatModel

    from trigpoint.features.xfeat import load_network

    try:
        weights = torch.load(find_weights("xfeat"), weights_only=True)
    except WeightsError as error:
        pytest.skip(f"no weights: {error}")
    reference = XFeatModel()
    reference.load_state_dict(weights)
    reference.eval()
    view = view_of(192, 256)[None, None].float() / 255
    with torch.inference_mode():
        expected, found = reference(view), load_network(CPU)(view)
    assert len(expected) == len(found) == 3
    for a, b in zip(expected, found, strict=True):
        assert (a - b).abs().max() < 1e-4
    assert expected[0].std() > 0.01


def test_unknown_encoders_get_a_suggestion():
    with pytest.raises(ConfigError, match=r"TP-711.*Did you mean 'xfeat'"):
        load_encoder("xfaet", CPU)


def test_the_best_keep_their_order():
    features = LocalFeatures(torch.arange(10.0).reshape(5, 2), torch.eye(5), torch.tensor([0.1, 0.9, 0.2, 0.8, 0.3]))
    best = features.best(3)
    assert torch.allclose(best.scores, torch.tensor([0.9, 0.8, 0.3]))
    assert torch.equal(best.descriptors, torch.eye(5)[[1, 3, 4]])
    assert features.best(9) is features
