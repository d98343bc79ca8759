"""Direct matching: which landmarks are kept, in how many bytes, and how keypoints find them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from trigpoint.mapping.compact_points import pack_points, unpack_points
from trigpoint.mapping.direct_landmarks import DirectHypothesis, DirectLandmarks, LandmarkMemory, bytes_per_landmark
from trigpoint.mapping.landmark_choice import ranked_landmarks
from trigpoint.mapping.landmark_config import DirectConfig
from trigpoint.mapping.observations import Observations

DIM = 60


def observed(images, landmarks, seed=0):
    """Landmarks that all images see, with descriptors that scatter a little."""
    generator = np.random.default_rng(seed)
    truth = generator.normal(size=(landmarks, DIM))
    seen = truth[None] + 0.1 * generator.normal(size=(images, landmarks, DIM))
    seen = functional.normalize(torch.from_numpy(seen.reshape(-1, DIM)).float(), dim=1).numpy()
    landmark = np.tile(np.arange(landmarks), images)
    sums = np.zeros((landmarks, DIM))
    np.add.at(sums, landmark, seen.astype(np.float64))
    memory = LandmarkMemory(np.repeat(np.arange(images), landmarks), landmark, seen, sums)
    points = generator.uniform(-3, 3, (landmarks, 3))
    return DirectLandmarks.of(points, memory), points, torch.from_numpy(truth).float()


def test_points_are_fine_nearby_and_coarser_far_away():
    generator = np.random.default_rng(0)
    directions = generator.normal(size=(500, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for distance, largest in ((0.0, 0), (1.0, 1e-4), (3.9, 1e-4), (40.0, 1.5e-2), (400.0, 1.5)):
        points = directions * distance
        packed = pack_points(points, 4.0)
        again = unpack_points(packed, 4.0)
        assert np.abs(again - points).max() <= 4 * largest
        assert np.array_equal(pack_points(again, 4.0), packed)
    assert np.isfinite(unpack_points(np.full((1, 3), -32768, np.int16), 4.0)).all()


def test_every_image_keeps_landmarks_of_its_own():
    """Image 3 alone sees landmarks 10 to 12, the others see all the rest: the first choice of three has one of these."""
    track = np.concatenate([np.repeat(np.arange(10), 3), [10, 11, 12]])
    image = np.concatenate([np.tile(np.arange(3), 10), [3, 3, 3]])
    observations = Observations(track, np.arange(len(track)), image)
    order = ranked_landmarks(observations, 4)
    assert sorted(order.tolist()) == list(range(13))
    assert order[:2].tolist() == [0, 1]
    assert 10 in order[:4].tolist()
    # Greedy: no landmark that comes later was worth more.
    covered = np.zeros(4)
    for step, landmark in enumerate(order):
        worth = [(1 / (1 + covered[image[track == other]])).sum() for other in order[step:]]
        assert worth[0] == pytest.approx(max(worth))
        covered[image[track == landmark]] += 1


def test_keypoints_find_their_landmarks():
    landmarks, points, truth = observed(4, 60)
    found = landmarks.points(truth[:30], [DirectHypothesis(), DirectHypothesis()])
    assert found.shape == (2, 30, 3)
    matched = np.isfinite(found[0]).all(axis=1)
    assert matched.sum() >= 28
    assert np.abs(found[0][matched] - points[:30][matched]).max() < 1e-3
    # What looks like nothing that is there is hardly matched.
    strange = torch.from_numpy(np.random.default_rng(1).normal(size=(30, DIM))).float()
    assert np.isfinite(landmarks.match(strange)).all(axis=1).sum() <= 10
    assert landmarks.match(truth[:0]).shape == (0, 3)


def test_a_landmark_is_matched_once_and_blocks_change_nothing(monkeypatch):
    landmarks, _, truth = observed(3, 50)
    query = torch.cat([truth, truth + 0.05])
    whole = landmarks.match(query)
    matched = whole[np.isfinite(whole).all(axis=1)]
    assert len(np.unique(matched, axis=0)) == len(matched)
    monkeypatch.setattr("trigpoint.mapping.direct_landmarks._BLOCK", 7)
    assert np.array_equal(landmarks.match(query), whole, equal_nan=True)


def test_another_place_is_what_is_far_from_all_that_agrees():
    landmarks, points, truth = observed(4, 120)
    near = points[np.linalg.norm(points - points[0], axis=1) < 1.5]
    rest = landmarks.elsewhere(DirectHypothesis(), near)
    distance = np.linalg.norm(points[:, None] - near[None], axis=2).min(axis=1)
    spread = np.median(np.linalg.norm(near - near.mean(axis=0), axis=1))
    assert set(rest.landmarks.tolist()) <= set(np.flatnonzero(distance > 0.99 * spread).tolist())
    found = np.isfinite(landmarks.points(truth, [rest])[0]).all(axis=1)
    assert found.sum() > 40 and not found[distance == 0].any()
    assert landmarks.elsewhere(DirectHypothesis(), points) is None


def test_the_most_useful_landmarks_are_asked_first(monkeypatch):
    landmarks, _, truth = observed(3, 50)
    (everything,) = landmarks.hypotheses(None, (640, 480))
    assert everything.landmarks is None and landmarks.wider(everything) is None
    monkeypatch.setattr("trigpoint.mapping.direct_landmarks._FIRST", 20)
    (first,) = landmarks.hypotheses(None, (640, 480))
    found = np.isfinite(landmarks.points(truth, [first])[0]).all(axis=1)
    assert found[:20].sum() > 15 and not found[20:].any()
    wider = landmarks.wider(first)
    assert np.isfinite(landmarks.points(truth, [wider])[0]).all(axis=1)[20:].sum() > 20


def test_an_image_is_forgotten():
    """Landmark 0 looks different in image 0: without it, its signs are those of the others."""
    landmarks, _, _ = observed(3, 8)
    memory = landmarks.memory
    others = functional.normalize(torch.from_numpy(memory.sums - memory.descriptors[:8]), dim=1)
    forgotten = landmarks.without_image(0)
    assert torch.equal(forgotten.signs > 0, others > landmarks.middle)
    assert torch.equal(landmarks.without_image(7).signs, landmarks.signs)
    assert landmarks.can_forget
    read = DirectLandmarks.restore(landmarks.tensors(), DirectConfig(), DIM)
    assert not read.can_forget and read.without_image(0) is read


def test_a_file_keeps_what_matching_needs():
    landmarks, _, truth = observed(3, 40)
    tensors = landmarks.tensors()
    again = DirectLandmarks.restore(tensors, DirectConfig(), DIM)
    assert np.array_equal(again.match(truth), landmarks.match(truth), equal_nan=True)
    assert all(np.array_equal(again.tensors()[name], value) for name, value in tensors.items())
    assert tensors["packed"].nbytes + tensors["bits"].nbytes == 40 * bytes_per_landmark(DIM) == 40 * 14


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("packed", lambda array: array[:3]),
        ("packed", lambda array: array.astype(np.int32)),
        ("packed", lambda array: array[:0]),
        ("radius", lambda array: -array),
        ("radius", lambda array: array * np.nan),
        ("radius", lambda array: array[:0]),
        ("middle", lambda array: array[:3]),
        ("middle", lambda array: array * np.float16("inf")),
        ("bits", lambda array: array[:, :1]),
        ("bits", lambda array: array.astype(np.int8)),
        ("bits", lambda array: array[0]),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(name, value):
    tensors = observed(3, 10)[0].tensors()
    with pytest.raises(ValueError):
        DirectLandmarks.restore({**tensors, name: value(tensors[name])}, DirectConfig(), DIM)


def test_a_missing_array_is_refused():
    tensors = observed(3, 10)[0].tensors()
    del tensors["bits"]
    with pytest.raises(KeyError):
        DirectLandmarks.restore(tensors, DirectConfig(), DIM)
