"""How a map localizes images of its own scene, whose poses are known: whether to trust its verdicts, and its precision.

Validation images, which were held out of the training, tell most. Maps of landmarks forget an image instead. Networks
cannot; what they say about the images that they learned is better than what they say about others, and where even that is
wrong, the map is of no use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from trigpoint.core.image import DecodedImage, read_image
from trigpoint.core.localization import OK, Localization
from trigpoint.core.pose import Pose, centre_distance, rotation_angle_deg
from trigpoint.core.scene import Frame
from trigpoint.features.local import LocalEncoder
from trigpoint.localization.localizer import Localizer
from trigpoint.localization.pose_search import LocalizerOptions
from trigpoint.mapping.acceptance import Acceptance, ValidationImages
from trigpoint.mapping.scene_map import SceneMap

# Distance beyond which a pose is wrong for every use: in metric scenes, and in others as fraction of the cameras' extent.
_WRONG_M, _WRONG_FRACTION, _WRONG_DEG = 0.5, 0.05, 10.0
# Median length of a vector of three normal variables, in units of the root of the sum of their variances.
_MEDIAN_ERROR = 0.89
# Of fewer answers the median says little. Ten times the usual errors leave nothing that is precise enough.
_SCALE_FROM, _LARGEST_SCALE = 5, 10.0
# Mapping images and negatives are measured upright; turned, negatives would have four tries.
AS_THEY_ARE = LocalizerOptions(turns=False)
# Quantile of validation images that must be sure of their pose: the worst fifth may be blurred or see a blank wall.
_LOW_QUANTILE = 0.2


def check_own_images(
    scene_map: SceneMap,
    encoder: LocalEncoder,
    learned: Sequence[tuple[int, Frame]],
    held_out: Sequence[Frame],
    advance: Callable[[], object],
) -> Acceptance:
    """The acceptance of a map, completed by what its own images come to.

    Args:
        scene_map: the map, with what its negatives came to.
        encoder: its local encoder.
        learned: some of its mapping images, each with its index.
        held_out: images of the scene that it did not learn.
        advance: called after each image.
    """
    acceptance = scene_map.acceptance
    queries: list[tuple[int | None, Frame]] = [*((None, frame) for frame in held_out), *learned]
    poses = [frame.pose() for _, frame in queries]
    answers = [_localized(scene_map, encoder, query, advance) for query in queries]
    unknown = len(held_out) if held_out and not scene_map.can_forget else len(queries)
    scale = error_scale(answers[:unknown], poses[:unknown])
    if scale > 1:
        acceptance = replace(acceptance, error_scale=scale)
        scaled = replace(scene_map, acceptance=acceptance)
        answers = [_localized(scaled, encoder, query, lambda: None) for query in queries]
    split = len(queries) if scene_map.can_forget else len(held_out)
    found = [
        validation_images(answers[part], poses[part], acceptance.tolerance) if poses[part] else None
        for part in (slice(split), slice(split, None))
    ]
    return replace(acceptance, validation=found[0], mapping=found[1])


def wrong_distance(frames: Sequence[Frame], *, metric: bool) -> float | None:
    """The distance beyond which a pose is wrong for every use, in the unit of the scene; None for cameras at one spot."""
    if metric:
        return _WRONG_M
    extent = float(np.linalg.norm(np.ptp([frame.pose().centre() for frame in frames], axis=0)))
    return float(f"{_WRONG_FRACTION * extent:.4g}") or None


def error_scale(answers: Sequence[Localization], poses: Sequence[Pose]) -> float:
    """How many times their standard deviations the poses of trusted answers are off in the median; at least 1."""
    errors = [
        centre_distance(answer.cam_from_world, pose) / float(np.sqrt(answer.covariance[3:, 3:].trace()))
        for answer, pose in zip(answers, poses, strict=True)
        if answer.status == OK and answer.cam_from_world is not None and answer.covariance is not None
    ]
    if len(errors) < _SCALE_FROM:
        return 1.0
    return round(float(np.clip(np.median(errors) / _MEDIAN_ERROR, 1.0, _LARGEST_SCALE)), 2)


def validation_images(
    answers: Sequence[Localization], poses: Sequence[Pose], tolerance: float | None = None
) -> ValidationImages:
    """What the answers for images of the scene come to.

    Args:
        answers: at least one, with the verdicts of a map whose acceptance is measured.
        poses: their true poses.
        tolerance: distance beyond which a pose is wrong, in the unit of the scene; None: no distance is.
    """
    accepted = [answer.inlier_ratio for answer in answers if answer.status == OK]
    errors = [
        (centre_distance(answer.cam_from_world, pose), rotation_angle_deg(answer.cam_from_world, pose))
        if answer.cam_from_world is not None
        else (np.inf, np.inf)
        for answer, pose in zip(answers, poses, strict=True)
    ]
    limit = np.inf if tolerance is None else tolerance
    wrong = [away > limit or angle > _WRONG_DEG for away, angle in errors]
    error, angle = np.median(errors, axis=0).tolist()
    has_pose = bool(np.isfinite(error))
    return ValidationImages(
        images=len(answers),
        accepted=len(accepted),
        median_inlier_ratio=round(float(np.median([answer.inlier_ratio for answer in answers])), 4),
        low_inlier_ratio=round(float(np.quantile(accepted, _LOW_QUANTILE)), 4) if accepted else 0.0,
        error=float(f"{error:.4g}") if has_pose else None,
        rotation_error_deg=float(f"{angle:.4g}") if has_pose else None,
        wrong=sum(answer.status == OK and off for answer, off in zip(answers, wrong, strict=True)),
    )


def read_query(frame: Frame, scene_map: SceneMap) -> DecodedImage:
    """An image of the scene, reduced to the size that the map wants."""
    return read_image(frame.image_path, short_side_px=scene_map.config.features.short_side_px)


def _localized(
    scene_map: SceneMap, encoder: LocalEncoder, query: tuple[int | None, Frame], advance: Callable[[], object]
) -> Localization:
    """The answer of the map about an image; about one of its own as if it had never seen it, where it can forget."""
    index, frame = query
    localizer = Localizer(scene_map if index is None else scene_map.without_image(index), encoder, AS_THEY_ARE)
    answer = localizer.localize(read_query(frame, scene_map), camera=frame.camera)
    advance()
    return answer
