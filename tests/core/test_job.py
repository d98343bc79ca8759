"""Work of an interrupted run: whose it is, and that nothing is made from parts of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.tiny_scene import CHEAP, write_part

from trigpoint.build.context import BuildContext
from trigpoint.core import job as job_module
from trigpoint.core.artifact import read_artifact
from trigpoint.core.errors import ImageError, MapFileError, MappingError, OutputError
from trigpoint.core.interrupt import Interrupted
from trigpoint.core.job import Job, JobControl, open_job
from trigpoint.core.stage_times import StageTimes
from trigpoint.features.encoders import load_encoder
from trigpoint.formats.readers import open_scene
from trigpoint.mapping.parallel import ALONE
from trigpoint.mapping.presets import resolve_config

BUSY = MappingError("TP-608", "")
NO_JOB = Job(Path("kitchen.trig"), Path("kitchen.trig.work"), JobControl())


@pytest.fixture(scope="module")
def corner(room, tmp_path_factory):
    """Eight images of the room."""
    return open_scene(write_part(room, tmp_path_factory.mktemp("scene") / "corner", 8))


@pytest.fixture(scope="module")
def encoder():
    return load_encoder("xfeat", torch.device("cpu"))


def record(scene, encoder, *overrides, preset="trig-network"):
    config = resolve_config(preset, (*CHEAP, *overrides))
    return BuildContext(scene, scene.frames, config, 0, torch.device("cpu"), encoder, ALONE, NO_JOB).record()


def with_depth(scene, folder, value, unit=0.001):
    """The scene with a file for the depth image of each image."""
    folder.mkdir(exist_ok=True)
    frames = []
    for index, frame in enumerate(scene.frames):
        path = folder / f"{index}.png"
        path.write_bytes(bytes([value, index]))
        frames.append(replace(frame, depth_path=path, depth_unit=unit))
    return scene.with_frames(tuple(frames))


def test_the_unit_of_the_poses_is_part_of_the_job(corner, encoder):
    assert record(corner, encoder) == record(corner, encoder)
    assert record(replace(corner, metric=not corner.metric), encoder) != record(corner, encoder)


def test_depth_images_are_part_of_jobs_that_learn_from_them(corner, encoder, tmp_path):
    asked = "supervision=depth"
    first = record(with_depth(corner, tmp_path, 1), encoder, asked)
    assert record(with_depth(corner, tmp_path, 1), encoder, asked) == first
    assert record(with_depth(corner, tmp_path, 1, unit=0.002), encoder, asked) != first
    before = record(with_depth(corner, tmp_path, 1), encoder)
    changed = with_depth(corner, tmp_path, 2)
    assert record(changed, encoder, asked) != first
    assert record(changed, encoder) == before


def test_a_file_with_an_aggregator_is_part_of_the_job(corner, encoder, tmp_path):
    file = tmp_path / "own.aggregator"
    changes = (f"global_encoding.descriptor=supergf:{file}",)
    file.write_bytes(b"one")
    first = record(corner, encoder, *changes)
    file.write_bytes(b"two")
    assert record(corner, encoder, *changes) != first


def test_an_image_that_is_gone_is_named(corner, encoder, tmp_path):
    gone = replace(corner.frames[0], image_path=tmp_path / "gone.jpg")
    with pytest.raises(ImageError, match=r"TP-101.*gone\.jpg"):
        record(corner.with_frames((gone, *corner.frames[1:])), encoder)


def open_kitchen(folder, **control):
    return open_job(folder / "kitchen.trig", JobControl(**control), BUSY)


def test_work_is_unmarked_before_any_of_it_is_removed(tmp_path, monkeypatch):
    with pytest.raises(Interrupted), open_kitchen(tmp_path) as job:
        assert not job.begin({"seed": 0}) and not job.resumed
        (job.folder / "samples").mkdir()
        raise Interrupted
    with pytest.raises(KeyboardInterrupt), open_kitchen(tmp_path) as job:
        record = job.folder / "job.json"
        monkeypatch.setattr(job_module.shutil, "rmtree", lambda *_: pytest.fail("kept") if record.exists() else stop())
        job.begin({"seed": 1})
    monkeypatch.undo()
    with pytest.raises(Interrupted), open_kitchen(tmp_path) as job:
        # Not even for the job that it was once made for.
        assert not job.begin({"seed": 0})
        raise Interrupted
    with open_kitchen(tmp_path) as job:
        assert job.begin({"seed": 0}) and job.resumed
        (job.folder / "finished").write_text("map")
        job.publish(job.folder / "finished")
    assert [path.name for path in tmp_path.iterdir()] == ["kitchen.trig"]


def test_a_fresh_start_discards_the_work_of_the_same_job(tmp_path):
    with pytest.raises(Interrupted), open_kitchen(tmp_path) as job:
        job.begin({"seed": 0})
        (job.folder / "samples").touch()
        raise Interrupted
    with open_kitchen(tmp_path, fresh=True) as job:
        assert not job.begin({"seed": 0}) and not (job.folder / "samples").exists()


def test_a_second_run_of_a_job_is_refused(tmp_path):
    with open_kitchen(tmp_path), pytest.raises(MappingError, match="TP-608"), open_kitchen(tmp_path):
        pytest.fail("opened twice")


def test_the_time_of_a_stage_inside_another_counts_once(monkeypatch):
    clock = iter([0.0, 0.0, 1.0, 3.0, 7.0])
    monkeypatch.setattr("trigpoint.core.stage_times.time.monotonic", lambda: next(clock))
    times = StageTimes()
    with times.measure("training"), times.measure("samples"):
        pass
    assert times.seconds == {"training": 1.0 + 4.0, "samples": 2.0}


def stop():
    raise KeyboardInterrupt


def fails(*_, **__):
    raise OSError(5, "Input/output error", "/disk/of/the/job")


@pytest.mark.parametrize("owner", ["shutil.rmtree", "Path.unlink"])
def test_a_finished_output_is_not_lost_with_its_work_folder(owner, tmp_path, monkeypatch, caplog):
    with open_kitchen(tmp_path) as job:
        job.begin({"seed": 0})
        (job.folder / "finished").write_text("map")
        job.publish(job.folder / "finished")
        monkeypatch.setattr(f"trigpoint.core.job.{owner}", fails)
    monkeypatch.undo()
    assert (tmp_path / "kitchen.trig").read_text() == "map"
    assert "The output is finished, but its work folder stays (Input/output error): remove" in caplog.text
    with open_kitchen(tmp_path) as job:
        job.begin({"seed": 1})
    assert [path.name for path in tmp_path.iterdir()] == ["kitchen.trig"]


def test_what_the_system_refuses_is_said_with_its_cause_and_what_to_do(tmp_path):
    with pytest.raises(OutputError) as said, open_kitchen(tmp_path):
        fails()
    assert str(said.value) == (
        "TP-806 the system refused to read or write (Input/output error) [/disk/of/the/job]."
        " Check the disk, or the connection to it. The same command continues."
    )
    assert (tmp_path / "kitchen.trig.work").is_dir()


@pytest.mark.parametrize("record", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'"text"'])
def test_a_damaged_record_is_of_another_job(record, tmp_path):
    with pytest.raises(Interrupted), open_kitchen(tmp_path) as job:
        job.begin({"seed": 0})
        (job.folder / "samples").touch()
        raise Interrupted
    (tmp_path / "kitchen.trig.work" / "job.json").write_bytes(record)
    with open_kitchen(tmp_path) as job:
        assert not job.begin({"seed": 0}) and not (job.folder / "samples").exists()


def test_damaged_work_can_be_discarded_but_not_a_damaged_file_of_the_user(tmp_path):
    def refused(path):
        with pytest.raises(MapFileError) as said, open_kitchen(tmp_path):
            path.write_bytes(b"damaged")
            read_artifact(path)
        return str(said.value)

    assert "Give --fresh to discard the work" in refused(tmp_path / "kitchen.trig.work" / "training.safetensors")
    assert "--fresh" not in refused(tmp_path / "own.aggregator")
