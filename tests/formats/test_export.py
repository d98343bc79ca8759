"""Scenes, localized images and the points of maps in the formats of other programs."""

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from support.fake_localizer import level_pose
from support.fake_localizer import room as room_points
from support.fake_results import make_result, sample
from support.scene_files import poses, write_ace, write_colmap, write_image, write_nerfstudio, write_sevenscenes, write_tum
from support.tum_files import read_tum

from trigpoint.cli import run
from trigpoint.commands import map_export
from trigpoint.commands.map_export import export_map, write_picture
from trigpoint.core.camera import Camera, camera_model_names, parameter_names
from trigpoint.core.errors import ConfigError, OutputError
from trigpoint.core.localization import FAILED, OK, REJECTED
from trigpoint.core.pose import centre_distance, rotation_angle_deg
from trigpoint.core.scene import TEST, TRAIN, Frame, Scene
from trigpoint.formats.export.ply import ply_bytes
from trigpoint.formats.export.scene import export_scene
from trigpoint.formats.readers import open_scene
from trigpoint.localization.export_results import export_results
from trigpoint.localization.pointcloud import PointCloud
from trigpoint.localization.results import write_results
from trigpoint.report.point_picture import points_png

FOLDERS = ("colmap", "nerfstudio", "tum")
WRITERS = {
    "ace": write_ace,
    "7scenes": write_sevenscenes,
    "tum": write_tum,
    "nerfstudio": write_nerfstudio,
    "colmap": write_colmap,
}
# What the models of all cameras are tried with; k4 to k6 of FULL_OPENCV make it a model that transforms.json has not.
PARAMETERS = {"f": 60, "fx": 61, "fy": 59, "cx": 31, "cy": 25, "omega": 0.5, "alpha": 0.6, "beta": 1.1}
SMALL = {"k": 0.02, "k1": 0.03, "k2": -0.01, "k3": 0.004, "k4": -0.002, "p1": 1e-3, "p2": -2e-3}
IN_TRANSFORMS = {
    "SIMPLE_PINHOLE",
    "PINHOLE",
    "SIMPLE_RADIAL",
    "RADIAL",
    "OPENCV",
    "SIMPLE_FISHEYE",
    "FISHEYE",
    "SIMPLE_RADIAL_FISHEYE",
    "RADIAL_FISHEYE",
    "OPENCV_FISHEYE",
}


def camera_of(model):
    return Camera(model, 64, 48, tuple(float({**SMALL, **PARAMETERS}.get(name, 1e-3)) for name in parameter_names(model)))


def make_scene(folder, cameras, *, names=None, split=None, metric=True):
    names = names or [f"walk/{index}.png" for index in range(len(cameras))]
    frames = []
    for name, camera, pose in zip(names, cameras, poses(len(cameras)), strict=True):
        write_image(folder / name, (camera.width, camera.height))
        frames.append(Frame(name, folder / name, camera, pose, split))
    return Scene(folder, "made", tuple(frames), metric)


def assert_same(a, b):
    assert [frame.name for frame in a.frames] == [frame.name for frame in b.frames]
    assert a.metric == b.metric
    rays = np.array([[0.1, -0.2, 1.0], [-0.3, 0.2, 1.0], [0.0, 0.0, 1.0]])
    for one, other in zip(a.frames, b.frames, strict=True):
        assert centre_distance(one.pose(), other.pose()) < 1e-6
        assert rotation_angle_deg(one.pose(), other.pose()) < 1e-6
        assert (one.camera.width, one.camera.height) == (other.camera.width, other.camera.height)
        assert other.camera.project(rays) == pytest.approx(one.camera.project(rays), abs=1e-9)


