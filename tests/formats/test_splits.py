"""Holdout rules: what they select, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scene_files import data_folder, write_colmap

from trigpoint.core.camera import Camera
from trigpoint.core.errors import ConfigError, TrigpointError
from trigpoint.core.pose import Pose
from trigpoint.core.scene import Frame, Scene
from trigpoint.formats.readers import open_scene
from trigpoint.formats.splits import Blocks, EveryNth, apply_holdout, parse_holdout

CAMERA = Camera.pinhole(64, 48, 60.0)


def scene(count: int = 10, unposed: tuple[int, ...] = (), sequences: tuple[str, ...] = ("",)) -> Scene:
    frames = [
        Frame(
            f"{index:03d}",
            Path(f"{index}.jpg"),
            CAMERA,
            None if index in unposed else Pose.identity(),
            sequence=sequences[index % len(sequences)],
        )
        for index in range(count)
    ]
    # Given in reverse: the rules count in order of the names.
    return Scene(Path("scene"), "made", tuple(reversed(frames)), True)


def held_out(text: str, of: Scene) -> list[int]:
    result = apply_holdout(of, parse_holdout(text))
    assert {frame.split for frame in result.posed()} == {"train", "test"}
    assert {frame.split for frame in result.frames if frame.cam_from_world is None} <= {None}
    return [int(frame.name) for frame in result.subset("test").frames]


@pytest.mark.parametrize(
    ("text", "unposed", "expected"),
    [
        ("every:5:2", (), [2, 7]),
        ("every:8:0", (), [0, 8]),
        ("every:5:2", (0, 1), [4, 9]),
        (" every:3:2 ", (), [2, 5, 8]),
        ("blocks:0-1", (), [0, 1]),
        ("blocks:2-3,8-9", (), [2, 3, 8, 9]),
        ("blocks:2-3,3-4", (), [2, 3, 4]),
        ("blocks:2-3", (0, 1), [4, 5]),
        ("sequence:b", (), [1, 4, 7]),
        ("sequence:b,c", (), [1, 2, 4, 5, 7, 8]),
    ],
)
def test_rules(text, unposed, expected):
    assert held_out(text, scene(unposed=unposed, sequences=("a", "b", "c"))) == expected
    assert str(parse_holdout(text)) == text.strip()
    assert parse_holdout(str(parse_holdout(text))) == parse_holdout(text)


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("", "TP-715", "every:N:K"),
        ("evry:8:0", "TP-715", "Did you mean 'every'"),
        ("every", "TP-715", "every:N:K"),
        ("every:8", "TP-715", "every:N:K"),
        ("every:8:-1", "TP-715", "every:N:K"),
        ("every:1:0", "TP-716", "N must be"),
        ("every:8:8", "TP-716", "K less than N"),
        ("blocks:", "TP-715", "blocks:A-B"),
        ("blocks:3", "TP-715", "blocks:A-B"),
        ("blocks:4-3", "TP-716", "ends before"),
        ("blocks:8-10", "TP-717", "0 to 9"),
        ("sequence:", "TP-715", "sequence:NAME"),
        ("sequence:a,", "TP-715", "sequence:NAME"),
        ("sequence:seq-1", "TP-718", "Did you mean 'seq-01'"),
        ("sequence:seq-01,seq-02", "TP-719", "training"),
        ("every:99:98", "TP-719", "testing"),
        ("blocks:0-9", "TP-719", "training"),
    ],
)
def test_refused_rules(text, code, words):
    with pytest.raises(ConfigError) as caught:
        apply_holdout(scene(sequences=("seq-01", "seq-02")), parse_holdout(text))
    assert caught.value.code == code
    assert words in str(caught.value)


def test_sequence_of_a_scene_without_sequences():
    with pytest.raises(ConfigError, match="TP-718"):
        apply_holdout(scene(), parse_holdout("sequence:a"))


def test_open_scene_applies_a_rule_and_remembers_it(tmp_path):
    write_colmap(tmp_path)
    plain = open_scene(tmp_path)
    assert {frame.split for frame in plain.frames} == {None}
    assert plain.holdout is None
    for rule in ("every:4:0", parse_holdout("every:4:0")):
        split = open_scene(tmp_path, holdout=rule)
        assert [frame.name for frame in split.subset("test").frames] == ["000.jpg", "004.jpg"]
        assert split.holdout == "every:4:0"
    with pytest.raises(ConfigError, match="TP-715"):
        open_scene(tmp_path / "absent", holdout="every")


def test_rules_that_make_no_sense_cannot_be_made():
    for make in (lambda: EveryNth(1, 0), lambda: EveryNth(3, 3), lambda: Blocks(((3, 2),))):
        with pytest.raises(ConfigError, match="TP-716"):
            make()


@given(st.one_of(st.text(), st.from_regex(r"(every|blocks|sequence):[0-9:,\-a]{0,12}", fullmatch=True)))
def test_any_text_is_a_rule_or_a_named_error(text):
    try:
        apply_holdout(scene(), parse_holdout(text))
    except TrigpointError as error:
        assert error.code.startswith("TP-71")


@pytest.mark.parametrize(
    ("scene", "text", "count", "first"),
    [("fox_nerfstudio", "every:5:2", 10, None), ("bonsai_colmap", "every:8:0", 37, "DSCF5565.JPG")],
)
def test_real_samples(scene, text, count, first):
    result = open_scene(data_folder(scene), holdout=text).subset("test")
    assert len(result.frames) == count
    assert first in (None, result.frames[0].name)


def test_no_blocks_hold_nothing_out():
    with pytest.raises(ConfigError, match="TP-719"):
        apply_holdout(scene(), Blocks(()))
