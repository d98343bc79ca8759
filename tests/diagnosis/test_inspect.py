"""The checks find what is wrong with a scene, and nothing in a good one."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation
from support.scene_files import data_folder

from trigpoint.core.camera import Camera
from trigpoint.core.pose import Pose
from trigpoint.core.scene import Frame, Scene
from trigpoint.diagnosis import inspect
from trigpoint.diagnosis.inspect import ImageCounts, SceneReport, describe_scene
from trigpoint.diagnosis.neighbours import nearest_images
from trigpoint.diagnosis.pose_check import PoseCheck, check_poses
from trigpoint.diagnosis.pose_verdict import require_fitting_poses
from trigpoint.diagnosis.two_view import VerifiedPair
from trigpoint.formats.conventions import AS_THEY_ARE, CONVENTIONS, read_poses_as, reread
from trigpoint.formats.readers import open_scene
from trigpoint.synthetic.scene import SyntheticConfig, write_synthetic_scene

WIDTH, HEIGHT = 320, 240
CAMERA = Camera("OPENCV", WIDTH, HEIGHT, (280.0, 290.0, 155.0, 124.0, -0.1, 0.02, 0.001, -0.002))
DEPTH = 4.0
PX_PER_UNIT = 100.0


def pose(index: int) -> Pose:
    """Cameras before a wall at z = 0, at two heights, coming closer, turned about all axes."""
    yaw, pitch, roll = np.deg2rad([12.0 * (index % 3 - 1), 8.0 * (index % 2), 15.0 * (index % 4 - 1.5)])
    turn = Rotation.from_euler("zxy", [roll, pitch, yaw]).as_matrix()
    centre = np.array([0.3 * index, 0.4 * (index % 2), -DEPTH + 0.15 * (index % 5)])
    return Pose(turn, -turn @ centre)


@cache
def wall() -> np.ndarray:
    rng = np.random.default_rng(3)
    coarse = [cv2.resize(rng.uniform(0, 255, (size, 2 * size)), (1200, 600)) for size in (8, 30, 100, 300)]
    return np.mean(coarse, axis=0).astype(np.uint8)


def image(cam_from_world: Pose) -> np.ndarray:
    """What the camera sees of the wall, lens distortion included."""
    pixels = np.stack(np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5), axis=-1).reshape(-1, 2)
    undistorted = CAMERA.undistort(pixels)
    rays = np.column_stack([undistorted, np.ones(len(pixels))]) @ np.linalg.inv(CAMERA.matrix()).T
    rays = rays @ cam_from_world.rotation
    centre = cam_from_world.centre()
    points = centre + rays * (-centre[2] / rays[:, 2])[:, None]
    # The wall's texture begins at (-3, -3).
    texels = ((points[:, :2] + 3) * PX_PER_UNIT).astype(np.float32).reshape(HEIGHT, WIDTH, 2)
    return cv2.remap(wall(), texels[..., 0], texels[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    root = tmp_path_factory.mktemp("wall")
    frames = []
    for index in range(14):
        path = root / f"{index:02d}.png"
        Image.fromarray(image(pose(index))).save(path)
        frames.append(Frame(path.name, path, CAMERA, pose(index), split="train" if index % 4 else "test"))
    return Scene(root, "made", tuple(frames), metric=True)


@pytest.fixture
def unmatched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves the slowest check out of tests of the others."""
    monkeypatch.setattr(inspect, "check_scene", lambda scene, frames: {"": PoseCheck(0.3, 8, 8, 8, 8)})


def messages(report: SceneReport) -> str:
    return "\n".join(f"{problem.severity}: {problem.message}" for problem in report.problems)


def swapped(scene: Scene, index: int, **changes: object) -> Scene:
    frames = list(scene.frames)
    frames[index] = replace(frames[index], **changes)
    return scene.with_frames(frames)