@pytest.mark.parametrize("to", FOLDERS)
@pytest.mark.parametrize("source", WRITERS)
def test_every_format_to_every_other(source, to, tmp_path):
    WRITERS[source](tmp_path / "scene")
    scene = open_scene(tmp_path / "scene")
    if to == "tum":
        frames = tuple(replace(frame, camera=scene.frames[-1].camera) for frame in scene.frames)
        scene = replace(scene, frames=frames, metric=True)
    notes = export_scene(scene, tmp_path / "out", to)
    back = open_scene(tmp_path / "out")
    assert back.format == to
    assert_same(scene, back)
    assert all(frame.image_path.is_relative_to(tmp_path / "out") for frame in back.frames)
    tested = any(frame.split == TEST for frame in scene.frames)
    assert any("testing" in note for note in notes) == (tested and to != "nerfstudio")
    if to == "nerfstudio":
        assert [frame.split == TEST for frame in back.frames] == [frame.split == TEST for frame in scene.frames]
    assert any("Depth" in note for note in notes) == any(frame.depth_path for frame in scene.frames)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("model", camera_model_names())
def test_every_camera_model(model, tmp_path):
    scene = make_scene(tmp_path / "scene", [camera_of(model)] * 4)
    for to in ("colmap", "tum"):
        export_scene(scene, tmp_path / to, to)
        assert_same(scene, open_scene(tmp_path / to))
        assert open_scene(tmp_path / to).frames[0].camera == scene.frames[0].camera
    if model in IN_TRANSFORMS:
        export_scene(scene, tmp_path / "nerfstudio", "nerfstudio")
        assert_same(scene, open_scene(tmp_path / "nerfstudio"))
    else:
        with pytest.raises(OutputError, match=f"TP-821.*{model}.*walk/0.png"):
            export_scene(scene, tmp_path / "nerfstudio", "nerfstudio")
        assert not (tmp_path / "nerfstudio").exists()


def test_third_radial_coefficient_fits_transforms(tmp_path):
    camera = Camera("FULL_OPENCV", 64, 48, (60, 61, 31, 25, 0.03, -0.01, 1e-3, -2e-3, 0.004, 0, 0, 0))
    scene = make_scene(tmp_path / "scene", [camera] * 3)
    export_scene(scene, tmp_path / "out", "nerfstudio")
    assert_same(scene, open_scene(tmp_path / "out"))


def test_several_cameras(tmp_path):
    cameras = [camera_of("PINHOLE"), camera_of("OPENCV"), Camera.pinhole(80, 60, 70), camera_of("PINHOLE")]
    scene = make_scene(tmp_path / "scene", cameras)
    for to in ("colmap", "nerfstudio"):
        export_scene(scene, tmp_path / to, to)
        assert_same(scene, open_scene(tmp_path / to))
    assert (tmp_path / "colmap/sparse/0/cameras.bin").read_bytes()[0] == 3
    with pytest.raises(OutputError, match=r"TP-823.*OPENCV.*walk/1.png"):
        export_scene(scene, tmp_path / "tum", "tum")
    mixed = make_scene(tmp_path / "mixed", [camera_of("PINHOLE"), camera_of("FISHEYE")])
    with pytest.raises(OutputError, match=r"TP-821.*FISHEYE beside.*walk/1.png"):
        export_scene(mixed, tmp_path / "no", "nerfstudio")


def test_unknown_scale_stays_unknown(tmp_path):
    scene = make_scene(tmp_path / "scene", [camera_of("PINHOLE")] * 3, metric=False)
    for to in ("colmap", "nerfstudio"):
        export_scene(scene, tmp_path / to, to)
        assert not open_scene(tmp_path / to).metric
    assert any("--metric False" in note for note in export_scene(scene, tmp_path / "tum", "tum"))
    assert "unit: units" in (tmp_path / "tum/groundtruth.txt").read_text()


@pytest.mark.parametrize(
    ("name", "refusing"),
    [
        ("a b.png", {"tum", "ltvl"}),
        ("../out.png", {"colmap", "nerfstudio", "tum"}),
        ("a\\b.png", {"nerfstudio"}),
        ("küche.png", set()),
        ("a#1.png", {"tum"}),
    ],
)
def test_names(name, refusing, tmp_path):
    scene = make_scene(tmp_path / "deep/scene", [camera_of("PINHOLE")] * 2, names=[name, "z.png"])
    for to in ("colmap", "nerfstudio", "tum", "ltvl", "json"):
        if to in refusing:
            with pytest.raises(OutputError, match="TP-822"):
                export_scene(scene, tmp_path / to, to)
        else:
            export_scene(scene, tmp_path / to, to)
            if to in FOLDERS:
                assert {frame.name for frame in open_scene(tmp_path / to).frames} == {name, "z.png"}


