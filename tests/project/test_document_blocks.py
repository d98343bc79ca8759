"""Every block of code in the documents, run as written in a folder with the scenes it names."""

from __future__ import annotations

import inspect
import itertools
import json
import re
import shlex
import shutil

import pytest
import tyro
from support.documents import DOCUMENTS, ROOT, blocks, indented_code, inline_code
from support.image_walk import write_walk
from support.tiny_scene import CHEAP
from support.verb_options import option_names

from trigpoint import cli
from trigpoint.commands import VERBS, load_verb
from trigpoint.core.errors import ConfigError
from trigpoint.mapping.presets import DEFAULT_PRESET, PRESETS, resolve_config

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.slow, pytest.mark.timeout(600)]

# Commands that are read but not run, and why. Every pattern must fit some command of the documents.
NOT_RUN = {
    r"trigpoint view ": "serves pages until Ctrl-C",
    r"trigpoint datasets get ": "downloads",
    r"trigpoint (map|evaluate) .*(datasets|shop\.trig|i7\.trig|aachen)": "needs a data set that was downloaded",
    r"trigpoint retrieval evaluate .*onnx:": "needs a network of the user's own",
    r"trigpoint compare .*--seeds 0 1 2": "makes twelve maps; README has a comparison of two",
    r"trigpoint retrieval train .*-o (mine|rooms)\.aggregator": "trains for minutes; 'train --from' is run",
    r"python benchmarks/": "measures for hours on real data",
    r"python examples/position_decoder_2d\.py": "takes 8 minutes; tests/project/test_examples.py runs it shortened",
    r"python3 -m venv ": "installs from the internet",
    r"(seq|sbatch) ": "tests/build/test_map_task.py begins the tasks of such an array",
    r"make ": "sets up an environment and runs these tests; the target is looked up",
}
LANGUAGES = {"sh", "python", "json", "toml", "text"}
# Exit code 1 says that an image was not localized, or that some weights are missing, which are no mistakes of the document.
MAY_FAIL = ("localize", "weights")

ALL_BLOCKS = [block for document in DOCUMENTS for block in blocks(document)]
COMMANDS = [(block.where, command) for block in ALL_BLOCKS if block.language == "sh" for command in block.commands()]
RUNNABLE = [path for path in DOCUMENTS if any(block.language in ("sh", "python") for block in blocks(path))]


def reason_not_to_run(command):
    return next((reason for pattern, reason in NOT_RUN.items() if re.match(pattern, command)), "")


def test_every_block_names_its_language():
    assert [block.where for block in ALL_BLOCKS if block.language not in LANGUAGES] == []
    commands = re.compile(r"(trigpoint|python3?|make|pip|import|from) ")
    assert [line for path in DOCUMENTS for line in indented_code(path) if commands.match(line)] == []


def test_every_reason_not_to_run_is_needed():
    assert [pattern for pattern in NOT_RUN if not any(re.match(pattern, command) for _, command in COMMANDS)] == []


def test_commands_that_are_not_run_are_read():
    """By the command line itself, without the verb behind it."""
    wrong = []
    for where, command in COMMANDS:
        verb, *words = shlex.split(command)
        if verb == "trigpoint" and reason_not_to_run(command):
            wrong += [f"{where}: {command}"] if not parses(words) else []
    assert wrong == []


def parses(words):
    def verb(*_, **__):
        return 0

    verb.__signature__ = inspect.signature(load_verb(words[0]), eval_str=True)
    verb.__annotations__ = inspect.get_annotations(load_verb(words[0]), eval_str=True)
    try:
        tyro.cli(verb, args=words[1:], config=(tyro.conf.OmitArgPrefixes,))
    except SystemExit:
        return False
    return True


def test_a_wrong_command_would_be_noticed():
    assert parses(["map", "kitchen/", "-o", "kitchen.trig"])
    assert not parses(["map", "kitchen/"])
    assert not parses(["map", "kitchen/", "-o", "kitchen.trig", "--sed", "1"])


