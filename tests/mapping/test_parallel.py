"""Several processes that train one map together, on the CPU."""

import subprocess
import sys

import pytest
import torch
from support.tiny_scene import CHEAP, settings

from trigpoint.build.pipeline import build_map
from trigpoint.core.device import pick_device
from trigpoint.formats.readers import open_scene
from trigpoint.mapping.parallel import ALONE
from trigpoint.mapping.presets import resolve_config
from trigpoint.mapping.scene_map import load_map

pytestmark = pytest.mark.usefixtures("one_thread")

COLLECTIVES = """
import atexit, os, torch
from trigpoint.mapping.parallel import join_workers
def check_left():
    if torch.distributed.is_initialized():
        os._exit(3)
atexit.register(check_left)  # runs after what join_workers registers
workers = join_workers()
network = torch.nn.Linear(2, 1)
network.weight.grad = torch.full((1, 2), float(workers.rank + 1))
network.bias.grad = torch.full((1,), 10.0 * (workers.rank + 1))
workers.average_gradients(network)
assert network.weight.grad.tolist() == [[1.5, 1.5]] and network.bias.grad.tolist() == [15.0]
assert workers.from_first(torch.tensor([float(workers.rank)])).item() == 0
assert workers.any(workers.rank == 1) and not workers.any(False)
workers.wait()
"""


SAME_WEIGHTS = """
import sys, torch
from trigpoint.build import training_rounds as build_training
from trigpoint.build.context import BuildControl
from trigpoint.build.pipeline import build_map
from trigpoint.formats.readers import open_scene
from trigpoint.mapping.parallel import join_workers
from trigpoint.mapping.presets import resolve_config
torch.set_num_threads(1)
trained, original = [], build_training.train_head
def keeping(*arguments, **named):
    trained.append(original(*arguments, **named))
    return trained[-1]
build_training.train_head = keeping
workers, config = join_workers(), resolve_config("poker-compact", [*sys.argv[3:], "ensemble=2"])
build_map(open_scene(sys.argv[1]), sys.argv[2], config=config, control=BuildControl(workers=workers))
assert len(trained) == 2
for training in trained:
    weights = torch.cat([parameter.detach().flatten() for parameter in training.head.parameters()])
    assert torch.equal(workers.from_first(weights.clone()), weights), "the processes have drifted apart"
"""


def torchrun(*arguments):
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def test_messages_between_processes(tmp_path):
    script = tmp_path / "collectives.py"
    script.write_text(COLLECTIVES)
    done = torchrun(str(script))
    assert done.returncode == 0, done.stderr[-2000:]


def test_alone_nothing_happens():
    network = torch.nn.Linear(2, 1)
    network.weight.grad = torch.ones(1, 2)
    ALONE.average_gradients(network)
    assert network.weight.grad.tolist() == [[1, 1]]
    assert ALONE.any(True) and not ALONE.any(False) and ALONE.first
    ALONE.wait()


@pytest.fixture(scope="module")
def samples_alone(room, one_thread, tmp_path_factory):
    """Number of samples that one process makes of the room."""
    path = tmp_path_factory.mktemp("alone") / "one.trig"
    return (
        build_map(open_scene(room), path, config=resolve_config("ace-compact", CHEAP)).map.sources["network"].record.samples
    )


@pytest.mark.parametrize("preset", ["ace-compact", "trig-network"])
def test_two_processes_make_one_map(room, tmp_path, preset, samples_alone):
    output = tmp_path / "two.trig"
    # Landmarks that two images see, because these are small and few; all other keypoints are learned, too.
    chosen = settings((*CHEAP, "triangulation.min_images=2", *(["min_samples=0"] if preset == "trig-network" else [])))
    done = torchrun("-m", "trigpoint", "map", str(room), "-o", str(output), "--preset", preset, *chosen)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "errors alone" not in " ".join(done.stderr.split())
    # Only the first process speaks.
    assert done.stdout.count("two.trig") == 1
    scene_map = load_map(output)
    # Each process read its half of the images, in the views that one process would have drawn; the map counts all samples.
    assert scene_map.sources["network"].record.samples == samples_alone
    assert scene_map.sources["network"].record.training[-1].step == 60
    assert not output.with_name(output.name + ".work").exists()


def test_processes_stay_together(room, tmp_path):
    """Each draws its own batches: without the mean of their gradients the weights would differ."""
    script = tmp_path / "same.py"
    script.write_text(SAME_WEIGHTS)
    done = torchrun(str(script), str(room), str(tmp_path / "two.trig"), *CHEAP)
    assert done.returncode == 0, done.stderr[-2000:]


def test_each_process_takes_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    asked = []
    monkeypatch.setattr(torch, "empty", lambda *_, device: asked.append(str(device)))
    for rank in ("0", "3"):
        monkeypatch.setenv("LOCAL_RANK", rank)
        assert str(pick_device()) == str(pick_device("cuda")) == f"cuda:{rank}"
        assert str(pick_device("cpu")) == "cpu"
    monkeypatch.delenv("LOCAL_RANK")
    assert str(pick_device()) == "cuda"
