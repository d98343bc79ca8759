"""The localizer from Python: what it takes, what it answers, and who may share it."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from trigpoint.cli import run
from trigpoint.core.camera import Camera
from trigpoint.core.errors import GeometryError, ImageError, TrigpointError
from trigpoint.core.exif import Exif
from trigpoint.core.image import DecodedImage, read_image
from trigpoint.core.pose import Pose, centre_distance, rotation_angle_deg
from trigpoint.core.scene import Scene
from trigpoint.evaluation.evaluate import evaluate
from trigpoint.formats.readers import open_scene
from trigpoint.localization.localizer import Localizer
from trigpoint.localization.pnp import PinholeIntrinsics, reprojection_errors_px
from trigpoint.localization.pose_search import LocalizerOptions

pytestmark = pytest.mark.usefixtures("one_thread")

SETTINGS = ("--set", "features.short_side_px=240", "--set", "features.query_keypoints=500", "--quiet")


@pytest.fixture(scope="module")
def map_path(room, one_thread, tmp_path_factory):
    output = tmp_path_factory.mktemp("map") / "room.trig"
    assert run(["map", str(room), "-o", str(output), "--preset", "hierarchical", *SETTINGS]) == 0
    return output


@pytest.fixture(scope="module")
def localizer(map_path):
    return Localizer.load(map_path)


@pytest.fixture(scope="module")
def frames(room):
    return open_scene(room).for_mapping()[14:20]


def without_times(answer):
    """The answer as JSON, without what differs from run to run."""
    return json.dumps({**answer.to_json(), "timings_ms": None, "name": ""})


def test_an_image_in_every_form_gives_the_same_answer(localizer, frames):
    path, camera = frames[0].image_path, frames[0].camera
    with Image.open(path) as opened:
        gray, rgb = np.asarray(opened.convert("L")), np.asarray(opened.convert("RGB"))
        from_pillow = localizer.localize(opened, camera=camera)
        assert opened.size == (320, 240), "the caller's image stays as it is"
    answer = localizer.localize(path, camera=camera)
    assert answer.status == "ok" and answer.name == str(path)
    assert answer.inlier_ratio == answer.inliers / answer.points > 0.15
    assert without_times(localizer.localize(str(path), camera=camera)) == without_times(answer)
    assert without_times(from_pillow) == without_times(answer)
    assert from_pillow.name == "" and localizer.localize(gray, camera=camera, name="mine").name == "mine"
    # Pillow's decoder makes gray from JPEG's own brightness, and from RGB by weights: the same but for rounding.
    for pixels in (gray, rgb):
        other = localizer.localize(pixels, camera=camera)
        assert other.status == "ok"
        assert np.linalg.norm(other.cam_from_world.centre() - answer.cam_from_world.centre()) < 0.02


def test_turned_pillow_images_are_localized_upright(localizer, frames, tmp_path):
    with Image.open(frames[0].image_path) as opened:
        exif = Image.Exif()
        exif[0x0112] = 6
        opened.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as turned:
        answer = localizer.localize(turned, camera=frames[0].camera)
    assert answer.status == "ok"
    assert without_times(answer) == without_times(localizer.localize(tmp_path / "turned.png", camera=frames[0].camera))


@pytest.mark.parametrize(
    ("pixels", "code"),
    [
        (np.zeros((64, 64), np.float32), "TP-108"),
        (np.zeros((64, 64, 4), np.uint8), "TP-108"),
        (np.zeros((64,), np.uint8), "TP-108"),
        (np.zeros((0, 64), np.uint8), "TP-108"),
        (np.zeros((8, 64), np.uint8), "TP-107"),
        (Image.new("CMYK", (64, 64)), "TP-105"),
        (Image.new("F", (64, 64)), "TP-104"),
    ],
    ids=["float", "four channels", "line", "empty", "small", "CMYK", "depth"],
)
def test_arrays_that_are_no_images_are_refused(localizer, pixels, code):
    with pytest.raises(ImageError) as caught:
        localizer.localize(pixels)
    assert caught.value.code == code and caught.value.fix


def test_a_camera_may_be_a_rule_and_must_fit(localizer, frames):
    path, camera = frames[1].image_path, frames[1].camera
    told = localizer.localize(path, camera=camera)
    ruled = localizer.localize(path, camera=lambda width, height: camera.resized(width, height))
    assert without_times(told) == without_times(ruled) and told.camera_source == ruled.camera_source == "given"
    assert told.given_camera == camera
    with pytest.raises(GeometryError, match="TP-315"):
        localizer.localize(path, camera=Camera.pinhole(640, 480, 500))


def test_without_a_camera_the_focal_length_is_estimated(localizer, frames):
    pixels = read_image(frames[0].image_path).gray
    answer = localizer.localize(pixels)
    assert answer.camera_source == "estimated" and answer.given_camera is None
    assert answer.camera.pinhole_params()[0] == pytest.approx(frames[0].camera.pinhole_params()[0], rel=0.1)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_batch_answers_in_order_whatever_happens(localizer, frames, tmp_path, workers):
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    images = [frames[0].image_path, tmp_path / "broken.jpg", *(frame.image_path for frame in frames[1:])]
    answers = list(localizer.localize_batch(iter(images), frames[0].camera, workers))
    assert [answer.name for answer in answers] == [str(image) for image in images]
    assert [answer.status for answer in answers].count("failed") == 1
    broken = answers.pop(1)
    assert broken.status == "failed" and "TP-102" in broken.reason
    assert broken.map_id == localizer.map_id and broken.inlier_ratio == 0
    for answer, frame in zip(answers, frames, strict=True):
        assert without_times(answer) == without_times(localizer.localize(frame.image_path, camera=frames[0].camera))


def test_each_image_of_a_batch_may_have_its_own_camera(localizer, frames):
    images = [frame.image_path for frame in frames[:3]]
    wrong_size = Camera.pinhole(64, 48, 60)
    answers = list(localizer.localize_batch(images, [frames[0].camera, None, wrong_size]))
    assert answers[0].camera_source == "given" and answers[1].camera_source != "given"
    assert answers[2].status == "failed" and "TP-315" in answers[2].reason
    with pytest.raises(ValueError, match="shorter"):
        list(localizer.localize_batch(images, [frames[0].camera]))


def test_threads_may_share_a_localizer(localizer, frames):
    alone = [without_times(localizer.localize(frame.image_path, camera=frame.camera)) for frame in frames]
    with ThreadPoolExecutor(4) as pool:
        rounds = [pool.submit(localizer.localize, frame.image_path, camera=frame.camera) for frame in 4 * list(frames)]
        together = [without_times(answer.result()) for answer in rounds]
    assert together == 4 * alone


def test_a_localizer_can_be_pickled_by_its_file(map_path, frames, tmp_path):
    path = tmp_path / "copy.trig"
    path.write_bytes(map_path.read_bytes())
    options = LocalizerOptions()
    first = Localizer.load(path, options=replace(options, pnp=replace(options.pnp, threshold_px=7.0)))
    text = pickle.dumps(first)
    again = pickle.loads(text)  # noqa: S301 (our own bytes)
    answers = [each.localize(frames[0].image_path, camera=frames[0].camera) for each in (first, again)]
    assert without_times(answers[0]) == without_times(answers[1])
    assert again.options == first.options
    with pytest.raises(TrigpointError, match="TP-615"):
        pickle.dumps(Localizer(first.map, first.encoder))


def test_the_inliers_of_the_correspondences_are_those_of_the_answer(localizer, frames):
    for frame in frames:
        answer = localizer.localize(frame.image_path, camera=frame.camera)
        pairs = localizer.correspondences(frame.image_path, camera=frame.camera)
        count = len(pairs)
        assert pairs.keypoints_px.shape == (count, 2) and pairs.points_world.shape == (count, 3)
        assert pairs.descriptors.shape == (count, localizer.map.dim) and pairs.descriptors.dtype == np.float32
        assert count == answer.points and pairs.inliers.sum() == answer.inliers
        np.testing.assert_array_equal(pairs.cam_from_world.matrix(), answer.cam_from_world.matrix())
        assert pairs.camera == answer.camera
        assert np.isfinite(pairs.points_world[pairs.inliers]).all()
        # The image of 240 px is its own view, so its px are those of the errors.
        known = np.isfinite(pairs.points_world).all(axis=1)
        intrinsics = PinholeIntrinsics(*pairs.camera.pinhole_params())
        errors_px = reprojection_errors_px(
            pairs.cam_from_world, pairs.keypoints_px[known], pairs.points_world[known], intrinsics
        )
        np.testing.assert_allclose(pairs.errors_px[known], errors_px, atol=1e-6)
        assert np.isinf(pairs.errors_px[~known]).all()
        np.testing.assert_array_equal(pairs.inliers, pairs.errors_px < localizer.options.pnp.threshold_px)


def test_correspondences_of_a_known_pose(localizer, frames):
    frame = frames[0]
    pairs = localizer.correspondences(frame.image_path, camera=frame.camera, cam_from_world=frame.pose())
    assert pairs.cam_from_world is frame.pose() or np.array_equal(pairs.cam_from_world.matrix(), frame.pose().matrix())
    assert pairs.inliers.mean() > 0.15
    away = replace(frame.pose(), translation=frame.pose().translation + 100.0)
    assert localizer.correspondences(frame.image_path, camera=frame.camera, cam_from_world=away).inliers.sum() == 0


def test_images_without_a_pose_have_correspondences_without_inliers(localizer):
    blank = np.full((240, 320), 128, np.uint8)
    pairs = localizer.correspondences(blank, camera=Camera.pinhole(320, 240, 300))
    assert pairs.cam_from_world is None and not pairs.inliers.any()
    assert np.isinf(pairs.errors_px).all()
    assert localizer.localize(blank, camera=Camera.pinhole(320, 240, 300)).status == "failed"


def test_the_whole_map_is_on_the_device_that_was_asked_for(map_path, localizer, monkeypatch):
    monkeypatch.setattr("trigpoint.localization.localizer.load_encoder", lambda name, device: localizer.encoder)
    moved = Localizer.load(map_path, device="meta")
    tensors = [value for source in moved.map.sources.values() for value in vars(source).values() if torch.is_tensor(value)]
    assert tensors and {tensor.device.type for tensor in tensors} == {"meta"}


def test_warming_up_changes_nothing(localizer, frames):
    before = without_times(localizer.localize(frames[0].image_path, camera=frames[0].camera))
    localizer.warm_up()
    assert without_times(localizer.localize(frames[0].image_path, camera=frames[0].camera)) == before


def test_an_evaluation_does_not_time_a_first_image(localizer, frames, tmp_path, monkeypatch):
    warmed = []
    monkeypatch.setattr(Localizer, "warm_up", lambda self: warmed.append(self))
    evaluate(localizer, Scene(tmp_path, "nerfstudio", tuple(frames[:2]), metric=True), split="all")
    assert warmed == [localizer]


def test_a_query_imports_what_it_needs_and_no_more(map_path, frames):
    """Importing took most of the time of ``trigpoint localize``."""
    heavy = ["scipy", "kornia", "pycolmap", "sklearn", "rich", "matplotlib", "trigpoint.build"]
    command = ["localize", str(map_path), str(frames[0].image_path), "--camera", "262.5", "--quiet"]
    code = f"import sys; from trigpoint.cli import run; run({command!r}); print([n for n in {heavy!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    answer, imported = done.stdout.splitlines()
    assert json.loads(answer)["status"] == "ok"
    assert imported == "[]"


def turned(image, quarters):
    """The image turned counter-clockwise by quarters."""
    gray = np.ascontiguousarray(np.rot90(image.gray, quarters))
    return DecodedImage(gray, None, gray.shape[1], gray.shape[0])


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_turned_images_are_found_with_the_pose_of_the_image_as_given(localizer, frames, quarters):
    quarter = np.linalg.matrix_power(np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]), quarters)
    for frame in frames[:2]:
        image, pose = turned(read_image(frame.image_path), quarters), frame.pose()
        pose = Pose(quarter @ pose.rotation, quarter @ pose.translation)
        camera = Camera.pinhole(image.width, image.height, frame.camera.pinhole_params()[0])
        answer = localizer.localize(image, camera=camera)
        assert answer.status == "ok" and answer.camera == camera
        assert f"turned clockwise by {90 * quarters} degrees" in answer.reason
        assert centre_distance(answer.cam_from_world, pose) < 0.2 and rotation_angle_deg(answer.cam_from_world, pose) < 4
        found = localizer.correspondences(image, camera=camera)
        assert (found.keypoints_px < (image.width, image.height)).all()
        assert found.cam_from_world.translation == pytest.approx(answer.cam_from_world.translation)


def test_turning_can_be_switched_off_and_finds_nothing_in_noise(localizer, frames):
    upright = Localizer(localizer.map, localizer.encoder, LocalizerOptions(turns=False))
    assert upright.localize(turned(read_image(frames[0].image_path), 2)).status != "ok"
    noise = np.random.default_rng(0).integers(0, 256, (240, 320), dtype=np.uint8)
    assert localizer.localize(noise).status != "ok"
    assert localizer.localize(noise, camera=Camera.pinhole(320, 240, 260)).status != "ok"


@pytest.mark.parametrize("factor", [0.5, 2.0, 3.0])
def test_a_camera_that_was_given_and_does_not_fit_is_rejected(localizer, frames, factor):
    right_px = frames[0].camera.pinhole_params()[0]
    for frame in frames[:3]:
        answer = localizer.localize(frame.image_path, camera=Camera.pinhole(320, 240, factor * right_px))
        assert answer.status == "rejected" and answer.camera_source == "given" and answer.confidence <= 0.5
        assert f"contradict the camera that was given, focal length {factor * right_px:.0f} px" in answer.reason


def test_a_guessed_camera_makes_the_pose_less_certain(localizer, frames):
    image = read_image(frames[0].image_path)
    given = localizer.localize(image, camera=frames[0].camera)
    exif = Exif(focal_35mm=frames[0].camera.pinhole_params()[0] / 400 * np.hypot(36, 24))
    recorded, guessed = localizer.localize(replace(image, exif=exif)), localizer.localize(image)
    assert (given.camera_source, recorded.camera_source, guessed.camera_source) == ("given", "exif", "estimated")
    variances = [answer.covariance[3:, 3:].trace() for answer in (given, recorded, guessed)]
    assert variances == sorted(variances)
    assert centre_distance(guessed.cam_from_world, frames[0].pose()) < 3 * np.sqrt(variances[2])
