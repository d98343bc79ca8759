"""Builds that are repeated, killed, stopped, disturbed or given broken images: the same bytes in the end, or no map."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.killed_build import LANDMARKS, MOMENTS, PCA, ROUNDS
from support.tiny_scene import CHEAP, settings, write_part

from trigpoint.build.context import FEATURES
from trigpoint.cli import run
from trigpoint.core.artifact import read_artifact

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


@pytest.fixture(scope="module")
def corner(room, tmp_path_factory):
    """Eight images of the room."""
    return write_part(room, tmp_path_factory.mktemp("scene") / "corner", 8)


def map_command(scene, output, *more):
    return [
        "map",
        "--preset",
        "trig-network",
        str(scene),
        "-o",
        str(output),
        "--holdout",
        "every:4:1",
        *settings(CHEAP),
        *more,
    ]


@pytest.fixture(scope="module")
def reference(corner, one_thread, tmp_path_factory):
    """SHA-256 of the map of the corner, made without interruption."""
    output = tmp_path_factory.mktemp("map") / "kitchen.trig"
    assert run(map_command(corner, output, "--quiet")) == 0
    assert not work_of(output).exists()
    return digest(output)


def work_of(output):
    return output.with_name(output.name + ".work")


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def start(moment, command):
    """The command line in a process that kills itself at a moment, or is slow: see killed_build.py."""
    script = str(Path(__file__).parents[1] / "support" / "killed_build.py")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, script, moment, *command], env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )


def wait_for(path, process):
    """Until a file exists; fails if the process ends before."""
    deadline = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, process.stderr.read().decode()
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)


def kill(process, number=signal.SIGKILL):
    """Send a signal; returns the exit code and what the process said."""
    process.send_signal(number)
    said = process.communicate(timeout=120)[1].decode()
    return process.returncode, said


def evaluated(scene, map_path, folder, *more):
    output = folder / "numbers.json"
    assert run(["evaluate", str(map_path), str(scene), "--json", str(output), "--quiet", *more]) == 0
    return json.loads(output.read_text())


def test_the_holdout_of_the_map_is_used_in_evaluation(corner, reference, tmp_path, capsys):
    output = tmp_path / "kitchen.trig"
    assert run(map_command(corner, output, "--quiet")) == 0
    assert run(["info", str(output)]) == 0
    lines = capsys.readouterr().out
    assert "6 of 'corner' (nerfstudio)" in lines and "2 images by every:4:1" in lines
    numbers = evaluated(corner, output, tmp_path)
    # every:4:1 of eight images.
    assert [frame["name"] for frame in numbers["frames"]] == ["images/walk/0001.jpg", "images/walk/0005.jpg"]
    capsys.readouterr()
    # The map learned images 2 to 4.
    assert run(["evaluate", str(output), str(corner), "--quiet", "--holdout", "blocks:2-4"]) == 2
    assert "TP-765" in capsys.readouterr().err
    numbers = evaluated(corner, output, tmp_path, "--holdout", "blocks:1-1")
    assert [frame["name"][-8:] for frame in numbers["frames"]] == ["0001.jpg"]
    assert digest(output) == reference


@pytest.mark.parametrize("change", [("--seed", "1"), ("--set", "optimizer.matrix_rate=0.03")])
def test_other_settings_give_other_bytes(change, corner, reference, tmp_path):
    assert run(map_command(corner, tmp_path / "kitchen.trig", "--quiet", *change)) == 0
    assert digest(tmp_path / "kitchen.trig") != reference


@pytest.mark.parametrize("moment", [moment for moment in MOMENTS if moment not in (*ROUNDS, LANDMARKS, PCA)])
def test_a_killed_build_ends_in_the_same_bytes(moment, corner, reference, tmp_path, capsys):
    output = tmp_path / "kitchen.trig"
    process = start(moment, map_command(corner, output))
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    assert output.exists() == (moment == "while the work is removed")
    assert run(map_command(corner, output)) == 0
    said = capsys.readouterr().err
    assert ("continuing an interrupted build" in said) == (moment != "while the work is removed")
    assert digest(output) == reference
    assert not work_of(output).exists()
    assert [path.name for path in tmp_path.iterdir()] == ["kitchen.trig"]


@pytest.fixture(scope="module")
def in_rounds(corner, one_thread, tmp_path_factory):
    """SHA-256 of the map of the corner, made of three buffers without interruption."""
    output = tmp_path_factory.mktemp("rounds") / "kitchen.trig"
    assert run(map_command(corner, output, "--quiet", "--set", "buffer.rounds=3")) == 0
    return digest(output)


@pytest.mark.parametrize("moment", ROUNDS)
def test_a_build_in_rounds_killed_ends_in_the_same_bytes(moment, corner, reference, in_rounds, tmp_path):
    output = tmp_path / "kitchen.trig"
    command = map_command(corner, output, "--set", "buffer.rounds=3")
    process = start(moment, command)
    said = process.communicate(timeout=120)[1].decode()
    assert process.returncode == -signal.SIGKILL, said
    # Of the three buffers only the one in use lies on the disk.
    assert len(list(work_of(output).glob("round*/descriptors.bin"))) == 1
    assert run([*command, "--quiet"]) == 0
    assert digest(output) == in_rounds != reference


# XFeat's descriptors, 64 numbers each, reduced to 16 by a PCA.
REDUCED = ("--set", "features.pca_dim=16")


@pytest.fixture(scope="module")
def reduced(corner, one_thread, tmp_path_factory):
    """SHA-256 of a map of the corner with a PCA of its descriptors, made without interruption."""
    output = tmp_path_factory.mktemp("reduced") / "kitchen.trig"
    assert run(map_command(corner, output, "--quiet", *REDUCED)) == 0
    return digest(output)


@pytest.mark.parametrize("moment", [PCA, "between two views of an image", "in the middle of the training"])
def test_a_build_with_a_pca_killed_ends_in_the_same_bytes(moment, corner, reference, reduced, tmp_path, capsys):
    output = tmp_path / "kitchen.trig"
    process = start(moment, map_command(corner, output, *REDUCED))
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    described = features_in(output)
    assert len(described) == (3 if moment == PCA else 6)
    assert run(map_command(corner, output, *REDUCED)) == 0
    assert "continuing an interrupted build" in capsys.readouterr().err
    assert digest(output) == reduced != reference


def test_features_are_extracted_once_for_a_pca(corner, tmp_path, monkeypatch):
    """Those of an interrupted build are read, not extracted again; they are of full length, before the PCA."""
    output = tmp_path / "kitchen.trig"
    start("in the middle of the training", map_command(corner, output, *REDUCED)).communicate(timeout=120)
    before = {path.name: path.stat().st_mtime_ns for path in features_in(output)}
    assert all(read_artifact(path).tensors["descriptors"].shape[1] == 64 for path in features_in(output))
    start("before the map gets its name", map_command(corner, output, *REDUCED)).communicate(timeout=120)
    assert before == {path.name: path.stat().st_mtime_ns for path in features_in(output)}


def features_in(output):
    """The files of the feature cache of an interrupted build."""
    return sorted((work_of(output) / FEATURES).glob("*.features"))


# Enough images for landmarks, and two of them held out.
TAUGHT = settings((*CHEAP, "acceptance.validation_images=2", "acceptance.min_images=8", "supervision.min_samples=2000"))


@pytest.fixture(scope="module")
def taught(room, one_thread, tmp_path_factory):
    """SHA-256 of a map of the whole room that learned from landmarks, made without interruption."""
    output = tmp_path_factory.mktemp("taught") / "kitchen.trig"
    assert run(["map", "--preset", "trig-network", str(room), "-o", str(output), "--quiet", *TAUGHT]) == 0
    return digest(output)


@pytest.mark.parametrize("moment", [LANDMARKS, "between two views of an image", "in the middle of the training"])
def test_a_build_with_landmarks_killed_ends_in_the_same_bytes(moment, room, taught, tmp_path, capsys):
    output = tmp_path / "kitchen.trig"
    command = ["map", "--preset", "trig-network", str(room), "-o", str(output), *TAUGHT]
    process = start(moment, command)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    assert run(command) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "continuing an interrupted build" in said and "errors alone" not in said
    assert digest(output) == taught


def test_a_build_killed_twice_ends_in_the_same_bytes(corner, reference, tmp_path):
    output = tmp_path / "kitchen.trig"
    for moment in ("between two views of an image", "while a checkpoint is written"):
        process = start(moment, map_command(corner, output))
        said = process.communicate(timeout=120)[1].decode()
        assert process.returncode == -signal.SIGKILL, said
    assert run(map_command(corner, output, "--quiet")) == 0
    assert digest(output) == reference


def test_killed_from_outside_while_reading_images(corner, reference, tmp_path):
    output = tmp_path / "kitchen.trig"
    process = start("slow", map_command(corner, output))
    wait_for(work_of(output) / "samples.json", process)
    assert kill(process)[0] == -signal.SIGKILL
    assert not output.exists()
    assert run(map_command(corner, output, "--quiet")) == 0
    assert digest(output) == reference


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_on_request_and_continued(number, corner, reference, tmp_path, capsys):
    output = tmp_path / "kitchen.trig"
    process = start("slow", map_command(corner, output))
    wait_for(work_of(output) / "training.safetensors", process)
    code, said = kill(process, number)
    assert code == 130
    assert "run the same command to continue" in said
    assert "Traceback" not in said
    assert run(map_command(corner, output)) == 0
    assert "continuing an interrupted build" in capsys.readouterr().err
    assert digest(output) == reference


@pytest.mark.parametrize(("before", "now"), [(["--seed", "1"], []), ([], ["--fresh"])])
def test_other_work_is_discarded(before, now, corner, reference, tmp_path, capsys):
    output = tmp_path / "kitchen.trig"
    start("in the middle of the training", map_command(corner, output, *before)).communicate(timeout=120)
    assert (work_of(output) / "training.safetensors").exists()
    assert run(map_command(corner, output, *now)) == 0
    said = capsys.readouterr().err
    assert "Discarding the work" in said
    assert "continuing" not in said
    assert digest(output) == reference


def test_two_builds_of_one_map_at_once(corner, reference, tmp_path, capsys):
    output = tmp_path / "kitchen.trig"
    process = start("slow", map_command(corner, output))
    wait_for(work_of(output) / "training.safetensors", process)
    assert run(map_command(corner, output, "--seed", "1")) == 2
    assert "TP-608" in capsys.readouterr().err
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert digest(output) == reference
    assert not work_of(output).exists()


def test_a_broken_image_that_is_held_out_is_named_before_the_work(corner, tmp_path, capsys):
    scene = tmp_path / "scene"
    shutil.copytree(corner, scene)
    # The middle of the first half of eight images.
    image = scene / "images" / "walk" / "0002.jpg"
    image.write_bytes(image.read_bytes()[:2500])
    held = settings((*CHEAP, "acceptance.validation_images=2", "acceptance.min_images=8"))
    assert run(["map", "--preset", "trig-network", str(scene), "-o", str(tmp_path / "kitchen.trig"), "--quiet", *held]) == 2
    assert str(image) in capsys.readouterr().err
    assert not (work_of(tmp_path / "kitchen.trig") / "samples.json").exists()


@pytest.mark.parametrize("earlier", [False, True])
def test_a_broken_image_is_named_and_leaves_no_map(earlier, corner, tmp_path, capsys):
    scene, output = tmp_path / "scene", tmp_path / "kitchen.trig"
    assert not earlier or run(map_command(corner, output, "--quiet")) == 0
    old = output.read_bytes() if earlier else b""
    capsys.readouterr()
    shutil.copytree(corner, scene)
    image = scene / "images" / "walk" / "0006.jpg"
    image.write_bytes(image.read_bytes()[:2500])
    assert run(map_command(scene, output)) == 2
    said = capsys.readouterr().err
    assert "TP-103" in said
    assert str(image) in said
    assert "Traceback" not in said
    assert output.exists() == earlier
    assert not earlier or output.read_bytes() == old


@pytest.mark.parametrize("value", ["true", "0", "-3", "1e3", "null", "many"])
def test_impossible_settings_stop_before_the_work(value, corner, tmp_path, capsys):
    output = tmp_path / "kitchen.trig"
    assert run(map_command(corner, output, "--set", f"optimizer.steps={value}")) == 2
    assert "TP-702" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
