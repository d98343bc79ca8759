"""Images whose header is whole and whose pixels are not."""

from __future__ import annotations

import pytest
from support.scene_files import WRITERS, notes

from trigpoint.core.errors import ImageError
from trigpoint.formats.readers import open_scene


def cut(scene, index):
    """Cut the end off the file of an image, behind its header; its name."""
    frame = scene.frames[index]
    data = frame.image_path.read_bytes()
    # Half of a tiny JPEG is its tables; the last bytes of a PNG are no pixels.
    frame.image_path.write_bytes(data[:-20] if frame.image_path.suffix == ".jpg" else data[: len(data) // 2])
    return frame.name


@pytest.mark.parametrize("format", sorted(set(WRITERS)))
def test_an_image_that_was_cut_short_is_left_out_and_named(format, tmp_path):
    WRITERS[format](tmp_path)
    whole = open_scene(tmp_path)
    name = cut(whole, 2)
    scene = open_scene(tmp_path, skip_invalid=True)
    assert {frame.name for frame in whole.frames} - {frame.name for frame in scene.frames} == {name}
    assert f"warning: Images left out: 1 ({name})" in notes(scene) or f"({name.split('/', 1)[-1]})" in notes(scene)
    assert "TP-103" in notes(scene)


def test_the_split_is_that_of_all_images(tmp_path):
    WRITERS["nerfstudio"](tmp_path)
    whole = open_scene(tmp_path, holdout="every:4:2")
    name = cut(whole, 1)
    scene = open_scene(tmp_path, holdout="every:4:2", skip_invalid=True)
    expected = {frame.name: frame.split for frame in whole.frames if frame.name != name}
    assert {frame.name: frame.split for frame in scene.frames} == expected


def test_nothing_but_damaged_images_is_an_error(tmp_path):
    WRITERS["nerfstudio"](tmp_path)
    for index in range(len(open_scene(tmp_path).frames)):
        cut(open_scene(tmp_path), index)
    with pytest.raises(ImageError, match="TP-103"):
        open_scene(tmp_path, skip_invalid=True)