def test_benchmark_file_and_json(tmp_path):
    scene = make_scene(tmp_path / "scene", [camera_of("OPENCV")] * 3, split=TRAIN)
    export_scene(scene, tmp_path / "a.txt", "ltvl")
    rows = [line.split() for line in (tmp_path / "a.txt").read_text().splitlines()]
    assert [row[0] for row in rows] == ["0.png", "1.png", "2.png"]
    pose = scene.frames[1].pose()
    assert np.array(rows[1][1:], float) == pytest.approx(np.concatenate([pose.quaternion_wxyz(), pose.translation]))
    export_scene(scene, tmp_path / "a.json", "json")
    document = json.loads((tmp_path / "a.json").read_text())
    image = document["images"][1]
    assert (document["units"], image["name"], image["split"]) == ("m", "walk/1.png", "train")
    assert image["camera"] == json.loads(json.dumps(scene.frames[1].camera.to_json()))
    assert image["cam_from_world"]["translation"] == pose.translation.tolist()
    same = replace(scene, frames=tuple(replace(f, name=f"{index}/x.png") for index, f in enumerate(scene.frames)))
    with pytest.raises(OutputError, match=r"TP-822.*3 times"):
        export_scene(same, tmp_path / "b.txt", "ltvl")


def test_image_files(tmp_path):
    scene = make_scene(tmp_path / "scene", [camera_of("PINHOLE")] * 3)
    for how in ("copy", "link", "none"):
        export_scene(scene, tmp_path / how, "colmap", images=how)
    copy, link = (tmp_path / how / "images/walk/0.png" for how in ("copy", "link"))
    assert copy.read_bytes() == link.read_bytes() == scene.frames[0].image_path.read_bytes()
    assert link.is_symlink() and not copy.is_symlink()
    assert not (tmp_path / "none/images").exists()


def test_outputs_that_are_taken(tmp_path):
    scene = make_scene(tmp_path / "scene", [camera_of("PINHOLE")] * 3)
    with pytest.raises(OutputError, match=r"TP-824.*not empty"):
        export_scene(scene, tmp_path / "scene", "colmap")
    (tmp_path / "empty").mkdir()
    export_scene(scene, tmp_path / "empty", "colmap")
    assert len(open_scene(tmp_path / "empty").frames) == 3
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="TP-824"):
        export_scene(scene, tmp_path / "file", "tum")
    for to in ("json", "ltvl"):
        with pytest.raises(OutputError, match="TP-824"):
            export_scene(scene, tmp_path / "empty", to)
    scene.frames[2].image_path.unlink()
    with pytest.raises(OutputError, match="TP-801"):
        export_scene(scene, tmp_path / "broken", "colmap")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file", "scene"]


def test_images_without_a_pose(tmp_path):
    scene = make_scene(tmp_path / "scene", [camera_of("PINHOLE")] * 3)
    lost = replace(scene, frames=(*scene.frames[:2], replace(scene.frames[2], cam_from_world=None)))
    assert export_scene(lost, tmp_path / "a", "nerfstudio") == ["Images without a pose, not exported: 1."]
    assert len(open_scene(tmp_path / "a").frames) == 2
    with pytest.raises(OutputError, match="TP-825"):
        export_scene(lost.with_frames(lost.frames[2:]), tmp_path / "b", "nerfstudio")


def read_ply(data):
    header, _, body = data.partition(b"end_header\n")
    count = int(header.split(b"element vertex ")[1].split()[0])
    values = np.frombuffer(body, np.dtype([("xyz", "<f8", 3), ("rgb", "u1", 3)]))
    assert len(values) == count
    return header.decode("ascii").splitlines(), values


