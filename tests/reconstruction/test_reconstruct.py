"""Images without poses become a scene: poses, the account of what failed, scale, interruption."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from PIL import Image
from support.image_files import image_pixels
from support.image_walk import write_walk

from trigpoint.cli import run
from trigpoint.core.errors import ImageError, SceneError
from trigpoint.core.interrupt import Interrupted, StopRequest
from trigpoint.core.job import Job, JobControl, open_job
from trigpoint.formats.readers import open_scene
from trigpoint.reconstruction import build
from trigpoint.reconstruction.account import ALONE, APART, BLANK, UNSURE, account_for, largest_group
from trigpoint.reconstruction.build import reconstruct
from trigpoint.reconstruction.database import create_database, keypoint_counts
from trigpoint.reconstruction.features import extract_features
from trigpoint.reconstruction.images import SourceImage, image_paths, read_headers
from trigpoint.reconstruction.mapper import run_mapper
from trigpoint.reconstruction.options import ReconstructionOptions
from trigpoint.reconstruction.pairs import choose_pairs, nearest_in_space, nearest_pairs, sequential_pairs
from trigpoint.reconstruction.placement import MIN_POINTS, outside_the_largest_group, take_out_weak_images
from trigpoint.reconstruction.scale import (
    check_scale_options,
    metres_from_gps,
    scale_from_distance,
    scale_from_gps,
    similarity_between,
)

NEGATIVE, BLANK_IMAGE = "other.jpg", "wall.jpg"


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    """Folder with 12 images of a room, one of another scene and a plain wall; the true camera centres."""
    folder = tmp_path_factory.mktemp("images")
    centres = write_walk(folder)
    Image.fromarray(image_pixels(320, 240, seed=5)).save(folder / NEGATIVE)
    Image.fromarray(np.full((240, 320, 3), 180, np.uint8)).save(folder / BLANK_IMAGE)
    return folder, centres


@pytest.fixture(scope="module")
def finished(walk, tmp_path_factory):
    """A reconstruction in metres: (report, scene, true centres)."""
    folder, centres = walk
    names = sorted(centres)
    distance = float(np.linalg.norm(centres[names[0]] - centres[names[-1]]))
    options = ReconstructionOptions(scale_distance=(names[0], names[-1], distance), threads=1)
    output = tmp_path_factory.mktemp("scene") / "room"
    report = reconstruct(folder, output, options=options)
    return report, open_scene(output), centres


def test_poses_are_recovered(finished):
    report, scene, centres = finished
    assert set(report.registered) == set(centres)
    found = np.array([frame.pose().centre() for frame in scene.frames])
    true = np.array([centres[frame.name] for frame in scene.frames])
    errors = np.linalg.norm(similarity_between(found, true).apply(found) - true, axis=1)
    assert errors.max() < 0.03 * np.linalg.norm(np.ptp(true, axis=0))


def test_a_known_distance_makes_the_scene_metric(finished):
    report, scene, centres = finished
    first, second = sorted(centres)[0], sorted(centres)[-1]
    poses = {frame.name: frame.pose().centre() for frame in scene.frames}
    assert scene.metric and report.metric
    assert np.linalg.norm(poses[first] - poses[second]) == pytest.approx(np.linalg.norm(centres[first] - centres[second]))
    assert any(line.startswith("metric:") for line in report.lines())


def test_images_share_a_camera_and_are_not_copied(finished, walk):
    report, scene, _ = finished
    assert report.cameras == 1
    assert report.image_files == "hard links"
    assert scene.frames[0].image_path.samefile(walk[0] / scene.frames[0].name)


def test_unplaced_images_are_named_with_reasons(finished):
    report, scene, _ = finished
    reasons = {item.name: item.reason for item in report.unregistered}
    assert reasons == {NEGATIVE: ALONE, BLANK_IMAGE: BLANK} or reasons == {NEGATIVE: BLANK, BLANK_IMAGE: BLANK}
    text = "\n".join(report.lines())
    assert NEGATIVE in text and "not registered: 2 images" in text
    assert any("2" in problem.message and problem.severity == "note" for problem in scene.problems)
    json.dumps(report.to_json(), allow_nan=False)


def test_nothing_is_left_beside_the_scene(finished):
    report, _, _ = finished
    assert [item.name for item in report.output.parent.iterdir()] == [report.output.name]
    assert sorted(item.name for item in report.output.iterdir()) == ["images", "sparse", "trigpoint.json"]


def divided_model(count, near, bridging):
    """A model of images, the first ``near`` of which see the even points, the others the odd and ``bridging`` even ones."""
    import pycolmap

    options = pycolmap.SyntheticDatasetOptions()
    options.num_rigs, options.num_cameras_per_rig, options.num_frames_per_rig = 1, 1, count
    options.num_points3D = 200
    model = pycolmap.synthesize_dataset(options)
    first = sorted(model.reg_image_ids())[:near]
    bridges = 0
    for number in sorted(model.point3D_ids()):
        bridges += number % 2 == 0
        # The track changes with each deletion.
        seen = [(element.image_id, element.point2D_idx) for element in model.point3D(number).track.elements]
        for image, keypoint in seen:
            ours = (image in first) == (number % 2 == 0)
            if not ours and not (number % 2 == 0 and bridges <= bridging) and model.exists_point3D(number):
                model.delete_observation(image, keypoint)
    return model, sorted(model.reg_image_ids())[near:]


@pytest.mark.parametrize(("bridging", "apart"), [(0, True), (MIN_POINTS - 1, True), (MIN_POINTS, False)])
def test_groups_that_share_too_few_points_are_not_one_scene(bridging, apart):
    model, others = divided_model(9, 6, bridging)
    found = outside_the_largest_group(model)
    assert found == (dict.fromkeys(others, bridging) if apart else {})
    weak = take_out_weak_images(model)
    assert set(weak) == set(found)
    assert model.num_reg_images() == (6 if apart else 9)
    assert outside_the_largest_group(model) == {}


def test_a_divided_model_of_the_global_mapper_calls_for_the_incremental_one(monkeypatch, tmp_path):
    models = {"global": divided_model(9, 6, 0)[0], "incremental": divided_model(9, 9, 0)[0]}

    def run_fake(mapper, work, *_):
        folder = work / mapper / "0"
        folder.mkdir(parents=True)
        models[mapper].write(folder)
        return [folder]

    pairs = {(first, second): 100 for second in range(1, 10) for first in range(1, second)}
    monkeypatch.setattr(build, "run_mapper", run_fake)
    monkeypatch.setattr(build, "verified_pairs", lambda _: pairs)
    images = [SourceImage(f"{number}.jpg", tmp_path / f"{number}.jpg", 4, 3) for number in range(1, 10)]
    run = build._Run(tmp_path, Job(tmp_path / "scene", tmp_path, JobControl()), ReconstructionOptions())
    placement = run._scene(tmp_path / "database.db", images)
    assert placement.mapper == "incremental" and len(placement.registered) == 9 and not placement.weak
    run = replace(run, options=ReconstructionOptions(mapper="global"))
    placement = run._scene(tmp_path / "database.db", images)
    assert len(placement.registered) == 6 and set(placement.weak) == {7, 8, 9}
    reasons = account_for(
        [p.name for p in images], placement.registered, placement.weak, dict.fromkeys(range(1, 10), 500), pairs
    )
    assert [item.reason for item in reasons] == [UNSURE] * 3
    assert "shares only 0 points with the finished scene" in reasons[0].detail


def test_a_model_without_images_has_no_groups():
    import pycolmap

    assert outside_the_largest_group(pycolmap.Reconstruction()) == {}


def test_broken_images(walk, tmp_path):
    """They are named; the others are registered, here from pairs by order and looks and by the incremental mapper."""
    folder = tmp_path / "images"
    shutil.copytree(walk[0], folder)
    whole = (folder / "walk 11.jpg").read_bytes()
    (folder / "walk 11.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "page.jpg").write_bytes(b"<html></html>")
    with pytest.raises(ImageError, match=r"TP-102.*page\.jpg.*--skip-invalid"):
        reconstruct(folder, tmp_path / "scene")
    options = ReconstructionOptions(skip_invalid=True, pairs="neighbours", mapper="incremental", threads=1)
    report = reconstruct(folder, tmp_path / "scene", options=options)
    messages = [problem.message for problem in report.left_out]
    assert [message.split(" is left out: ")[0] for message in messages] == ["page.jpg", "walk 11.jpg"]
    assert "TP-103" in messages[1]
    assert len(report.registered) >= 9 and "walk 11.jpg" not in report.registered and report.mapper == "incremental"
    assert report.images == 13 and "walk 11.jpg" not in {item.name for item in report.unregistered}
    assert not (tmp_path / "scene" / "images" / "walk 11.jpg").exists()
    assert not report.metric and not open_scene(tmp_path / "scene", skip_invalid=True).metric
    assert "not metric" in report.lines()[2]


def test_an_interrupted_run_continues(walk, tmp_path, monkeypatch):
    """Stopped at every stage in turn; nothing appears at the output before the end, and finished stages are kept."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name in sorted(walk[1])[:5]:
        shutil.copy2(walk[0] / name, folder / name)
    output, options = tmp_path / "scene", ReconstructionOptions(threads=1, mapper="incremental")
    for stage in ("extract_features", "match_pairs", "run_mapper", "write_scene"):
        with monkeypatch.context() as patch:
            patch.setattr(build, stage, partial(_raise, Interrupted()))
            with pytest.raises(Interrupted):
                reconstruct(folder, output, options=options)
        assert not output.exists()
    report = reconstruct(folder, output, options=options)
    assert report.resumed and len(report.registered) == 5
    assert not (tmp_path / "scene.work").exists()


