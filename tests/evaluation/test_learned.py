"""Images that a map learned are never taken for new ones, wherever an evaluation may do so."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from support.tiny_scene import settings

import trigpoint as tp
from trigpoint.cli import run
from trigpoint.commands import comparison
from trigpoint.commands.comparison import ComparisonTask
from trigpoint.core.errors import ConfigError
from trigpoint.evaluation.learned import learned_names
from trigpoint.evaluation.submission import submit
from trigpoint.formats.readers import open_scene
from trigpoint.formats.splits import with_test_images
from trigpoint.localization.localizer import Localizer
from trigpoint.mapping.learned_images import LearnedImages, text_of
from trigpoint.mapping.scene_map import load_map
from trigpoint.retrieval.task import posed_task
from trigpoint.viewer.content import ContentOptions, load_content
from trigpoint.viewer.finder import Finder

pytestmark = pytest.mark.usefixtures("one_thread")

LANDMARKS = ("--preset", "hierarchical-compact", "--quiet", *settings(("features.short_side_px=160",)))


@pytest.fixture(scope="module")
def room_map(room, tmp_path_factory):
    """A map of the 24 mapping images of the room; six others are for testing."""
    path = tmp_path_factory.mktemp("map") / "room.trig"
    assert run(["map", str(room), "-o", str(path), *LANDMARKS]) == 0
    return path


def without_split(scene):
    return scene.with_frames(replace(frame, split=None) for frame in scene.frames)


def copied(scene, folder, *, size=None, suffix=".png"):
    """The scene with copies of its images under other names, in another size or file format."""
    frames = []
    for number, frame in enumerate(scene.frames):
        path = folder / f"copy {number}{suffix}"
        if size is None:
            path.write_bytes(frame.image_path.read_bytes())
        else:
            Image.open(frame.image_path).resize(size).save(path)
        frames.append(replace(frame, name=path.name, image_path=path))
    return scene.with_frames(frames)


def test_another_hold_out_rule_is_refused(room, room_map, capsys):
    """Of the 30 images every eighth is four: three that the map learned, and one that it did not."""
    assert run(["evaluate", str(room_map), str(room), "--holdout", "every:8:0", "--quiet"]) == 2
    error = capsys.readouterr().err
    assert "TP-765" in error and "images that the map learned" in error and "--holdout every:8:0" in error
    with pytest.raises(ConfigError, match="TP-765"):
        tp.evaluate(room_map, tp.open_scene(room, holdout="every:8:0"))
    with pytest.raises(ConfigError, match="TP-765"):
        submit(Localizer.load(room_map), tp.open_scene(room, holdout="every:8:0"), room_map.parent / "poses.txt")


def test_new_images_are_evaluated_as_ever(room, room_map):
    evaluation = tp.evaluate(room_map, room)
    assert (len(evaluation.results), evaluation.learned_count) == (6, 0)
    document = evaluation.to_json()
    assert document["learned_images"] == 0 and not any(frame["learned"] for frame in document["frames"])


def test_learned_images_are_measured_on_request_and_named(room, room_map, tmp_path, capsys):
    report, numbers = tmp_path / "report", tmp_path / "numbers.json"
    options = ["--split", "all", "--report", str(report), "--json", str(numbers), "--quiet"]
    assert run(["evaluate", str(room_map), str(room), *options]) == 0
    said = "24 of these 30 images were learned by the map"
    # The terminal wraps long lines.
    assert "24 of 30" in capsys.readouterr().out
    assert said in (report / "report.md").read_text() and said in (report / "report.html").read_text()
    document = json.loads(numbers.read_text())
    assert document["learned_images"] == 24
    learned = {frame.name for frame in open_scene(room).for_mapping()}
    assert {frame["name"] for frame in document["frames"] if frame["learned"]} == learned
    assert json.loads((report / "report.json").read_text())["evaluation"]["learned_images"] == 24


@pytest.mark.parametrize(("size", "suffix"), [(None, ".png"), ((160, 120), ".png"), ((320, 240), ".jpg")])
def test_copies_are_known_under_any_name_size_and_format(size, suffix, room, room_map, tmp_path):
    scene = copied(open_scene(room), tmp_path, size=size, suffix=suffix)
    names = learned_names(scene.frames, load_map(room_map).learned)
    assert names == {frame.name for frame in scene.for_mapping()} and len(names) == 24


def test_other_images_are_not_taken_for_copies(room, room_map, tmp_path):
    """Neither others with the pose of a learned one, such as of another day, nor neighbours of a walk."""
    learned = load_map(room_map).learned
    scene = open_scene(room)
    mapped, tested = scene.for_mapping(), scene.subset("test").frames
    assert learned_names(tested, learned) == frozenset()
    other = [replace(frame, cam_from_world=mapped[0].pose()) for frame in tested]
    assert learned_names(other, learned) == frozenset()
    missing = replace(mapped[0], image_path=tmp_path / "gone.png")
    assert learned_names([missing], learned) == frozenset()


def test_a_map_without_digests_knows_no_image(room):
    frames = open_scene(room).frames
    assert learned_names(frames, LearnedImages.parse("")) == frozenset()
    text = text_of(frames[:3])
    assert learned_names(frames, LearnedImages.parse(text)) == {frame.name for frame in frames[:3]}
    for damaged in (text[:-4], "?" + text[1:]):
        with pytest.raises(ValueError):
            LearnedImages.parse(damaged)


def test_a_map_of_all_images_is_evaluated_after_mapping_again(room, room_map, tmp_path):
    """The advice leads to a right result: not to the images that the map learned."""
    walk = without_split(open_scene(room).with_frames(open_scene(room).for_mapping()))
    advice = "Make a map that leaves some out: 'trigpoint map SCENE --holdout every:8:0'"
    with pytest.raises(ConfigError, match=rf"TP-724.*{advice}"):
        tp.evaluate(room_map, walk)
    with pytest.raises(ConfigError, match="TP-765"):
        tp.evaluate(room_map, with_test_images(walk))
    new = without_split(open_scene(room).subset("test"))
    with pytest.raises(ConfigError, match=r"TP-724.*learned none of these images: give --split all"):
        tp.evaluate(room_map, new)
    assert tp.evaluate(room_map, new, split="all").learned_count == 0


def test_a_comparison_with_copies_among_its_test_images_stops_before_it_maps(room, tmp_path, monkeypatch):
    def too_late(*_, **__):
        raise AssertionError("a map is built")

    monkeypatch.setattr(comparison, "kept_map", too_late)
    scene = open_scene(room)
    frames = list(scene.frames)
    test = next(index for index, frame in enumerate(frames) if frame.split == "test")
    frames[test] = replace(frames[test], image_path=scene.for_mapping()[3].image_path)
    with pytest.raises(ConfigError, match=r"TP-765.*1 of 6"):
        comparison.run_comparison(scene.with_frames(frames), tmp_path, ComparisonTask(("trig-network",), (0,)))


def test_scenes_without_a_split_get_one_where_a_comparison_needs_it(room):
    scene = open_scene(room)
    assert with_test_images(scene) is scene
    split = with_test_images(without_split(scene))
    assert split.holdout == "every:8:0" and len(split.subset("test").frames) == 4
    assert "every eighth is held out" in split.problems[-1].message
    assert {frame.split for frame in split.frames} == {"train", "test"}


def test_localize_says_how_many_of_the_images_were_learned(room, room_map, tmp_path, capsys):
    scene = open_scene(room)
    frames = [*scene.for_mapping()[:2], *scene.subset("test").frames[:1]]
    images = [str(frame.image_path) for frame in frames]
    numbers = tmp_path / "numbers.json"
    run(["localize", str(room_map), *images, "--json", str(numbers)])
    assert "2 of these 3 images were learned by the map" in capsys.readouterr().err
    assert json.loads(numbers.read_text())["learned_images"] == 2


def test_the_viewer_says_how_many_of_its_queries_were_learned(room, room_map):
    finder = Finder(Localizer.load(room_map), None)
    try:
        content = load_content(finder, room_map, ContentOptions(queries=room, split="all", points=500))
        assert any("24 of these 30 images were learned by the map" in line for line in content.missing)
        folder = load_content(finder, room_map, ContentOptions(queries=room / "images" / "walk", points=500))
        assert any("24 of these 24 images were learned" in line for line in folder.missing)
        new = load_content(finder, room_map, ContentOptions(queries=room, points=500))
        assert not any("learned" in line for line in new.missing)
    finally:
        finder.close()


def test_retrieval_counts_queries_that_are_copies_of_gallery_images(room):
    frames, positives = open_scene(room).frames, np.ones((6, 24), dtype=np.bool_)
    queries = [frame for frame in frames if frame.split == "test"]
    gallery = [frame for frame in frames if frame.split == "train"]
    assert posed_task("room", queries, gallery, positives, room).copies() == 0
    queries[0] = replace(queries[0], image_path=gallery[7].image_path)
    assert posed_task("room", queries, gallery, positives, room).copies() == 1
