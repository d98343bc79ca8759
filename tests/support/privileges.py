"""Permissions of files, also for tests that run as root."""

from __future__ import annotations

import ctypes
import os
from contextlib import contextmanager

import pytest

# Linux: struct __user_cap_header_struct of version 3, and two of __user_cap_data_struct.
_VERSION, _PASSES_BY_PERMISSIONS = 0x20080522, 0b110


@contextmanager
def permissions_count():
    """Let root, in this thread, be bound by the permissions of files as everybody else; skip where that cannot be."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header, held = (ctypes.c_uint32 * 2)(_VERSION, 0), (ctypes.c_uint32 * 6)()
    if not hasattr(libc, "capget") or libc.capget(header, held) != 0:
        pytest.skip("root cannot give up its privileges here")
    lower = (ctypes.c_uint32 * 6)(*held)
    lower[0] &= ~_PASSES_BY_PERMISSIONS
    assert libc.capset(header, lower) == 0
    try:
        yield
    finally:
        assert libc.capset(header, held) == 0
