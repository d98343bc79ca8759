"""Folders that may not be listed are errors, wherever what is in them would be left out without a word."""

from __future__ import annotations

import errno
import os

import pytest
from support.layout_files import LAYOUTS
from support.scene_files import WRITERS, write_image

from trigpoint.core.errors import OutputError, TrigpointError
from trigpoint.core.folders import files_below, matching
from trigpoint.formats.readers import open_scene
from trigpoint.localization.batch import image_files
from trigpoint.reconstruction.images import image_paths


@pytest.fixture
def lock(monkeypatch):
    """Makes the system refuse to list a folder, also to root, who may list all."""
    scandir, listdir = os.scandir, os.listdir

    def use(folder):
        def refused(system):
            def listed(path="."):
                if os.fspath(path) == str(folder):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
                return system(path)

            return listed

        monkeypatch.setattr(os, "scandir", refused(scandir))
        monkeypatch.setattr(os, "listdir", refused(listdir))

    return use


@pytest.fixture
def photos(tmp_path):
    for name in ("a/1.jpg", "b/2.jpg", "b/c/3.jpg"):
        write_image(tmp_path / name)
    return tmp_path


def test_files_below_are_sorted_and_links_to_folders_not_followed(photos):
    (photos / "b" / "back").symlink_to(photos)
    (photos / "a" / "9.jpg").symlink_to(photos / "b" / "2.jpg")
    names = [path.relative_to(photos).as_posix() for path in files_below(photos)]
    assert names == ["a/1.jpg", "a/9.jpg", "b/2.jpg", "b/c/3.jpg"]


def test_there_is_nothing_where_there_is_no_folder(photos):
    assert files_below(photos / "d") == matching(photos / "d", "*") == matching(photos / "a" / "1.jpg", "*") == []


@pytest.mark.parametrize("locked", ["", "a", "b/c"])
@pytest.mark.parametrize(
    "listed",
    [
        files_below,
        image_paths,
        lambda folder: image_files([str(folder)]),
        lambda folder: image_files([f"{folder}/**/*.jpg"]),
    ],
)
def test_a_folder_that_may_not_be_listed_is_named(listed, locked, photos, lock):
    assert len(listed(photos)) == 3
    lock(photos / locked)
    with pytest.raises(OutputError) as caught:
        listed(photos)
    assert (caught.value.code, caught.value.where) == ("TP-806", str(photos / locked))
    assert caught.value.fix == "Check the permissions."


@pytest.mark.parametrize("pattern", ["*/*.jpg", "[ab]/?.jpg", "b/**"])
def test_a_pattern_does_not_pass_over_folders(pattern, photos, lock):
    lock(photos / "b")
    with pytest.raises(OutputError, match="TP-806"):
        image_files([f"{photos}/{pattern}"])


def test_a_pattern_need_not_list_what_it_names(photos, lock):
    lock(photos)
    assert image_files([f"{photos}/a/*.jpg"]) == [photos / "a" / "1.jpg"]


def content(folder):
    """What would be missing of a scene, or the code of its error."""
    try:
        scene = open_scene(folder)
    except TrigpointError as caught:
        return caught.code
    frames = [(frame.name, frame.split, frame.cam_from_world is None, frame.depth_path) for frame in scene.frames]
    return frames, scene.problems, scene.tracks is None


@pytest.mark.parametrize("name", [*WRITERS, *LAYOUTS])
def test_no_scene_is_read_without_one_of_its_folders(name, tmp_path, lock):
    root = tmp_path / "scene"
    (WRITERS | LAYOUTS)[name](root)
    whole = content(root)
    for folder in [root, *(path for path in root.rglob("*") if path.is_dir())]:
        lock(folder)
        found = content(root)
        assert found == whole or isinstance(found, str), folder
