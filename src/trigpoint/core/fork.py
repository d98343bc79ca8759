"""Check for forked processes, which would wait forever for threads of torch that only their parent has.

``fork`` copies one thread. The pool of torch's other threads is gone in the child, while the library that owns it (OpenMP)
still hands work to them. Processes that are started anew (``spawn``) have no such trouble, and a child that sets one thread
before it computes has none either.
"""

from __future__ import annotations

import os
from pathlib import Path

from trigpoint.core.errors import MappingError

# Whether this process, or one that it was forked from, has computed with several threads.
_threads_used = False
_threads_lost = False


def require_torch_threads(where: str | Path | None = None) -> None:
    """To be called before computing: remembers that threads are used, and refuses where they were lost in a fork.

    Args:
        where: file that the work is about, for the error.

    Raises:
        MappingError: TP-609.
    """
    import torch

    global _threads_used
    if torch.get_num_threads() == 1:
        return
    if _threads_lost:
        raise MappingError(
            "TP-609",
            "this process was forked from one that had computed with several threads, which do not exist here",
            where=where,
            fix="Start processes with multiprocessing.get_context('spawn'), or call torch.set_num_threads(1) in this one.",
        )
    _threads_used = True


def _after_fork_in_child() -> None:
    global _threads_lost
    _threads_lost = _threads_lost or _threads_used


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