def test_a_good_scene_has_no_problems(good):
    report = describe_scene(good)
    assert report.problems == ()
    assert report.exit_code() == 0
    assert report.images == ImageCounts(total=14, posed=14, train=10, test=4, portrait=0, sequences=1)
    assert report.cameras == (("OPENCV 320x240", 14),)
    assert report.positions.extent == pytest.approx((0.3 * 13, 0.4, 0.6))
    assert report.positions.step is not None and 0.3 < report.positions.step < 2
    assert report.epipolar is not None and report.epipolar.median_px is not None
    assert report.epipolar.pairs == report.epipolar.tried >= 6
    assert report.epipolar.median_px < 0.3
    text = str(report.facts())
    assert "14, 14 with a pose" in text
    assert " m between the cameras" in text
    assert json.loads(json.dumps(report.to_json(), allow_nan=False))["epipolar"]["pairs"] == report.epipolar.pairs


def with_camera(scene: Scene, camera: Camera) -> Scene:
    return scene.with_frames(replace(frame, camera=camera) for frame in scene.frames)


def written_as(scene: Scene, convention: str) -> Scene:
    """The scene as it is read if its file has another convention than its format, which has world-to-camera matrices."""
    frames = [replace(frame, cam_from_world=reread(frame.pose(), convention, "opencv-w2c")) for frame in scene.frames]
    return scene.with_frames(frames)


def shifted_by_one(scene: Scene) -> Scene:
    others = [*scene.frames[1:], scene.frames[0]]
    pairs = zip(scene.frames, others, strict=True)
    return scene.with_frames(replace(frame, image_path=other.image_path) for frame, other in pairs)


@pytest.mark.parametrize("convention", [name for name in CONVENTIONS if name != "opencv-w2c"])
def test_the_convention_that_fits_is_found(convention, good):
    check = check_poses(written_as(good, convention).frames, "opencv-w2c", anchors=4)
    assert not check.fits
    assert (check.explained, check.convention, check.explained_then) == (0, convention, 4)


def test_the_convention_that_fits_is_named(good):
    wrong = written_as(good, "opengl-c2w")
    report = describe_scene(wrong)
    assert "error: The poses do not fit the images: 0 of 8 pairs of images agree with them" in messages(report)
    assert "Give --poses opengl-c2w to read them so" in messages(report)
    assert report.exit_code() == 1
    json.dumps(report.to_json(), allow_nan=False)
    as_it_is = describe_scene(read_poses_as(wrong, AS_THEY_ARE))
    assert "warning: The poses do not fit the images" in messages(as_it_is) and as_it_is.exit_code() == 0
    right = read_poses_as(wrong, "opengl-c2w")
    assert require_fitting_poses(right, right.frames) == ""


def test_poses_of_other_images_fit_in_no_convention(good):
    report = describe_scene(shifted_by_one(good))
    assert "error: The poses do not fit the images" in messages(report)
    assert "Check that poses, cameras and images belong together; --poses as-they-are" in messages(report)


def test_one_wrong_pose_is_named(good):
    turn = Pose(Rotation.from_euler("x", 9, degrees=True).as_matrix(), np.zeros(3))
    report = describe_scene(swapped(good, 7, cam_from_world=turn @ good.frames[7].pose()))
    assert "warning: Images with a pose that fits none of their neighbours: 1 (07.png)." in messages(report)
    assert report.exit_code() == 0


def test_images_that_look_alike_prove_nothing(good):
    """Both ends of a facade look the same: images of one end match those of the other, and poses that differ are right."""
    frames = list(good.frames)
    frames[13] = replace(frames[13], image_path=frames[0].image_path)
    report = describe_scene(good.with_frames(frames))
    assert report.epipolar is not None and report.epipolar.fits
    assert report.exit_code() == 0


def late(scene: Scene, degrees: float) -> Scene:
    """The scene with poses that are turned a little, each in another direction, as those of a device that is late."""
    frames = []
    for index, frame in enumerate(scene.frames):
        turn = Rotation.from_euler("x", degrees * (-1) ** index, degrees=True).as_matrix()
        frames.append(replace(frame, cam_from_world=Pose(turn, np.zeros(3)) @ frame.pose()))
    return scene.with_frames(frames)


