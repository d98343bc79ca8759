"""Memory that runs out, told by the words of every library that asks for it, and a limit below which none can be loaded."""

from __future__ import annotations

import errno
import resource

from trigpoint.core.errors import MappingError

# numpy with OpenBLAS ends the process without a word of ours at 1.0 GB of addresses; with 1.7 GB all verbs work
# (two cores, torch 2 on a CPU).
_LEAST_BYTES = 1_800_000_000
_WORDS = (
    "allocate memory",
    "bad_alloc",
    "can't start new thread",
    "failed to map segment",
    "insufficient memory",
    "not enough memory",
    "out of memory",
    "unable to allocate",
)


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an error, or one that led to it, says that there is no memory left."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, MemoryError) or (isinstance(cause, OSError) and cause.errno == errno.ENOMEM):
            return True
        if not isinstance(cause, MappingError) and any(word in str(cause).lower() for word in _WORDS):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def memory_error(during: str, advice: str) -> MappingError:
    """The error about memory that ran out (TP-617).

    Args:
        during: the stage that was begun last; empty: none was.
        advice: what to set so that less is needed.
    """
    limit = _limit_bytes()
    allowed = "" if limit is None else f" (this process may use {limit / 1e9:.1f} GB: 'ulimit -v')"
    stage = f"after '{during}' was begun" if during else "while the program was loaded"
    fix = f"Close other programs or raise the limit. {advice}".rstrip()
    return MappingError("TP-617", f"the memory ran out {stage}{allowed}", fix=fix)


def require_memory() -> None:
    """Refuse a limit under which libraries end the process before they can tell why.

    Raises:
        MappingError: TP-617.
    """
    limit = _limit_bytes()
    if limit is not None and limit < _LEAST_BYTES:
        raise memory_error("", f"At least {_LEAST_BYTES / 1e9:.1f} GB are needed.")


def _limit_bytes() -> int | None:
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit
