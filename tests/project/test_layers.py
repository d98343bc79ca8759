"""The layers of the package, read from its imports; what importing it costs; what it never does."""

import ast
import json
import subprocess
import sys

import pytest
from support.measure import BOTTOM, DOOR, LAYERS, import_cycle, upward_imports
from support.source_code import FILES, PACKAGE, dotted_name, imported_modules, label, tree_of


def test_the_root_holds_the_door_and_nothing_else():
    assert {path.stem for path in PACKAGE.glob("*.py")} == BOTTOM | DOOR
    assert {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"} == set(LAYERS)


def test_imports_go_down():
    assert [found for path in FILES for found in upward_imports(path)] == []


def test_there_is_no_import_cycle():
    assert import_cycle() == []


def test_the_walk_would_notice(tmp_path, monkeypatch):
    wrong = PACKAGE / "core" / "imagined.py"
    source = (
        "from trigpoint.formats import readers\ndef f():\n    from trigpoint import cli\n    from ..mapping import head\n"
    )
    monkeypatch.setattr("support.source_code.tree_of", lambda path: ast.parse(source))
    found = "\n".join(upward_imports(wrong))
    assert "trigpoint.formats" in found and "trigpoint.cli" in found and "trigpoint.mapping" in found


FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "yaml", "random"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "torch.hub.load", "np.random.seed"}


def is_constant(node, value):
    return isinstance(node, ast.Constant) and node.value is value


def runs_data(call):
    """Whether a call may execute what it is given."""
    name, options = dotted_name(call.func), {option.arg: option.value for option in call.keywords}
    return (
        name in FORBIDDEN_CALLS
        or (name == "torch.load" and not is_constant(options.get("weights_only"), True))
        or any(key in options and not is_constant(options[key], False) for key in ("allow_pickle", "shell"))
    )


def unsafe_lines(path):
    """Imports and calls of a module by which data can become code."""
    calls = (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call))
    lines = [(line, module) for line, module in imported_modules(path) if module.split(".")[0] in FORBIDDEN_MODULES]
    lines += [(call.lineno, dotted_name(call.func)) for call in calls if runs_data(call)]
    return [f"{label(path)}:{line} {name}" for line, name in lines]


def test_nothing_runs_what_it_reads():
    assert [line for path in FILES for line in unsafe_lines(path)] == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "def f():\n    from yaml import load",
        "eval('1')",
        "torch.load('a')",
        "torch.load('a', weights_only=False)",
        "np.load('a', allow_pickle=True)",
        "subprocess.run('ls', shell=flag)",
    ],
)
def test_unsafe_lines_are_noticed(source, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "tree_of", lambda path: ast.parse(source))
    monkeypatch.setattr("support.source_code.tree_of", lambda path: ast.parse(source))
    assert unsafe_lines(FILES[0])


def run_python(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# The command line and what it needs to say "there is no such file" must start at once.
LIGHT = ("trigpoint", "trigpoint.cli", "trigpoint.commands", "trigpoint.formats.readers")
CORE = tuple(f"trigpoint.core.{path.stem}" for path in FILES if path.parent.name == "core" and path.stem != "__init__")
HEAVY = ("torch", "kornia", "cv2", "pycolmap", "poselib", "sklearn", "matplotlib")


def test_importing_is_light():
    code = f"""
import importlib, json, sys
for name in {LIGHT + CORE!r}:
    importlib.import_module(name)
print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))
"""
    assert run_python(code) == []


def test_importing_changes_no_global_state_and_every_name_resolves():
    code = """
import importlib, json, logging, os, random, signal, sys, warnings
import numpy as np, torch
def state():
    return {
        "numpy": np.random.get_state()[1].tolist(), "errors": np.geterr(), "print": str(np.get_printoptions()),
        "torch": torch.get_rng_state().tolist(), "threads": torch.get_num_threads(), "type": str(torch.get_default_dtype()),
        "grad": torch.is_grad_enabled(), "deterministic": torch.are_deterministic_algorithms_enabled(),
        "random": str(random.getstate()), "filters": [str(entry) for entry in warnings.filters],
        "logging": logging.getLogger().level, "handlers": str(logging.getLogger().handlers),
        "environment": dict(os.environ), "signal": str(signal.getsignal(signal.SIGINT)), "hook": str(sys.excepthook),
    }
def changed():
    return [key for key, value in state().items() if before[key] != value]
before = state()
import trigpoint
alone = changed()
names = dir(trigpoint)
for name in names:
    getattr(trigpoint, name)
print(json.dumps([alone, changed(), names]))
"""
    alone, with_all, names = run_python(code)
    assert {"open_scene", "build_map", "Localizer", "Camera", "Pose", "TrigpointError", "__version__"} <= set(names)
    assert alone == []
    # Other packages that are imported on the way set warning filters and variables of their own.
    assert not set(with_all) - {"filters", "environment", "random"}


def test_unknown_names_are_attribute_errors():
    import trigpoint

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = trigpoint.nothing