def test_poses_of_a_device_that_is_late_are_not_called_wrong(good):
    """A hand-held camera that is turned fast: 3 to 9 px off, and in no convention less."""
    check = check_poses(late(good, 0.9).frames, "opencv-w2c")
    assert check.median_px is not None and 2 < check.median_px < 10
    assert check.fits and not check.contradicted and check.convention is None
    inverted = check_poses(written_as(late(good, 0.9), "opengl-c2w").frames, "opencv-w2c")
    assert not inverted.fits and inverted.convention == "opengl-c2w"


def test_poses_of_images_that_do_not_match_are_not_judged(good, tmp_path):
    generator = np.random.default_rng(4)
    frames = []
    for frame in written_as(good, "opengl-c2w").frames:
        path = tmp_path / frame.name
        Image.fromarray(generator.integers(0, 255, (HEIGHT, WIDTH), dtype=np.uint8)).save(path)
        frames.append(replace(frame, image_path=path))
    report = describe_scene(good.with_frames(frames))
    assert "poses and focal length were not checked" in messages(report) and report.exit_code() == 0


@pytest.mark.parametrize("seed", [0, 1])
def test_poses_in_rooms_that_look_alike_are_not_called_wrong(seed, tmp_path):
    """Half of the pairs that match show two different rooms."""
    write_synthetic_scene(tmp_path, SyntheticConfig("look-alikes", seed, width=320, height=240, n_train=30, n_test=1))
    check = check_poses(open_scene(tmp_path).frames, "opengl-c2w")
    assert check.far >= 4
    assert check.fits and check.wrong_images == ()


def test_each_scene_of_a_joint_one_is_checked(good):
    def part(name: str, scene: Scene) -> list[Frame]:
        return [replace(frame, name=f"{name}/{frame.name}") for frame in scene.frames]

    frames = [*part("east", good), *part("north", good), *part("west", written_as(good, "opengl-w2c"))]
    report = describe_scene(replace(good, format="joint").with_frames(frames))
    assert "error: The poses of west do not fit the images" in messages(report)
    assert "'trigpoint info' of the folder of west" in messages(report)
    assert len([problem for problem in report.problems if problem.severity == "error"]) == 1


def test_wrong_focal_length_is_noticed(good):
    wrong = with_camera(good, replace(CAMERA, params=(450.0, 450.0, *CAMERA.params[2:])))
    assert "focal lengths may be wrong" in messages(describe_scene(wrong))


def test_the_distortion_is_used(good):
    straight = with_camera(good, Camera("PINHOLE", WIDTH, HEIGHT, CAMERA.params[:4]))
    with_lens, without = (check_poses(scene.frames, "opencv-w2c", anchors=3) for scene in (good, straight))
    assert with_lens.median_px is not None and without.median_px is not None
    assert without.median_px > 2 * with_lens.median_px


@pytest.mark.parametrize("depth", [1.0, -1.0])
def test_distances_from_epipolar_lines(depth, good):
    """Of exact points, before both cameras or behind them, and of a move that is not the one of the poses."""
    points = np.random.default_rng(0).uniform((-1, -1, -0.5), (1, 1, 0.5), (20, 3))
    first, second = good.frames[0].pose(), good.frames[2].pose()
    seen = [depth * pose.apply(points) for pose in (first, second)]
    a, b = (rays / rays[:, 2:] for rays in seen)
    pair = VerifiedPair(0, 1, a, b, (280.0, 280.0))
    relative = second @ first.inverse()
    assert pair.distance_px(relative) < 1e-9 and not pair.is_behind(relative)
    assert pair.is_behind(Pose(relative.rotation, -relative.translation))
    sideways = Pose(relative.rotation, relative.translation + np.array([0.0, 1.0, 0.0]))
    assert pair.distance_px(sideways) > 3
    # Without a move the rotation alone tells where a keypoint goes.
    turned = Pose(relative.rotation, np.zeros(3))
    assert pair.distance_px(turned) > 3 and not pair.is_behind(turned)
    there = a @ turned.rotation.T
    assert VerifiedPair(0, 1, a, there / there[:, 2:], (280.0, 280.0)).distance_px(turned) < 1e-9


