"""A forked child of a process that computed with several threads gets an error instead of waiting forever."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked here")

# The parent computes with its threads, then forks; the child does what the argument says.
FORKED = """
import os, sys
import torch
from trigpoint.core.errors import TrigpointError
from trigpoint.core.fork import require_torch_threads
parent_threads, child_threads = int(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(parent_threads)
def compute():
    require_torch_threads("kitchen.trig")
    return float((torch.ones(2000, 2000) @ torch.ones(2000, 2000)).sum())
compute()
child = os.fork()
if child == 0:
    if child_threads:
        torch.set_num_threads(child_threads)
    try:
        print(compute(), flush=True)
    except TrigpointError as error:
        print(error, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


def run_forked(parent_threads, child_threads=0):
    command = [sys.executable, "-c", FORKED, str(parent_threads), str(child_threads)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=True).stdout


def test_a_forked_child_that_lost_its_threads_is_told():
    said = run_forked(2)
    assert said.startswith("TP-609") and "kitchen.trig" in said and "spawn" in said


@pytest.mark.parametrize(("parent_threads", "child_threads"), [(1, 0), (2, 1)])
def test_a_forked_child_that_needs_no_threads_computes(parent_threads, child_threads):
    assert float(run_forked(parent_threads, child_threads)) == 2000.0**3
