"""What a program that builds and asks a map sees: log records, nothing on its own output."""

from __future__ import annotations

import logging

import pytest
from support.tiny_scene import CHEAP, write_part

import trigpoint as tp
from trigpoint.mapping.presets import resolve_config

pytestmark = pytest.mark.usefixtures("one_thread")


def test_building_and_localizing_from_python_write_nothing_but_log_records(room, tmp_path, capfd, caplog):
    scene = tp.open_scene(write_part(room, tmp_path / "corner", 8))
    with caplog.at_level(logging.INFO, logger="trigpoint"):
        tp.build_map(scene, tmp_path / "kitchen.trig", config=resolve_config("trig-network", CHEAP))
    answer = tp.Localizer.load(tmp_path / "kitchen.trig").localize(scene.frames[0].image_path)
    assert answer.status in ("ok", "rejected", "failed")
    assert capfd.readouterr() == ("", "")
    assert any(record.name.startswith("trigpoint.build") and "8 images" in record.getMessage() for record in caplog.records)