@pytest.mark.usefixtures("unmatched")
def test_bad_images_are_named(good, tmp_path):
    pixels = np.asarray(Image.open(good.frames[3].image_path))
    pictures = {
        3: cv2.GaussianBlur(pixels, (0, 0), 4),
        5: (pixels * 0.05).astype(np.uint8),
        7: np.full_like(pixels, 255),
    }
    scene = good
    for index, values in pictures.items():
        path = tmp_path / f"{index}.png"
        Image.fromarray(values).save(path)
        scene = swapped(scene, index, image_path=path)
    damaged = tmp_path / "9.png"
    damaged.write_bytes(good.frames[9].image_path.read_bytes()[:2000])
    report = describe_scene(swapped(scene, 9, image_path=damaged))
    assert report.pictures.blurry == ("03.png",)
    assert report.pictures.dark == ("05.png",)
    assert report.pictures.overexposed == ("07.png",)
    assert [name for name, _ in report.pictures.damaged] == ["09.png"]
    assert report.problems[0].severity == "error"
    assert report.exit_code() == 1
    assert all(f"{index:02d}.png" in messages(report) for index in (3, 5, 7, 9))


@pytest.mark.usefixtures("unmatched")
def test_a_lonely_image_is_named(good):
    lonely = swapped(good, 6, cam_from_world=Pose(np.eye(3), np.array([30.0, 0, 4])))
    assert "warning: Images far from all others" in messages(describe_scene(lonely))
    assert "1 of 14 (06.png)" in messages(describe_scene(lonely))


def part_of_joint(good, name, step, count):
    """A row of images, ``step`` apart, that look in directions which differ as much as the steps do."""
    return [
        replace(
            good.frames[0],
            name=f"{name}/{index:03d}.png",
            cam_from_world=Pose.from_quaternion(quaternion, (index * step, 0, 0)),
        )
        for index in range(count)
        for quaternion in [(np.cos(0.1 * index * step), 0.0, np.sin(0.1 * index * step), 0.0)]
    ]


@pytest.mark.usefixtures("unmatched")
def test_distances_are_compared_within_each_scene_of_a_joint_one(good):
    """A video beside few single images: far is what is far for its own scene."""
    dense, sparse = part_of_joint(good, "dense", 0.02, 40), part_of_joint(good, "sparse", 2.0, 8)
    joint = replace(good.with_frames([*dense, *sparse]), format="joint")
    assert "far from all others" not in messages(describe_scene(joint))
    assert "7 of 48 (sparse/001.png" in messages(describe_scene(replace(joint, format="test")))
    lost = replace(dense[20], cam_from_world=Pose(np.eye(3), np.array([0.4, 30.0, 0.0])))
    found = messages(describe_scene(joint.with_frames([*dense[:20], lost, *dense[21:], *sparse])))
    assert "1 of 48 (dense/020.png)" in found
    alone = replace(sparse[0], name="alone/000.png")
    assert "1 of 49 (alone/000.png)" in messages(describe_scene(joint.with_frames([*dense, *sparse, alone])))


@pytest.mark.usefixtures("unmatched")
@pytest.mark.parametrize(
    ("keep", "unposed", "words"),
    [(14, 14, "No image has a pose"), (14, 10, "only 4"), (4, 0, "only 4"), (14, 13, "only 1;"), (0, 0, "No image has")],
)
def test_too_few_poses_are_an_error(keep, unposed, words, good):
    frames = [
        replace(frame, cam_from_world=None) if index < unposed else frame for index, frame in enumerate(good.frames[:keep])
    ]
    report = describe_scene(good.with_frames(frames))
    assert words in messages(report)
    assert report.exit_code() == 1
    assert report.facts()