def test_ply():
    xyz, rgb = room_points(50)
    lines, values = read_ply(ply_bytes(xyz, rgb, comment="one\ntwo ü"))
    assert lines[:3] == ["ply", "format binary_little_endian 1.0", "comment one two ?"]
    assert [line.split()[1:] for line in lines if line.startswith("property")] == [
        *(["double", axis] for axis in "xyz"),
        *(["uchar", name] for name in ("red", "green", "blue")),
    ]
    assert np.array_equal(values["xyz"], xyz) and np.array_equal(values["rgb"], rgb)
    assert len(read_ply(ply_bytes(xyz[:0], rgb[:0]))[1]) == 0


@pytest.fixture
def mapped(tmp_path):
    """A scene, and the points of its map as if they had been predicted."""
    scene = make_scene(tmp_path / "scene", [camera_of("PINHOLE")] * 4)
    frames = [replace(frame, split=TEST if index == 3 else TRAIN) for index, frame in enumerate(scene.frames)]
    return scene.with_frames(frames), PointCloud(*room_points(300))


def test_points_of_a_map(mapped, tmp_path):
    import pycolmap

    scene, points = mapped
    export_map(scene, points, tmp_path / "a.ply", "ply")
    write_picture(scene, points, tmp_path / "a.png")
    lines, values = read_ply((tmp_path / "a.ply").read_bytes())
    assert "comment implicit reconstruction, unit: metre" in lines
    assert np.array_equal(values["xyz"], points.xyz)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (1600, 1000)
    export_map(scene, points, tmp_path / "colmap", "colmap", split="train")
    model = pycolmap.Reconstruction(tmp_path / "colmap/sparse/0")
    assert (len(model.images), len(model.points3D)) == (3, 300)
    assert model.points3D[1].xyz == pytest.approx(points.xyz[0])
    assert model.points3D[300].color.tolist() == points.rgb[299].tolist()
    export_map(scene, points, tmp_path / "ns", "nerfstudio")
    document = json.loads((tmp_path / "ns/transforms.json").read_text())
    assert len(read_ply((tmp_path / "ns" / document["ply_file_path"]).read_bytes())[1]) == 300
    assert document["train_filenames"] == [f"walk/{index}.png" for index in range(3)]
    assert document["val_filenames"] == document["test_filenames"] == ["walk/3.png"]
    export_map(scene, points, tmp_path / "a.json", "json", split="test")
    assert len(json.loads((tmp_path / "a.json").read_text())["images"]) == 1


def test_picture_shows_the_points():
    xyz, rgb = room_points(4000)
    cameras = [level_pose((x, 0, 1.5), heading) for x, heading in ((-2, 0), (2, 90), (0, 180))]
    image = np.array(Image.open(BytesIO(points_png(xyz, rgb, cameras))))
    red = (image[..., 0] > 100) & (image[..., 1] < 30) & (image[..., 2] < 30)
    assert red.sum() > 200
    assert np.median(image) == 250


def test_points_that_fit_nothing(tmp_path, monkeypatch):
    empty = PointCloud(np.zeros((0, 3)), np.zeros((0, 3), np.uint8))

    monkeypatch.setattr(map_export, "implicit_points", lambda *_, **__: empty)
    write_nerfstudio(tmp_path / "other")
    with pytest.raises(OutputError, match=r"TP-825.*other"):
        map_export.read_points(SimpleNamespace(map=None, encoder=None), open_scene(tmp_path / "other"))


@pytest.fixture
def results(tmp_path):
    path = tmp_path / "results.jsonl"
    write_results(path, sample(), "jsonl")
    return path