def test_scripts_and_targets_exist():
    targets = re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"))
    wrong = []
    for where, command in COMMANDS:
        program, *words = shlex.split(command)
        if program == "make" and words[0] not in targets:
            wrong.append(f"{where}: {command}")
        if program == "python":
            script = (ROOT / words[0]).read_text(encoding="utf-8")
            wrong += [f"{where}: {word}" for word in words[1:] if word.startswith("--") and f'"{word}"' not in script]
    assert wrong == []


def test_settings_of_measurements_fit_their_presets():
    wrong = []
    for where, command in COMMANDS:
        words = shlex.split(command)
        if "benchmarks/posed_sets.py" not in words:
            continue
        presets = after(words, "--presets") or [DEFAULT_PRESET]
        settings = [words[index + 1] for index, word in enumerate(words) if word == "--set"]
        for preset in presets:
            try:
                resolve_config(preset, settings)
            except ConfigError as error:
                wrong.append(f"{where}: {preset}: {error}")
    assert wrong == []


def after(words, option):
    """The values of an option that takes several."""
    values = words[words.index(option) + 1 :] if option in words else []
    return list(itertools.takewhile(lambda word: not word.startswith("-"), values))


def test_commands_within_the_text_have_known_options():
    wrong = []
    for path in DOCUMENTS:
        for code in inline_code(path):
            if not re.match(r"trigpoint [a-z]", code):
                continue
            verb, *words = shlex.split(code)[1:]
            options = {word.split("=")[0] for word in words if word.startswith("--")} - {"--debug", "--help"}
            if verb not in VERBS or options - option_names(load_verb(verb)):
                wrong.append(f"{path.name}: {code}")
    assert wrong == []


@pytest.fixture(scope="module")
def stage(room, tmp_path_factory):
    """A folder with everything that the documents name: scenes, images and a map."""
    folder = tmp_path_factory.mktemp("stage")
    shutil.copytree(room, folder / "kitchen")
    without_split(folder / "kitchen" / "transforms.json")
    for name in ("SCENE", "bonsai"):
        (folder / name).symlink_to("kitchen")
    write_walk(folder / "images")
    shutil.copytree(room / "images" / "test-day", folder / "queries")
    shutil.copy(folder / "queries" / "0000.jpg", folder / "image.jpg")
    options = [
        "--holdout",
        "every:8:0",
        "--preset",
        "hierarchical-compact",
        "--set",
        "features.short_side_px=160",
        "--quiet",
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert cli.run(["map", "kitchen", "-o", "kitchen.trig", *options]) == 0
    return folder


def without_split(file):
    """Leave all images in no list, as in the scenes of most users and in those of ``trigpoint reconstruct``."""
    document = json.loads(file.read_text(encoding="utf-8"))
    for key in ("train_filenames", "test_filenames"):
        del document[key]
    file.write_text(json.dumps(document), encoding="utf-8")


@pytest.fixture
def cheap_presets(monkeypatch):
    """Presets under their names, with settings that make a map in seconds."""
    for name in ("trig-network", "ace-compact", "rscore-compact"):
        monkeypatch.setitem(PRESETS, name, resolve_config(name, (*CHEAP, "head.width=96")))
    for name in ("hierarchical", "hierarchical-compact"):
        monkeypatch.setitem(PRESETS, name, resolve_config(name, ("features.short_side_px=160",)))


@pytest.mark.parametrize("document", RUNNABLE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_blocks_run_as_written(document, stage, tmp_path, monkeypatch, cheap_presets, capsys):
    folder = tmp_path / "stage"
    shutil.copytree(stage, folder, symlinks=True)
    monkeypatch.chdir(folder)
    names = {"__name__": "document"}
    for block in blocks(document):
        if block.language == "python":
            exec(compile(block.code, block.where, "exec"), names)
        elif block.language == "sh":
            for command in block.commands():
                if not reason_not_to_run(command):
                    run_command(command, block.where, capsys)


def run_command(command, where, capsys):
    program, verb, *words = shlex.split(command)
    assert program == "trigpoint", f"{where}: {command} is not run: give a reason in NOT_RUN"
    code = cli.run([verb, *words])
    output = capsys.readouterr()
    assert code == 0 or (code == 1 and verb in MAY_FAIL), f"{where}: {command}\n{output.err}"