def test_a_running_mapper_is_stopped(walk, tmp_path):
    stop = StopRequest()
    stop.requested = True
    began = time.monotonic()
    create_database(tmp_path / "database.db", read_headers(walk[0], image_paths(walk[0]))[0], "auto")
    with pytest.raises(Interrupted):
        run_mapper("incremental", tmp_path, 14, ReconstructionOptions(), stop)
    assert time.monotonic() - began < 100


def test_a_crash_of_the_mapper_is_an_error(tmp_path):
    (tmp_path / "database.db").write_bytes(b"no database")
    with pytest.raises(SceneError, match=r"TP-255.*mapper stopped"):
        run_mapper("incremental", tmp_path, 3, ReconstructionOptions(threads=1), StopRequest())


def test_other_images_start_anew(walk, tmp_path, monkeypatch):
    folder = tmp_path / "images"
    shutil.copytree(walk[0], folder)
    with monkeypatch.context() as patch:
        patch.setattr(build, "create_database", partial(_raise, Interrupted()))
        with pytest.raises(Interrupted):
            reconstruct(folder, tmp_path / "scene")
        (folder / BLANK_IMAGE).unlink()
        (tmp_path / "scene.work" / "database.db").write_text("of the images before")
        with pytest.raises(Interrupted):
            reconstruct(folder, tmp_path / "scene")
    assert not (tmp_path / "scene.work" / "database.db").exists()