def test_results_to_nerfstudio(results, tmp_path):
    assert export_results(results, tmp_path / "a", "nerfstudio") == (2, 4)
    document = json.loads((tmp_path / "a/transforms.json").read_text())
    assert [frame["file_path"] for frame in document["frames"]] == ["b/x.jpg", "d.jpg"]
    assert {left["file_path"] for left in document["not_written"]} == {"a.jpg", "c.jpg"}
    for result in sample():
        if result.status != FAILED:
            write_image(tmp_path / "a" / result.name, (result.camera.width, result.camera.height))
    scene = open_scene(tmp_path / "a")
    wanted = {result.name: result for result in sample()}
    for frame in scene.frames:
        assert centre_distance(frame.pose(), wanted[frame.name].cam_from_world) < 1e-9
        assert frame.camera == wanted[frame.name].camera
    assert export_results(results, tmp_path / "b.json", "nerfstudio", include_rejected=True) == (3, 4)
    assert len(json.loads((tmp_path / "b.json").read_text())["frames"]) == 3


def test_results_to_the_others(results, tmp_path):
    import pycolmap

    export_results(results, tmp_path / "colmap", "colmap")
    assert {image.name for image in pycolmap.Reconstruction(tmp_path / "colmap").images.values()} == {"b/x.jpg", "d.jpg"}
    export_results(results, tmp_path / "a.txt", "tum")
    assert list(read_tum(tmp_path / "a.txt")) == ["b/x.jpg", "d.jpg"]
    export_results(results, tmp_path / "b.txt", "ltvl")
    assert [line.split()[0] for line in (tmp_path / "b.txt").read_text().splitlines()] == ["x.jpg", "d.jpg"]
    export_results(results, tmp_path / "a.json", "json")
    statuses = [each["status"] for each in json.loads((tmp_path / "a.json").read_text())["images"]]
    assert statuses == [OK, FAILED, REJECTED, OK]


def test_results_with_nothing_to_export(tmp_path):
    path = tmp_path / "r.jsonl"
    write_results(path, [make_result("a.jpg", 1, REJECTED, "no")], "jsonl")
    with pytest.raises(OutputError, match="TP-825"):
        export_results(path, tmp_path / "out", "colmap")
    camera = Camera("FOV", 64, 48, (60, 60, 32, 24, 0.5))
    write_results(path, [make_result("a.jpg", 1, camera=camera)], "jsonl")
    with pytest.raises(OutputError, match=r"TP-821.*FOV.*a.jpg"):
        export_results(path, tmp_path / "out", "nerfstudio")
    assert not (tmp_path / "out").exists()


def test_the_verb(tmp_path, capsys, results):
    write_nerfstudio(tmp_path / "scene")
    document = tmp_path / "results.json"
    out = tmp_path / "out"
    assert run(["export", str(tmp_path / "scene"), "--to", "colmap", "-o", str(out), "--json", str(document)]) == 0
    assert "8 images" in capsys.readouterr().out
    assert json.loads(document.read_text()) == {"output": str(out), "format": "colmap", "images": 8, "notes": []}
    assert len(open_scene(out).frames) == 8
    assert run(["export", str(results), "--to", "tum", "-o", str(tmp_path / "r.txt")]) == 0
    printed = capsys.readouterr()
    assert "2 images" in printed.out and "not" not in printed.out and "trusted: 2" in printed.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["m.trig", "--to", "ply"], "TP-761"),
        (["scene", "--to", "ply"], "TP-762"),
        (["r.jsonl", "--to", "ply"], "TP-762"),
        (["scene", "--to", "colmap", "--picture", "x.png"], "TP-762"),
        (["scene", "--to", "colmap", "--scene", "scene"], "TP-762"),
        (["scene", "--to", "colmap", "--max-images", "3"], "TP-762"),
        (["m.trig", "--scene", "scene", "--to", "ply", "--max-images", "-1"], "TP-702"),
        (["nowhere", "--to", "colmap"], "TP-201"),
        (["r.jsonl", "--to", "colmap"], "TP-805"),
    ],
)
def test_command_lines_that_make_no_sense(arguments, code, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(["export", *arguments, "-o", "out"]) == 2
    assert f"error {code}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_option_errors_are_config_errors(tmp_path):
    from trigpoint.commands.export import ExportOptions

    with pytest.raises(ConfigError):
        ExportOptions("ply", tmp_path / "x").check(Path("m.trig"))
