"""Every verb ends on a signal with a sentence that is true, and localize keeps what it has found."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from support.fake_localizer import CAMERA, FakeLocalizer, make_frames
from support.verb_options import VERB_ARGUMENTS

from trigpoint.cli import run
from trigpoint.commands import RESUMABLE, VERBS
from trigpoint.commands.options import ProgressOptions
from trigpoint.core.interrupt import Interrupted
from trigpoint.localization.localizer import Localizer

SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture(autouse=True)
def started_in_the_foreground():
    """A process that a shell starts in the background ignores SIGINT, and so do its tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupts(number):
    """A function that sends this process a signal."""
    return lambda *_, **__: os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_ends_on_a_signal(verb, number, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ProgressOptions, "begin", interrupts(number))
    assert run([verb, *VERB_ARGUMENTS[verb]]) == 130
    printed = capsys.readouterr()
    assert printed.out == ""
    kept = (
        "Finished work is kept: run the same command to continue." if verb in RESUMABLE else "the same command begins anew."
    )
    assert printed.err.startswith("Stopped. ") and printed.err.rstrip().endswith(kept)
    assert list(tmp_path.iterdir()) == []


def test_a_stage_that_has_saved_its_work_says_so(monkeypatch, capsys):
    def stop(*_):
        raise Interrupted

    monkeypatch.setattr("trigpoint.commands.retrieval._train", stop)
    assert run(["retrieval", "train", "scene"]) == 130
    assert "run the same command to continue" in capsys.readouterr().err


class _Stopped(FakeLocalizer):
    """Localizes images, and gets a signal while it looks at the third."""

    number = signal.SIGTERM

    def localize_batch(self, images, cameras=None):
        for index, image in enumerate(images):
            if index == 2:
                os.kill(os.getpid(), self.number)
            yield self.localize(image, camera=CAMERA, name=str(image))


@pytest.fixture
def images(tmp_path, monkeypatch):
    """Five image files in a folder, of which a stopped localizer knows the poses."""
    folder = tmp_path / "images"
    folder.mkdir()
    frames = make_frames(5, folder, split=str(folder))
    for frame in frames:
        Path(frame.name).touch()
    monkeypatch.setattr(Localizer, "load", lambda *_, **__: _Stopped(frames))
    return [frame.name for frame in frames]


@pytest.mark.parametrize("number", SIGNALS)
def test_localize_keeps_what_it_has_found(number, images, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(_Stopped, "number", number)
    output, document = tmp_path / "results.jsonl", tmp_path / "results.json"
    assert run(["localize", "x.trig", *images, "-o", str(output), "--json", str(document)]) == 130
    assert [json.loads(line)["name"] for line in output.read_text().splitlines()] == images[:3]
    assert len(json.loads(document.read_text())["results"]) == 3
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"Stopped. Results of 3 of 5 images are in {output}. The same command begins anew."


def test_localize_keeps_what_it_has_printed(images, capsys):
    assert run(["localize", "x.trig", *images]) == 130
    printed = capsys.readouterr()
    assert [json.loads(line)["name"] for line in printed.out.splitlines()] == images[:3]
    assert "Results of 3 of 5 images were printed." in printed.err


@pytest.mark.parametrize(("output", "file"), [("poses.tum", "poses.tum"), ("model", "model/images.txt")])
def test_other_formats_name_the_images_that_were_not_tried(output, file, images, tmp_path):
    assert run(["localize", "x.trig", *images, "-o", str(tmp_path / output)]) == 130
    text = (tmp_path / file).read_text()
    assert text.count("not tried: stopped before") == 2
    assert all(name in text for name in images)