def _raise(error, *_):
    raise error


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_images(walk, tmp_path, count):
    folder = tmp_path / "few"
    folder.mkdir()
    for name in sorted(walk[1])[:count]:
        shutil.copy2(walk[0] / name, folder / name)
    with pytest.raises(SceneError) as caught:
        reconstruct(folder, tmp_path / "scene")
    assert caught.value.code == ("TP-252" if count else "TP-251")
    assert not (tmp_path / "scene").exists()


def test_images_without_overlap(tmp_path):
    folder = tmp_path / "negatives"
    folder.mkdir()
    for seed in range(3):
        Image.fromarray(image_pixels(320, 240, seed=seed)).save(folder / f"{seed}.png")
    with pytest.raises(SceneError, match=r"TP-255.*none of the 3 images"):
        reconstruct(folder, tmp_path / "scene")
    assert not (tmp_path / "scene").exists()


def test_an_output_that_is_in_use_is_refused(walk, tmp_path):
    (tmp_path / "scene").mkdir()
    (tmp_path / "scene" / "notes.txt").write_text("mine")
    with pytest.raises(SceneError, match="TP-258"):
        reconstruct(walk[0], tmp_path / "scene")
    assert (tmp_path / "scene" / "notes.txt").read_text() == "mine"
    with (
        open_job(tmp_path / "other", JobControl(), SceneError("TP-258", "")),
        pytest.raises(SceneError, match=r"TP-258.*another"),
    ):
        reconstruct(walk[0], tmp_path / "other")


