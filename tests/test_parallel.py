"""Several processes that train one map together, on the CPU."""

import subprocess
import sys

import pytest
import torch
from tiny_place import CHEAP, settings

from trigpoint.mapping.parallel import ALONE
from trigpoint.mapping.scene_map import load_map

pytestmark = pytest.mark.usefixtures("one_thread")

COLLECTIVES = """
import torch
from trigpoint.mapping.parallel import join_workers
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


@pytest.mark.parametrize("preset", ["ace-compact", "trig"])
def test_two_processes_make_one_map(room, tmp_path, preset):
    output = tmp_path / "two.trig"
    # Landmarks that two photos see, because these are small and few.
    chosen = settings((*CHEAP, "landmarks.min_photos=2", "buffer.enough=0"))
    done = torchrun("-m", "trigpoint", "map", str(room), "-o", str(output), "--preset", preset, *chosen)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "errors alone" not in " ".join(done.stderr.split())
    scene_map = load_map(output)
    # Each process read half of the photos; the map counts all samples.
    assert scene_map.built_from["samples"] > 24 * 2 * 100
    assert scene_map.training[-1]["step"] == 60
    assert not output.with_name(output.name + ".work").exists()
