"""What a map takes for noise: the wrong images, what they come to, and where it is kept and said."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from support.image_files import image_pixels
from support.tiny_scene import CHEAP, settings, write_part

from trigpoint.build.context import BuildContext
from trigpoint.cli import run
from trigpoint.core.errors import ConfigError
from trigpoint.core.image import DecodedImage
from trigpoint.core.job import Job, JobControl
from trigpoint.formats.readers import open_scene
from trigpoint.localization.acceptance import MIRRORED, PHOTOGRAPHS, SCRAMBLED, SYNTHETIC, acceptance_of
from trigpoint.localization.negatives import TILES, mirrored, photographs, scrambled, synthetic_images
from trigpoint.mapping.acceptance import Acceptance, ValidationImages
from trigpoint.mapping.config import fitted_to
from trigpoint.mapping.parallel import ALONE
from trigpoint.mapping.presets import resolve_config
from trigpoint.mapping.scene_map import load_map


def image_of(width, height):
    return DecodedImage(image_pixels(width, height, seed=1)[..., 0].copy(), None, 2 * width, 2 * height)


def tiles_of(gray):
    rows, columns = TILES
    height, width = gray.shape[0] // rows, gray.shape[1] // columns
    cut = gray[: rows * height, : columns * width].reshape(rows, height, columns, width)
    return cut.transpose(0, 2, 1, 3).reshape(rows * columns, height, width)


@pytest.mark.parametrize("size", [(320, 240), (323, 247), (48, 64)])
def test_scrambled_images_keep_all_tiles_and_none_where_it_was(size):
    image = image_of(*size)
    result = scrambled(image, np.random.default_rng(0))
    assert (result.width, result.height) == (image.width, image.height)
    before, after = tiles_of(image.gray), tiles_of(result.gray)
    assert not any((before[index] == after[index]).all() for index in range(len(before)))
    assert sorted(tile.tobytes() for tile in before) == sorted(tile.tobytes() for tile in after)
    again = scrambled(image, np.random.default_rng(0))
    assert (again.gray == result.gray).all()


def test_a_mirrored_image_is_mirrored():
    image = image_of(64, 48)
    assert (mirrored(image).gray == image.gray[:, ::-1]).all()
    assert (mirrored(mirrored(image)).gray == image.gray).all()


def test_images_of_other_scenes_fit_their_cameras():
    queries = [*synthetic_images(96), *photographs()]
    assert len(queries) == 14
    for image, camera in queries:
        assert (image.width, image.height) == (camera.width, camera.height)
        assert image.gray.std() > 10, "something to see"
    assert len({image.gray.tobytes() for image, _ in queries}) == len(queries)


def test_the_kind_that_scores_highest_sets_the_bound():
    low, high = [0.01, 0.02, 0.04], [0.05, 0.06, 0.08]
    measured = acceptance_of([0.8, 0.6, 0.7], {MIRRORED: low, SCRAMBLED: high, SYNTHETIC: low})
    assert measured.images == 3 and measured.typical_inlier_ratio == 0.7
    assert [kind.kind for kind in measured.negatives] == [MIRRORED, SCRAMBLED, SYNTHETIC]
    assert measured.noise_inlier_ratio == measured.negatives[1].bound == max(kind.bound for kind in measured.negatives)
    logs = np.log(high)
    assert measured.noise_inlier_ratio == pytest.approx(np.exp(logs.mean() + 2.5 * logs.std()), abs=1e-4)
    assert measured.negatives[0].median_inlier_ratio == 0.02 and measured.negatives[0].largest_inlier_ratio == 0.04


def test_a_scene_that_looks_the_same_in_a_mirror_is_measured_without_mirrored_images():
    """The numbers of a facade, mapped from ten images."""
    mirror, others = [0.2, 0.26, 0.46], {SCRAMBLED: [0.02, 0.03, 0.05], PHOTOGRAPHS: [0.08, 0.1, 0.13]}
    measured = acceptance_of([0.49], {MIRRORED: mirror, **others})
    assert [kind.counted for kind in measured.negatives] == [False, True, True]
    assert measured.noise_inlier_ratio == measured.negatives[2].bound < 0.2
    assert acceptance_of([0.49], {MIRRORED: [0.1, 0.12, 0.3], **others}).negatives[0].counted


def test_where_all_score_low_a_fraction_of_what_is_typical_takes_over():
    assert acceptance_of([0.5], {MIRRORED: [0.0, 0.0]}).noise_inlier_ratio == pytest.approx(0.05)


def test_a_map_that_takes_everything_trusts_nothing():
    assert acceptance_of([1.0], {MIRRORED: [0.1, 1.0], SCRAMBLED: []}).noise_inlier_ratio == 1.0


@pytest.mark.usefixtures("one_thread")
def test_a_map_keeps_what_it_was_calibrated_with_and_info_says_it(room, tmp_path, capsys):
    path = tmp_path / "room.trig"
    corner = write_part(room, tmp_path / "corner", 8)
    assert run(["map", "--preset", "trig-network", str(corner), "-o", str(path), "--quiet", *settings(CHEAP)]) == 0
    measured = load_map(path).acceptance
    assert measured.images == 8
    assert {kind.kind: kind.images for kind in measured.negatives} == {
        MIRRORED: 8,
        SCRAMBLED: 8,
        SYNTHETIC: 8,
        PHOTOGRAPHS: 6,
    }
    capsys.readouterr()
    assert run(["info", str(path), "--json", str(tmp_path / "info.json")]) == 0
    shown = capsys.readouterr().out
    assert "mirrored images" in shown and "photographs of other scenes" in shown
    document = json.loads((tmp_path / "info.json").read_text())["acceptance"]
    assert [kind["kind"] for kind in document["negatives"]] == [MIRRORED, SCRAMBLED, SYNTHETIC, PHOTOGRAPHS]


def test_a_few_images_that_differ_widely_do_not_lock_everything_out():
    few = [0.0, 0.0, 0.0, 0.013, 0.02, 0.06, 0.08]
    measured = acceptance_of([0.2, 0.3], {"synthetic images": few})
    logs = np.log(np.maximum(few, 1e-3))
    assert np.exp(logs.mean() + 2.5 * logs.std()) > 0.3
    assert measured.noise_inlier_ratio == pytest.approx(1.3 * 0.08, abs=1e-4)


def test_held_out_images_that_are_hard_lower_what_settles_it_but_not_to_noise():
    easy, hard, hardest, none = (
        ValidationImages(8, count, fraction, fraction, 0.01, 0.1)
        for fraction, count in ((0.7, 8), (0.2, 8), (0.06, 2), (0.0, 0))
    )
    assert Acceptance(0.05, 0.8).sure_inlier_ratio == 0.4
    assert Acceptance(0.05, 0.8, validation=easy).sure_inlier_ratio == 0.4
    assert Acceptance(0.05, 0.8, validation=hard).sure_inlier_ratio == 0.2
    assert Acceptance(0.05, 0.8, validation=hardest).sure_inlier_ratio == 0.1
    assert Acceptance(0.05, 0.8, validation=none).sure_inlier_ratio == 0.4
    assert Acceptance(0.3, 0.4, validation=hard).sure_inlier_ratio == 0.2


def test_images_are_held_out_where_there_are_enough():
    config = resolve_config("trig-network")
    few, enough = fitted_to(config, 99).network, fitted_to(config, 100).network
    assert few is not None and few.acceptance.validation_images == 0
    assert enough is not None and config.network is not None and enough.acceptance == config.network.acceptance
    assert enough.acceptance.validation_images > 0
    with pytest.raises(ConfigError, match="half is for mapping"):
        resolve_config("trig-network", ["acceptance.validation_images=60"])


def test_images_held_out_are_spread_over_the_walk(room, tmp_path):
    scene = open_scene(room)
    frames = scene.for_mapping()
    config = resolve_config("trig-network", ["acceptance.validation_images=4", "acceptance.min_images=9"])
    encoder: Any = None
    job = Job(tmp_path / "room.trig", tmp_path, JobControl())
    context = BuildContext(scene, frames, fitted_to(config, len(frames)), 0, torch.device("cpu"), encoder, ALONE, job)
    names = [frame.name for frame in frames]
    indices = [names.index(name) for name in names if name not in {frame.name for frame in context.learned.frames}]
    assert len(indices) == 4 and len(context.learned.frames) == len(frames) - 4
    gaps = np.diff([-len(frames) / 8, *indices, len(frames) * 9 / 8])
    assert gaps.min() >= len(frames) // 4 - 1


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("extra", [[], ["buffer.rounds=2"]])
def test_a_map_is_checked_with_images_that_it_did_not_learn(room, tmp_path, capsys, extra):
    path = tmp_path / "room.trig"
    corner = write_part(room, tmp_path / "corner", 8)
    held = ["acceptance.validation_images=2", "acceptance.min_images=8", *extra]
    numbers = tmp_path / "numbers.json"
    assert (
        run(
            [
                "map",
                "--preset",
                "trig-network",
                str(corner),
                "-o",
                str(path),
                "--quiet",
                "--json",
                str(numbers),
                *settings((*CHEAP, *held)),
            ]
        )
        == 0
    )
    assert "of 2 images that were not learned" in " ".join(capsys.readouterr().out.split())
    assert json.loads(numbers.read_text())["validation"]["images"] == 2
    made = load_map(path)
    assert made.acceptance.images == 6
    assert made.acceptance.validation is not None and made.acceptance.validation.images == 2
    assert made.built_from["images"] == 8
    assert run(["info", str(path)]) == 0
    assert "of 2 images that were not learned" in " ".join(capsys.readouterr().out.split())
