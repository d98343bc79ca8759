"""Settings of the whole run, and fixtures that several test files share."""

from __future__ import annotations

import os

import pytest


def pytest_addoption(parser):
    text = "draw N times as many cases in tests/faults, which injects faults, mutates files and kills processes"
    parser.addoption("--faults", type=int, default=1, metavar="N", help=text)


def pytest_configure():
    # Before anything loads numpy or torch. Two processes with two threads each would wait for one another, small networks
    # are fastest with one, and the bytes of a map depend on the number.
    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    from support.shape_checks import check_shapes

    check_shapes()


@pytest.fixture(scope="session")
def room(tmp_path_factory):
    """Folder of a small synthetic room: 24 images to map, 6 to test."""
    from support.tiny_scene import write_room

    return write_room(tmp_path_factory.mktemp("scene") / "room")


@pytest.fixture
def unchecked_shapes(monkeypatch):
    """What a user sees who gives an array of a wrong shape: the package's own answer."""
    import jaxtyping

    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.fixture(scope="module")
def one_thread():
    """Bytes depend on the number of threads, and small networks are fastest with one."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