def test_images_from_one_point_are_an_error(good):
    same = good.with_frames(replace(frame, cam_from_world=pose(0)) for frame in good.frames)
    assert "error: All images were taken from one point" in messages(describe_scene(same))


@pytest.mark.usefixtures("unmatched")
def test_many_images_from_each_of_several_spots_are_no_error(good):
    """Ten images at each spot: the eight nearest of every image stand where it does."""
    shown = good.frames[0]
    frames = [
        replace(shown, name=f"{spot}-{turn}.png", cam_from_world=Pose(np.eye(3), np.array([spot, 0.0, turn * 0])))
        for spot in range(5)
        for turn in range(10)
    ]
    report = describe_scene(good.with_frames(frames))
    assert "one point" not in messages(report)
    assert report.exit_code() == 0


@pytest.mark.usefixtures("unmatched")
def test_many_cameras_are_summed_up_and_all_are_there_on_demand(good):
    frames = [
        replace(frame, camera=Camera.pinhole(WIDTH + 10 * (index // 2), HEIGHT + 10 * (index // 2), 300))
        for index, frame in enumerate(good.frames)
    ]
    report = describe_scene(good.with_frames(frames))
    cameras = [value for label, value in report.facts() if label == "camera"]
    assert len(cameras) == 4
    assert cameras[0].endswith("320x240: 2 images")
    assert cameras[3].startswith("4 others: 8 images, ") and "350x270 to 380x300 px" in cameras[3]
    assert len([label for label, _ in report.facts(all_cameras=True) if label == "camera"]) == 7
    assert len(report.to_json()["cameras"]) == 7


@pytest.mark.usefixtures("unmatched")
def test_unknown_scale_is_never_called_metres(good):
    report = describe_scene(replace(good, metric=False))
    assert "The scale is unknown" in messages(report)
    assert " units between" in dict(report.facts())["extent"]
    assert not any(" m " in value for _, value in report.facts())


def test_nearest_images_weigh_turns_and_moves():
    def turned(degrees: float, x: float) -> Pose:
        return Pose.from_quaternion([np.cos(np.deg2rad(degrees / 2)), 0, np.sin(np.deg2rad(degrees / 2)), 0], (x, 0, 0))

    near = nearest_images([turned(0, 0), turned(0, 1), turned(90, 0), turned(0, 0), turned(0, 0)], 4)
    assert near.index.shape == (5, 4)
    assert all(row not in near.index[row] for row in range(5))
    assert set(near.index[0, :2]) == {3, 4}
    assert near.angle_deg[2, 0] == pytest.approx(90)
    assert near.distance[0, :2] == pytest.approx(0)


@pytest.mark.parametrize(
    ("scene", "highest_px"),
    [
        ("redkitchen_ace", 1.0),
        ("fox_nerfstudio", 1.0),
        ("bonsai_colmap", 0.7),
        ("strecha_castle", 0.5),
        ("strecha_herzjesu", 0.5),
        ("south_building", 0.5),
        ("liberty48", 1.0),
        ("office_ace", 2.0),
    ],
)
def test_real_samples_fit(scene, highest_px):
    report = describe_scene(open_scene(data_folder(scene)))
    assert report.epipolar is not None and report.epipolar.median_px is not None
    assert report.epipolar.median_px < highest_px
    assert report.exit_code() == 0
    assert ("DSCF5650.JPG" in messages(report)) == (scene == "bonsai_colmap")
    assert "fit" not in messages(report)
    assert Path(report.root).name == scene


@pytest.mark.parametrize("convention", [name for name in CONVENTIONS if name != "opengl-c2w"])
def test_wrong_poses_of_a_real_scene_are_refused_with_the_convention_that_fits(convention):
    scene = open_scene(data_folder("fox_nerfstudio"))
    frames = [replace(frame, cam_from_world=reread(frame.pose(), convention, "opengl-c2w")) for frame in scene.frames[::2]]
    check = check_poses(frames, "opengl-c2w")
    assert (check.explained, check.convention) == (0, convention)