@pytest.mark.parametrize(
    "values",
    [
        {"frames": 2},
        {"every": 0.0},
        {"every": float("nan")},
        {"frames": 5, "every": 1.0},
        {"threads": -1},
        {"camera": "each"},
        {"scale_distance": ("a", "b", -1.0)},
        {"scale_distance": ("a", "a", 1.0)},
        {"scale_distance": ("a", "b", 1.0), "gps": True},
    ],
)
def test_impossible_options(values):
    with pytest.raises(SceneError, match="TP-259"):
        ReconstructionOptions(**values)


def test_frames_of_a_folder_are_refused(walk, tmp_path, capsys):
    assert run(["reconstruct", str(walk[0]), "-o", str(tmp_path / "scene"), "--frames", "9", "--quiet"]) == 2
    assert "TP-259" in capsys.readouterr().err
    assert run(["reconstruct", str(tmp_path / "nothing"), "-o", str(tmp_path / "scene"), "--quiet"]) == 2
    assert "TP-251" in capsys.readouterr().err


CENTRES = {"a": np.zeros(3), "b": np.array([1.0, 0, 0]), "c": np.array([0, 4.0, 0]), "d": np.array([0.0, 1e-6, 0])}


def test_scale_from_a_distance():
    scale = scale_from_distance(CENTRES, list(CENTRES), "a", "c", 10.0)
    assert scale.similarity.scale == pytest.approx(2.5)
    assert "a" in scale.how and scale.record["metres"] == 10


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [("a", "x", "not among"), ("lost", "a", "could not be registered"), ("a", "d", "same spot")],
)
def test_a_distance_that_cannot_be_used(first, second, says):
    with pytest.raises(SceneError, match=f"TP-256.*{says}"):
        scale_from_distance(CENTRES, [*CENTRES, "lost"], first, second, 1.0)


def _gps_walk(noise_m=0.0, count=12):
    """Camera centres in units of 5 m, in other axes, and their GPS positions near Zurich; one is wrong by a kilometre."""
    rng = np.random.default_rng(2)
    metres = rng.uniform(-40, 40, (count, 3)) * (1, 1, 0.1)
    noisy = metres + noise_m * rng.standard_normal((count, 3))
    noisy[-1] += (1000, 0, 0)
    per_degree = 6_371_000 * np.pi / 180
    degrees = [(47.37 + y / per_degree, 8.54 + x / per_degree / np.cos(np.deg2rad(47.37)), 400 + z) for x, y, z in noisy]
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    return metres @ (turn * np.sign(np.linalg.det(turn))) / 5, degrees


@pytest.mark.parametrize("noise_m", [0.0, 2.0])
def test_scale_from_gps(noise_m):
    centres, gps = _gps_walk(noise_m)
    found = scale_from_gps(centres, gps, seed=0)
    assert found.similarity.scale == pytest.approx(5, rel=0.02 if noise_m == 0 else 0.1)
    assert found.record["images"] == len(gps) - 1
    assert found.record["rms_m"] < 0.5 + 2 * noise_m


def test_gps_that_cannot_be_used():
    centres, gps = _gps_walk()
    with pytest.raises(SceneError, match=r"TP-257.*only 3"):
        scale_from_gps(centres[:3], gps[:3], seed=0)
    with pytest.raises(SceneError, match="TP-257"):
        scale_from_gps(centres, gps[3:] + gps[:3], seed=0)
    shaken = [(47.37, 8.54 + 1e-6 * index, None) for index in range(len(gps))]
    with pytest.raises(SceneError, match=r"TP-257.*extent"):
        scale_from_gps(centres, shaken, seed=0)


def test_gps_axes_are_east_north_up():
    metres = metres_from_gps([(0.0, 0.0, 0.0), (0.0, 0.001, 0.0), (0.001, 0.0, 0.0), (0.0, 0.0, 50.0)])
    assert metres == pytest.approx(np.array([[0, 0, 0], [111.32, 0, 0], [0, 110.57, 0], [0, 0, 50]]), abs=0.1)


