"""ALIKED, DISK, SuperPoint, DeDoDe, LoFTR and ACE: whether positions are those of the pixels, and files of weights."""

import hashlib
from functools import lru_cache

import cv2
import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_image
from support.random_weights import FILES_OF, NETWORKS, randomized, tensors_of, write_random_weights
from torch import nn

from trigpoint.core.errors import WeightsError
from trigpoint.features.ace import AceNetwork
from trigpoint.features.encoders import load_encoder
from trigpoint.features.grids import cell_contrast, cell_positions, network_input, sample_map, strongest_peaks
from trigpoint.features.pretrained import load_pretrained
from trigpoint.features.superpoint import SuperPointNetwork
from trigpoint.features.weights import WEIGHTS

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
TRAINED = ("xfeat", "aliked", "disk")


@lru_cache
def trained(name):
    try:
        return load_encoder(name, CPU)
    except WeightsError as error:
        pytest.skip(f"no weights: {error}")


@lru_cache
def image():
    """(256, 256) gray cut-out of a photograph of a palace."""
    return np.ascontiguousarray(cv2.cvtColor(load_sample_image("china.jpg"), cv2.COLOR_RGB2GRAY)[140:396, 150:406])


def warped(pixels, matrix, size):
    """Resample by a (3, 3) map between positions in px where (0.5, 0.5) is the centre of the first pixel."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    return cv2.warpPerspective(pixels, np.linalg.inv(half) @ matrix @ half, size, borderMode=cv2.BORDER_REFLECT_101)


def match_errors(encoder, matrix, size, keypoints=500):
    """(M, 2) difference between where a matched keypoint is and where it should be, px of the warped image."""
    first = encoder.encode(torch.from_numpy(image()), keypoints)
    second = encoder.encode(torch.from_numpy(warped(image(), matrix, size)), keypoints)
    similarity = first.descriptors @ second.descriptors.T
    there, back = similarity.argmax(dim=1), similarity.argmax(dim=0)
    mutual = back[there] == torch.arange(len(there))
    matched = first.keypoints_px[mutual].double().numpy()
    expected = np.column_stack([matched, np.ones(len(matched))]) @ matrix.T
    expected = expected[:, :2] / expected[:, 2:]
    inside = ((expected > 0) & (expected < size)).all(axis=1)
    return (second.keypoints_px[there[mutual]].double().numpy() - expected)[inside]


@pytest.mark.parametrize(("name", "fraction"), [("aliked", 0.85), ("disk", 0.85)])
def test_an_image_matches_its_warp(name, fraction):
    """Networks for colour, given gray three times."""
    turn = np.vstack([cv2.getRotationMatrix2D((128, 128), 12, 1.1), [0, 0, 1]])
    errors = match_errors(trained(name), np.array([[1, 0, 0], [0, 1, 0], [2e-4, 1e-4, 1]]) @ turn, (256, 256))
    assert len(errors) > 150
    assert (np.linalg.norm(errors, axis=1) < 3).mean() > fraction


@pytest.mark.parametrize("name", TRAINED)
def test_positions_have_no_bias_of_half_a_pixel(name):
    """Enlarged by s, a keypoint at x + bias is found at s x + bias: the bias shows (1 - s) times, half a pixel as 0.25."""
    scale = 1.5
    errors = match_errors(trained(name), np.diag([scale, scale, 1]), (384, 384))
    right = errors[np.linalg.norm(errors, axis=1) < 1.5]
    assert len(right) > 50
    assert np.abs(right.mean(axis=0)).max() < 0.18, right.mean(axis=0)


def symmetric(make):
    """Random weights whose kernels are equal upside down, so that a network cannot tell a view from the turned one."""
    network = randomized(make)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data = (module.weight.data + module.weight.data.flip(-1, -2)) / 2
    return network


def noise(height, width, channels=1):
    return torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ["ace", "loftr"])
def test_strided_grids_look_at_the_first_pixel_of_a_cell(name):
    """Turned by 180 degrees, only a view of 8 k + 1 px gives the turned grid: cells are centred on pixels 0, 8, 16 ..."""
    network = symmetric(NETWORKS[name])

    def grid(images):
        if name == "ace":
            return network(images)
        return network.layer3(network.layer2(network.layer1(network.relu(network.bn1(network.conv1(images))))))

    for size, same in ((97, True), (96, False)):
        images = noise(size, size)
        with torch.inference_mode():
            upright, turned = grid(images), grid(images.flip(-1, -2)).flip(-1, -2)
        difference = (upright - turned).abs().max() / upright.std()
        assert (difference < 1e-3) == same


@pytest.mark.parametrize("name", ["superpoint", "dedode-detector", "dedode-descriptor"])
def test_pooled_maps_turn_with_the_view(name):
    """Pooling in cells has no preferred side: 180 degrees turn the map, so position i belongs to pixel i."""
    network = symmetric(NETWORKS[name])
    images = noise(64, 96, channels=1 if name == "superpoint" else 3)
    with torch.inference_mode():
        if name == "superpoint":
            upright, turned = (network.descriptor(network.backbone(each)) for each in (images, images.flip(-1, -2)))
        else:
            upright, turned = network(images), network(images.flip(-1, -2))
    assert (upright - turned.flip(-1, -2)).abs().max() / upright.std() < 1e-3


def test_superpoints_detector_counts_pixels_of_a_cell_row_by_row():
    network = randomized(SuperPointNetwork)
    head = network.detector[1]
    head.conv.weight.data.zero_()
    head.conv.bias.data.zero_()
    head.conv.bias.data[8 * 2 + 5] = 10.0
    with torch.inference_mode():
        probability, grid = network(noise(16, 24))
    assert probability.shape == (1, 1, 16, 24) and grid.shape == (1, 256, 2, 3)
    assert (probability[0, 0] > 0.9).nonzero().tolist() == [[y + 2, x + 5] for y in (0, 8) for x in (0, 8, 16)]


def test_ace_has_the_published_size_and_input():
    network = randomized(AceNetwork)
    assert sum(parameter.numel() for parameter in network.parameters()) == 5_568_000
    assert network(noise(480 // 8, 640 // 8)).shape == (1, 512, 8, 10)


def test_ace_normalises_gray(tmp_path, monkeypatch):
    monkeypatch.setenv("TRIGPOINT_WEIGHTS", str(tmp_path))
    write_random_weights("ace", tmp_path)
    view = torch.randint(0, 256, (32, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found = load_encoder("ace", CPU).encode(view, 10)
    expected = randomized(AceNetwork)((view[None, None] / 255 - 0.4) / 0.25)[0].flatten(1).T
    assert torch.allclose(found.descriptors, expected, atol=1e-4)
    assert found.keypoints_px[:2].tolist() == [[4, 4], [12, 4]]


def test_maps_are_read_at_the_centres_of_pixels():
    grid = torch.arange(6.0).reshape(1, 1, 2, 3)
    centres = cell_positions(2, 3, 8, 4.0)
    assert sample_map(grid, centres, (24, 16))[:, 0].tolist() == pytest.approx([0, 1, 2, 3, 4, 5], abs=1e-5)
    assert sample_map(grid, torch.tensor([[8.0, 8.0]]), (24, 16)).item() == pytest.approx(2.0)


def test_peaks_are_maxima_in_order_and_inside():
    scores = torch.zeros(20, 30)
    for value, row, column in ((0.5, 10, 10), (0.9, 10, 20), (0.4, 11, 11), (1.0, 1, 1), (0.01, 15, 15)):
        scores[row, column] = value
    found = strongest_peaks(scores, 9, radius=2, border=2, threshold=0.05)
    assert found.tolist() == [[10, 20], [10, 10]]
    assert strongest_peaks(scores, 1, radius=2, border=2, threshold=0.05).tolist() == [[10, 20]]


def test_input_and_contrast():
    view = torch.zeros(8, 16, dtype=torch.uint8)
    view[:, 12:] = 255
    assert network_input(view, CPU, channels=3).shape == (1, 3, 8, 16)
    assert network_input(view, CPU).max() == 1
    assert cell_contrast(view, 8).tolist() == pytest.approx([0, 127.5])


def test_identity_of_own_files_is_that_of_their_bytes(tmp_path, monkeypatch):
    monkeypatch.setenv("TRIGPOINT_WEIGHTS", str(tmp_path))
    write_random_weights("superpoint", tmp_path)
    before = torch.get_rng_state()
    encoder = load_encoder("superpoint", CPU)
    assert torch.equal(before, torch.get_rng_state())
    data = (tmp_path / WEIGHTS["superpoint"].file).read_bytes()
    assert encoder.weights_sha256 == hashlib.sha256(data).hexdigest()
    write_random_weights("superpoint", tmp_path, seed=1)
    assert load_encoder("superpoint", CPU).weights_sha256 != encoder.weights_sha256


@pytest.mark.parametrize("name", FILES_OF)
def test_own_files_that_are_missing_are_named_with_their_licence(name, tmp_path, monkeypatch):
    monkeypatch.setenv("TRIGPOINT_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match="TP-513") as caught:
        load_encoder(name, CPU)
    entry = WEIGHTS[FILES_OF[name][0]]
    for words in (entry.file, entry.licence, "TRIGPOINT_WEIGHTS", entry.url):
        assert words in caught.value.fix


class Unsafe:
    def __reduce__(self):
        return print, ("code in a file of weights has run",)


def test_files_that_do_not_belong_there_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TRIGPOINT_WEIGHTS", str(tmp_path))
    file = tmp_path / WEIGHTS["ace"].file
    good = tensors_of("ace")
    missing = {name: value for name, value in good.items() if name != "conv3.bias"}
    resized = good | {"conv1.weight": torch.zeros(32, 2, 3, 3)}
    for content in (missing, resized, good | {"fc.weight": torch.zeros(2)}, [1, 2], torch.zeros(3), 5):
        torch.save(content, file)
        with pytest.raises(WeightsError, match="TP-512") as caught:
            load_pretrained("ace", AceNetwork, CPU)
        assert caught.value.where == str(file)
    torch.save(good, file)
    damaged = file.read_bytes()[:5000]
    for data in (b"", b"no weights at all", damaged):
        file.write_bytes(data)
        with pytest.raises(WeightsError, match="TP-511"):
            load_pretrained("ace", AceNetwork, CPU)
    torch.save(Unsafe(), file)
    with pytest.raises(WeightsError, match="TP-511"):
        load_pretrained("ace", AceNetwork, CPU)
    assert "has run" not in capsys.readouterr().out
