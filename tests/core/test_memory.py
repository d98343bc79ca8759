"""Memory that runs out is a sentence: where, the limit, and what to set."""

from __future__ import annotations

import errno
import subprocess
import sys

import pytest
from support.verb_options import VERB_ARGUMENTS

from trigpoint.cli import run
from trigpoint.commands import VERBS
from trigpoint.commands.options import ProgressOptions
from trigpoint.core.memory import ran_out_of_memory
from trigpoint.core.progress import progress

SHORTAGES = [
    MemoryError(),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"
    ),
    RuntimeError("std::bad_alloc"),
    RuntimeError("can't start new thread"),
    ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    Exception("OpenCV(4.10) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 8 bytes"),
]


@pytest.mark.parametrize("error", SHORTAGES, ids=lambda error: str(error)[:30])
def test_every_library_is_understood(error):
    assert ran_out_of_memory(error)
    outer = ValueError("something else")
    outer.__cause__ = error
    assert ran_out_of_memory(outer)


@pytest.mark.parametrize("error", [ValueError("of memory"), RuntimeError("shape"), OSError(errno.ENOENT, "No such file")])
def test_other_errors_are_others(error):
    assert not ran_out_of_memory(error)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_says_so(verb, monkeypatch, capsys, tmp_path):
    def begin(_):
        with progress("placing images", 1):
            raise MemoryError

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ProgressOptions, "begin", begin)
    assert run([verb, *VERB_ARGUMENTS[verb]]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error TP-617 the memory ran out after 'placing images' was begun") and "need" in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize("megabytes", [400, 1500])
def test_a_limit_that_is_too_low(megabytes):
    script = (
        "import resource, sys\n"
        "from trigpoint.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]) * 10**6,) * 2)\n"
        "main(['info', 'scene'])\n"
    )
    words = [sys.executable, "-c", script, str(megabytes)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error TP-617") and f"{megabytes / 1000:.1f} GB: 'ulimit -v'" in done.stderr
    assert "At least 1.8 GB are needed." in done.stderr
