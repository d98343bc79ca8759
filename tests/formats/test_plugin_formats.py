"""Formats that other packages bring as entry points."""

from __future__ import annotations

import pytest
from support.plugin_package import install_plugin
from support.scene_files import error, write_colmap, write_image

from trigpoint.cli import run
from trigpoint.formats.readers import open_scene

GROUP = "trigpoint.formats"
# A list of images with positions, all looking along z.
SOURCE = """
import numpy as np

from trigpoint.core.pose import Pose
from trigpoint.core.scene import Frame
from trigpoint.formats.builder import SceneBuilder
from trigpoint.formats.format import Reader
from trigpoint.formats.textfiles import read_rows, to_numbers


def read(path, options):
    builder = SceneBuilder(path, "tripod", metric=True, options=options)
    for number, words in read_rows(path / "tripod.txt"):
        where = f"{path / 'tripod.txt'}, line {number}"
        with builder.image(words[0]):
            if builder.exists(words[0], path / words[0]):
                size = builder.size_of(path / words[0])
                camera = builder.camera("SIMPLE_PINHOLE", size, (60.0, size[0] / 2, size[1] / 2), where)
                centre = np.array(to_numbers(words[1:], where))
                builder.add(Frame(words[0], path / words[0], camera, Pose(np.eye(3), -centre)))
    return builder.build()


READER = Reader("tripod", lambda path: (path / "tripod.txt").is_file(), read, "tripod.txt")
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs packages, by the value of their entry point and the text of their module."""

    def install(name, value, source):
        monkeypatch.syspath_prepend(str(install_plugin(tmp_path / "site" / name, GROUP, name, value, source)))

    return install


@pytest.fixture
def tripod(tmp_path):
    """A scene in the format of the package."""
    folder = tmp_path / "scene"
    for index in range(6):
        write_image(folder / f"{index}.jpg")
    (folder / "tripod.txt").write_text("".join(f"{index}.jpg {index} 0 0.5\n" for index in range(6)))
    return folder


def test_a_format_from_outside_is_recognised_and_read(installed, tripod, capsys):
    assert error(tripod).code == "TP-202"
    installed("tripod", "tripod_package:READER", SOURCE)
    scene = open_scene(tripod, holdout="every:3:0")
    assert scene.format == "tripod" and scene.metric and len(scene.frames) == 6
    assert scene.centres()[4].tolist() == [4, 0, 0.5]
    assert len(scene.subset("test").frames) == 2
    assert run(["info", str(tripod), "--format", "tripod"]) in (0, 1)
    assert "tripod, metres" in " ".join(capsys.readouterr().out.split())


def test_our_formats_come_first_and_import_nothing_of_others(installed, tripod):
    installed("tripod", "tripod_that_fails:READER", "raise RuntimeError('no')")
    write_colmap(tripod)
    assert open_scene(tripod).format == "colmap"


def test_the_files_that_it_looks_for_are_named(installed, tmp_path):
    installed("tripod", "tripod_package:READER", SOURCE)
    (tmp_path / "empty").mkdir()
    assert "tripod.txt (tripod)" in error(tmp_path / "empty").fix
    assert "tripod" in error(tmp_path / "empty", format="tripot").fix


@pytest.mark.parametrize(
    ("value", "source", "code"),
    [("wrong_package:READER", "READER = 7", "TP-726"), ("broken_package:READER", "import nothing_of_this_name", "TP-720")],
)
def test_packages_that_bring_no_format_are_named(installed, tripod, value, source, code):
    installed("tripod", value, source)
    refused = error(tripod)
    assert refused.code == code and "tripod" in refused.what
    assert error(tripod, format="tripod").code == code
