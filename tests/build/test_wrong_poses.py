"""A scene whose poses do not fit its images is refused before the build, and a map made in spite of it says so."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.tiny_scene import CHEAP, settings

from trigpoint.cli import run
from trigpoint.commands import comparison
from trigpoint.commands.comparison import ComparisonTask
from trigpoint.core.errors import SceneError
from trigpoint.evaluation.evaluate import evaluate
from trigpoint.evaluation.retrieval import scene_task
from trigpoint.evaluation.splits import read_as_map
from trigpoint.formats.conventions import read_poses_as
from trigpoint.formats.readers import open_scene
from trigpoint.mapping.scene_map import load_map

pytestmark = pytest.mark.usefixtures("one_thread")

LANDMARKS = ("--preset", "hierarchical-compact", "--quiet", *settings(("features.short_side_px=160",)))
CHEAPLY = ("--quiet", *settings(CHEAP))


@pytest.fixture(scope="module")
def inverted(room, tmp_path_factory):
    """The room with world-to-camera matrices in OpenCV axes in its ``transforms.json``."""
    folder = tmp_path_factory.mktemp("scene") / "inverted"
    folder.mkdir()
    (folder / "images").symlink_to(room / "images")
    document = json.loads((room / "transforms.json").read_text())
    poses = {frame.name: frame.pose() for frame in open_scene(room).frames}
    for frame in document["frames"]:
        frame["transform_matrix"] = poses[frame["file_path"]].matrix().tolist()
    (folder / "transforms.json").write_text(json.dumps(document))
    return folder


def test_no_map_is_made_and_the_convention_is_named(inverted, tmp_path, capsys):
    assert run(["map", str(inverted), "-o", str(tmp_path / "room.trig"), *LANDMARKS]) == 2
    error = capsys.readouterr().err
    assert "TP-241" in error and "--poses opencv-w2c" in error and "--poses as-they-are" in error
    assert list(tmp_path.iterdir()) == []


def test_info_says_so_with_exit_code_1(inverted, capsys):
    assert run(["info", str(inverted)]) == 1
    assert "error: The poses do not fit the images" in capsys.readouterr().out
    assert run(["info", str(inverted), "--poses", "opencv-w2c"]) == 0


def test_a_map_of_the_convention_that_fits_keeps_it(inverted, room, tmp_path):
    path = tmp_path / "room.trig"
    assert run(["map", str(inverted), "-o", str(path), "--poses", "opencv-w2c", *LANDMARKS]) == 0
    scene_map = load_map(path)
    assert (scene_map.built_from["poses"], scene_map.built_from["pose_warning"]) == ("opencv-w2c", "")
    # The file is read as its map was made, and the true poses are those of the room.
    there, here = evaluate(path, inverted), evaluate(path, read_poses_as(open_scene(inverted), "opencv-w2c"))
    true = {frame.name: frame.pose().matrix() for frame in open_scene(room).frames}
    for result, again in zip(there.results, here.results, strict=True):
        np.testing.assert_allclose(result.true_pose.matrix(), true[result.name], atol=1e-9)
        np.testing.assert_allclose(again.true_pose.matrix(), true[result.name], atol=1e-9)
    # What was said of a transforms.json says nothing of a scene in another format.
    exported = tmp_path / "colmap"
    assert run(["export", str(room), "--to", "colmap", "-o", str(exported), "--quiet"]) == 0
    assert read_as_map(open_scene(exported), scene_map, split=False).poses is None


def test_a_map_made_in_spite_of_it_says_so(inverted, tmp_path, capsys):
    path = tmp_path / "room.trig"
    assert run(["map", str(inverted), "-o", str(path), "--poses", "as-they-are", "--preset", "ace-compact", *CHEAPLY]) == 0
    said = capsys.readouterr()
    assert "the poses do not fit the images" in said.out + said.err
    assert run(["info", str(path)]) == 0
    said = capsys.readouterr()
    said = " ".join((said.out + said.err).split())
    assert "when this map was made, the poses do not fit the images: 0 of 8" in said and "as-they-are" in said


def test_a_comparison_stops_before_its_first_map(inverted, tmp_path, monkeypatch):
    def too_late(*_, **__):
        raise AssertionError("a map is built")

    monkeypatch.setattr(comparison, "kept_map", too_late)
    with pytest.raises(SceneError, match="TP-241"):
        comparison.run_comparison(open_scene(inverted), tmp_path, ComparisonTask(("trig-network",), (0,)))


def test_retrieval_is_not_measured_by_wrong_overlaps(inverted):
    with pytest.raises(SceneError, match="TP-241"):
        scene_task(open_scene(inverted))