def test_reasons():
    names = ["a", "b", "c", "blank", "alone", "x", "y", "weak"]
    keypoints = dict.fromkeys(range(1, 9), 900) | {4: 12}
    pairs = {(1, 2): 200, (1, 3): 90, (2, 3): 100, (2, 5): 9, (6, 7): 60, (3, 8): 20}
    reasons = {item.name: item for item in account_for(names, {1, 2, 3}, {8: 5}, keypoints, pairs)}
    expected = {"blank": BLANK, "alone": ALONE, "x": APART, "y": APART, "weak": UNSURE}
    assert {name: item.reason for name, item in reasons.items()} == expected
    assert "12 keypoints" in reasons["blank"].detail and "9 of 900" in reasons["alone"].detail
    assert "y, 60" in reasons["x"].detail and "5 points" in reasons["weak"].detail
    assert largest_group(8, pairs) == 4


def test_pairs_of_many_images():
    assert {(0, 1), (0, 10), (0, 16), (4, 20), (0, 512)} <= sequential_pairs(600)
    assert not {(0, 11), (1, 0), (599, 600)} & sequential_pairs(600)
    vectors = np.eye(4, dtype=np.float32)[[0, 1, 0, 1, 2]]
    assert {(0, 2), (1, 3)} <= nearest_pairs(vectors, 1)
    line = np.array([[0.0, 0, 0], [1, 0, 0], [10, 0, 0], [11.5, 0, 0]])
    assert nearest_in_space(line, 1) == {(0, 1), (2, 3)}


@pytest.mark.parametrize(("text", "code"), [("{", "TP-213"), ("{}", "TP-219"), ('{"metric": 1}', "TP-219")])
def test_a_damaged_note_on_the_scale(finished, tmp_path, text, code):
    scene = tmp_path / "copy"
    shutil.copytree(finished[0].output, scene)
    (scene / "trigpoint.json").write_text(text)
    with pytest.raises(SceneError, match=code):
        open_scene(scene)


def test_many_images_of_next_to_nothing_are_neighbours_by_name_alone(tmp_path):
    """Together they have thousands of keypoints, of too few kinds for a vocabulary."""
    pixels = np.zeros((96, 128), np.uint8)
    for x, y in np.random.default_rng(0).uniform((10, 10), (118, 86), (20, 2)).astype(int):
        pixels[y - 2 : y + 3, x - 2 : x + 3] = 255
    Image.fromarray(pixels).save(tmp_path / "dots.png")
    images = [SourceImage(f"{number:03}.png", tmp_path / "dots.png", 128, 96) for number in range(160)]
    create_database(tmp_path / "database.db", images, "shared")
    extract_features(tmp_path / "database.db", images, 1, StopRequest())
    assert sum(keypoint_counts(tmp_path / "database.db").values()) > 2048
    pairs = choose_pairs(tmp_path / "database.db", images, "auto", 0)
    assert {(1, 2), (1, 11), (150, 160)} <= set(pairs)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scale_distance": ("walk 00.jpg", "nowhere.jpg", 1.0)}, r"TP-256.*nowhere.jpg.*not among the images"),
        ({"scale_distance": ("nowhere.jpg", "walk 00.jpg", 1.0)}, r"TP-256.*nowhere.jpg"),
        ({"gps": True}, r"TP-257.*only 0 of 14 images have a GPS position"),
    ],
)
def test_a_scale_that_the_images_cannot_give_is_refused_before_any_work(options, words, walk, tmp_path, monkeypatch):
    def too_late(*_):
        raise AssertionError("work has begun")

    monkeypatch.setattr(build, "create_database", too_late)
    with pytest.raises(SceneError, match=words):
        reconstruct(walk[0], tmp_path / "scene", options=ReconstructionOptions(**options))
    assert not (tmp_path / "scene").exists()


def test_gps_positions_of_one_spot_are_refused_before_any_work(tmp_path):
    spot = (48.0, 2.0, 35.0)
    images = [SourceImage(f"{number}.jpg", tmp_path / f"{number}.jpg", 4, 3, gps=spot) for number in range(5)]
    with pytest.raises(SceneError, match=r"TP-257.*the same"):
        check_scale_options(ReconstructionOptions(gps=True), images)
    check_scale_options(ReconstructionOptions(gps=True), [replace(images[0], gps=(48.0, 2.001, 35.0)), *images])


def test_a_video_has_no_gps(tmp_path):
    (tmp_path / "walk.mp4").write_bytes(b"not looked at")
    with pytest.raises(SceneError, match=r"TP-257.*video"):
        reconstruct(tmp_path / "walk.mp4", tmp_path / "scene", options=ReconstructionOptions(gps=True))
