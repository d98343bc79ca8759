"""Which poses are trusted: never those of noise, and those that are right."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom
from support.correspondences import CAMERA, OPTIONS, correspondences

from trigpoint.core.pose import Pose
from trigpoint.localization.pnp import PnpResult, pose_covariance, solve_pnp
from trigpoint.localization.rival import Rival
from trigpoint.localization.verdict import Precision, VerdictOptions, binomial_bound, judge, noise_inliers
from trigpoint.mapping.acceptance import Acceptance, ValidationImages

AREA_PX = 640 * 480.0
VERDICT = VerdictOptions()
# A map that says nothing about wrong images: only the bound for random points protects.
NO_ACCEPTANCE = Acceptance(noise_inlier_ratio=0.0, typical_inlier_ratio=1.0)


def verdict_of(pixels, world, options=OPTIONS):
    result = solve_pnp(pixels, world, CAMERA, options)
    covariance, distance = None, np.inf
    if result.cam_from_world is not None:
        inliers = result.inliers
        covariance = pose_covariance(result.cam_from_world, pixels[inliers], world[inliers], CAMERA)
        distance = float(np.median(np.linalg.norm(world[inliers] - result.cam_from_world.centre(), axis=1)))
    noise = noise_inliers(len(pixels), AREA_PX, options.threshold_px, options.max_iterations, VERDICT)
    return judge(result, Precision(covariance, distance, "m"), noise, NO_ACCEPTANCE, VERDICT)


@pytest.mark.parametrize("count", [6, 8, 12, 30, 100, 300, 1000, 2000])
def test_noise_is_never_trusted(count):
    for seed in range(7):
        generator = np.random.default_rng(1000 * count + seed)
        pixels = generator.uniform((0, 0), (640, 480), (count, 2))
        world = generator.uniform(-4, 4, (count, 3)) * (1, 0.5, 1)
        verdict = verdict_of(pixels, world)
        assert verdict.status != "ok", verdict.reason
        assert verdict.confidence <= 0.5


@pytest.mark.parametrize("outliers", [0.0, 0.5, 0.8])
def test_right_poses_are_trusted(outliers):
    for seed in range(4):
        _, pixels, world, _ = correspondences(seed, outliers=outliers)
        verdict = verdict_of(pixels, world)
        assert verdict.status == "ok" and 0.5 < verdict.confidence <= 1, verdict.reason


def test_the_noise_level_grows_with_points_poses_and_threshold():
    base = noise_inliers(1000, AREA_PX, 10.0, 1000, VERDICT)
    assert noise_inliers(2000, AREA_PX, 10.0, 1000, VERDICT) > base
    assert noise_inliers(1000, AREA_PX, 20.0, 1000, VERDICT) > base
    assert noise_inliers(1000, AREA_PX, 10.0, 10_000_000, VERDICT) > base
    assert noise_inliers(1000, 2 * AREA_PX, 10.0, 1000, VERDICT) < base


@pytest.mark.parametrize("count", [0, 1, 3, 4, 6])
def test_few_points_are_no_special_case(count):
    assert noise_inliers(count, AREA_PX, 10.0, 3000, VERDICT) >= 3


ACCEPTANCE = Acceptance(noise_inlier_ratio=0.1, typical_inlier_ratio=0.8)


def judged(covariance, inliers=200, acceptance=ACCEPTANCE, rival=None):
    result = PnpResult(Pose.identity(), np.arange(400) < inliers, "")
    return judge(result, Precision(covariance, 5.0, "m"), 20, acceptance, VERDICT, lambda: rival)


GOOD = np.diag([1e-6] * 3 + [1e-5] * 3)


@pytest.mark.parametrize(
    ("covariance", "status", "words"),
    [
        (GOOD, "ok", "200 of 400"),
        (None, "rejected", "do not fix a pose"),
        (np.diag([1e-2] * 3 + [1e-5] * 3), "rejected", "direction"),
        (np.diag([1e-6] * 3 + [1.0] * 3), "rejected", "position"),
    ],
)
def test_imprecise_poses_are_rejected(covariance, status, words):
    verdict = judged(covariance)
    assert verdict.status == status and words in verdict.reason


@pytest.mark.parametrize(
    ("noise_inlier_ratio", "inliers", "status"),
    [(0.0, 20, "rejected"), (0.0, 21, "ok"), (0.3, 120, "rejected"), (0.3, 121, "ok")],
)
def test_the_larger_of_both_noise_levels_counts(noise_inlier_ratio, inliers, status):
    verdict = judged(GOOD, inliers, Acceptance(noise_inlier_ratio, 0.8))
    assert verdict.status == status
    assert (verdict.confidence > 0.5) == (status == "ok")


@pytest.mark.parametrize(
    ("noise_inlier_ratio", "inliers", "source"),
    [
        (0.0, 15, "random points can reach 20"),
        (0.3, 100, "images out of the map can reach 120"),
        (0.0, 200, "random points reach 20 at most"),
        (0.3, 200, "images out of the map reach 120 at most"),
    ],
)
def test_the_reason_names_the_bound_that_decided(noise_inlier_ratio, inliers, source):
    assert judged(GOOD, inliers, Acceptance(noise_inlier_ratio, 0.8)).reason.endswith(source)


def test_the_bound_for_random_points_is_that_of_the_binomial_distribution():
    random = np.random.default_rng(0)
    for trials in (1, 2, 5, 50, 1000, 4800):
        for _ in range(20):
            chance, tail = min(0.5, 10 ** random.uniform(-6, 0)), 10 ** random.uniform(-12, -1)
            assert binomial_bound(trials, chance, tail) == int(binom.isf(tail, trials, chance)), (trials, chance, tail)


def test_confidence_rises_from_noise_to_what_is_typical():
    values = [judged(GOOD, inliers).confidence for inliers in range(0, 401, 10)]
    assert values == sorted(values) and values[0] == 0 and values[-1] > 0.999
    # One half at the noise fraction of 0.1, 99 % at half of the typical fraction of 0.8.
    assert judged(GOOD, 40).confidence == pytest.approx(0.5)
    assert judged(GOOD, 160).confidence == pytest.approx(0.99)


def test_a_map_that_cannot_tell_is_hardly_confident():
    assert judged(GOOD, 121, Acceptance(0.3, 0.35)).confidence < 0.6


def test_no_pose_is_a_failure_with_its_reason():
    nothing = Precision(None, np.inf, "m")
    failed = judge(PnpResult(None, np.zeros(9, dtype=bool), "why"), nothing, 3, NO_ACCEPTANCE, VERDICT)
    assert (failed.status, failed.reason, failed.confidence) == ("failed", "why", 0.0)


def test_a_position_that_may_be_wrong_for_every_use_is_rejected():
    """Known to 17 cm, which is precise at 5 m, but not where 30 cm are wrong."""
    covariance = np.diag([1e-6] * 3 + [0.01] * 3)
    assert judged(covariance).status == "ok"
    strict = Acceptance(0.1, 0.8, tolerance=0.3)
    verdict = judged(covariance, acceptance=strict)
    assert verdict.status == "rejected" and verdict.reason == "the position is only known to 0.173 m"
    assert judged(covariance, acceptance=Acceptance(0.1, 0.8, tolerance=0.4)).status == "ok"
    off = judged(covariance, acceptance=Acceptance(0.1, 0.8, tolerance=0.3, error_scale=2.5)).reason
    assert off == "the position is only known to 0.173 m; errors in this map are 2.5 times the usual"


def test_a_pose_with_a_rival_is_ambiguous_and_the_rival_is_named():
    rival = Rival(Pose(np.eye(3), np.array([-8.0, 0.0, 0.0])), 150, 8.0, 3.2)
    verdict = judged(GOOD, rival=rival)
    assert verdict.status == "rejected" and verdict.confidence <= 0.5
    assert verdict.reason == (
        "ambiguous: 200 of 400 keypoints agree, but 150 agree with a pose at (8, 0, 0), 8 m away and turned by 3 deg"
    )


def test_rivals_are_only_sought_for_poses_that_are_trusted_else():
    asked = []
    result = PnpResult(Pose.identity(), np.arange(400) < 200, "")
    for precision in (Precision(None, 5.0, "m"), Precision(GOOD, 5.0, "m")):
        judge(result, precision, 20, ACCEPTANCE, VERDICT, lambda: asked.append(True))
    assert asked == [True]


def images(accepted, wrong):
    return ValidationImages(24, accepted, 0.5, 0.4, 0.1, 1.0, wrong)


@pytest.mark.parametrize(
    ("accepted", "wrong", "status"),
    [(24, 0, "ok"), (24, 1, "ok"), (24, 4, "ok"), (24, 5, "rejected"), (5, 1, "ok"), (2, 1, "ok"), (1, 1, "rejected")],
)
@pytest.mark.parametrize("kind", ["validation", "mapping"])
def test_a_map_that_misplaces_its_own_images_is_not_trusted(accepted, wrong, status, kind):
    found = images(accepted, wrong)
    acceptance = Acceptance(0.1, 0.8, validation=found if kind == "validation" else None)
    acceptance = replace(acceptance, mapping=found if kind == "mapping" else None)
    verdict = judged(GOOD, acceptance=acceptance)
    assert verdict.status == status
    assert (acceptance.misled is not None) == (status == "rejected")
    if status == "rejected":
        assert f"of {accepted} of its own images that it was sure of, {wrong} were put where they were not" in verdict.reason
        assert verdict.confidence <= 1 - wrong / accepted


def test_a_map_that_is_unsure_of_most_of_its_own_images_is_lost():
    assert Acceptance(0.1, 0.8, validation=images(11, 0)).lost is not None
    assert Acceptance(0.1, 0.8, validation=images(12, 0)).lost is None
    assert Acceptance(0.1, 0.8).lost is None
