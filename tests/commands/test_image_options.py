"""The options that say where the images of a scene are and which size they have."""

from pathlib import Path

import pytest
from support.scene_files import write_image, write_nerfstudio
from support.verb_options import option_texts

from trigpoint.commands import VERBS, load_verb
from trigpoint.commands.options import SceneOptions


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_nerfstudio(tmp_path / "scene")
    return tmp_path / "scene"


def test_the_folder_of_the_images_and_their_size(folder, tmp_path):
    (folder / "images").rename(tmp_path / "outside")
    for file in (tmp_path / "outside").iterdir():
        write_image(file, (48, 36))
    scene = SceneOptions(images=tmp_path / "outside", scale_intrinsics=True).open(folder)
    assert {frame.image_path.parent for frame in scene.frames} == {tmp_path / "outside"}
    assert scene.frames[0].camera.width == 48


def test_every_verb_that_opens_a_scene_takes_a_folder_of_images():
    verbs = {name for name in VERBS if {"--images", "--scale-intrinsics"} <= set(option_texts(load_verb(name)))}
    assert verbs == {"info", "map", "evaluate", "compare", "export", "view", "retrieval"}
