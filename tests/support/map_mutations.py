"""Map files that somebody has changed, with the checksum that belongs to them: seeded, one change or a few at a time."""

from __future__ import annotations

import hashlib
import json
import struct
from typing import Any

import numpy as np
from safetensors.numpy import save

from trigpoint.core.artifact import Artifact

_NUMBERS = (
    0,
    -1,
    1,
    2,
    3,
    7,
    64,
    10**5,
    10**9,
    2**31,
    2**63,
    10**19,
    10**300,
    10**400,
    -(10**9),
    0.5,
    -0.5,
    1e-300,
    1e300,
    float("nan"),
    float("inf"),
)
_VALUES = (None, True, False, "", "x", "\x1b[2J", "supergf", "mean", "gem", "landmarks", [], {}, [[]], [None], {"kind": "x"})
_TYPES = ("f2", "f4", "f8", "i1", "i4", "i8", "u1", "u2", "u8", "?", "c8")
_FLOATS = (np.nan, np.inf, -np.inf, 1e38, -1e38, 6e4, 0.0, 1e-45)


def mutated(artifact: Artifact, seed: int) -> bytes:
    """The bytes of a changed file."""
    generator = np.random.default_rng(seed)
    tensors, metadata = dict(artifact.tensors), json.loads(json.dumps(artifact.metadata))
    for _ in range(1 + generator.geometric(0.7) - 1):
        if generator.random() < 0.5:
            metadata = _changed_json(metadata, generator)
        else:
            _change_tensors(tensors, generator)
    return encoded(tensors, metadata)


def encoded(tensors: dict[str, Any], metadata: Any, **wrong: Any) -> bytes:
    """As ``encode_artifact``, for any JSON; with the ``checksum`` that is given in place of the right one."""
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    checksum = "0" * 64
    data = b""
    for _ in range(2):
        document = {**metadata, "sha256": wrong.get("checksum", checksum)} if isinstance(metadata, dict) else metadata
        data = save(arrays, metadata={"trigpoint": json.dumps(document)})
        checksum = hashlib.sha256(data).hexdigest()
    return data


def flipped(data: bytes, seed: int) -> bytes:
    """The bytes of a file that was damaged: flipped, cut, doubled or overwritten in places; its checksum does not fit."""
    generator = np.random.default_rng(seed)
    changed = bytearray(data)
    kind = generator.integers(5)
    at = int(generator.integers(len(changed)))
    # The header is small, and most of what can go wrong is there.
    if generator.random() < 0.5:
        at = int(generator.integers(min(len(changed), 8 + struct.unpack("<Q", data[:8])[0])))
    if kind == 0:
        changed[at] ^= 1 << int(generator.integers(8))
    elif kind == 1:
        del changed[at:]
    elif kind == 2:
        changed[at:at] = changed[: int(generator.integers(1, 2000))]
    elif kind == 3:
        changed[at : at + 8] = generator.bytes(8)
    else:
        changed[:8] = struct.pack("<Q", int(generator.integers(0, 2**63)))
    return bytes(changed)


def _changed_json(value: Any, generator: np.random.Generator) -> Any:
    """A copy with one value somewhere inside replaced, removed or added."""
    if isinstance(value, dict) and value and generator.random() < 0.95:
        key = str(generator.choice(sorted(value)))
        result = dict(value)
        action = generator.random()
        if action < 0.06:
            del result[key]
        elif action < 0.1:
            result[key + "s"] = result[key]
        else:
            result[key] = _changed_json(value[key], generator)
        return result
    if isinstance(value, list) and value and generator.random() < 0.8:
        index = int(generator.integers(len(value)))
        action = generator.random()
        if action < 0.1:
            return value[:index]
        if action < 0.2:
            return value * int(generator.integers(2, 200))
        return [*value[:index], _changed_json(value[index], generator), *value[index + 1 :]]
    choices = (*_NUMBERS, *_VALUES)
    return choices[int(generator.integers(len(choices)))]


def _change_tensors(tensors: dict[str, Any], generator: np.random.Generator) -> None:
    """Replace, remove, add or rename one of the arrays."""
    names = sorted(tensors)
    name = names[int(generator.integers(len(names)))]
    array = tensors[name]
    action = int(generator.integers(9))
    if action == 0:
        del tensors[name]
    elif action == 1:
        tensors[name + "x"] = tensors.pop(name)
    elif action == 2:
        tensors[name] = tensors[names[int(generator.integers(len(names)))]]
    elif action == 3:
        with np.errstate(all="ignore"):
            tensors[name] = array.astype(_TYPES[int(generator.integers(len(_TYPES)))])
    elif action == 4:
        tensors[name] = array[: int(generator.integers(len(array) + 1))] if array.ndim else array
    elif action == 5:
        tensors[name] = array.reshape((1, *array.shape) if generator.random() < 0.5 else (-1,))
    elif action == 6:
        tensors[name] = np.zeros((0, int(generator.integers(1, 10**12))), array.dtype)
    elif action == 7 and array.size and array.dtype.kind == "f":
        with np.errstate(all="ignore"):
            changed = array.copy()
            changed.reshape(-1)[int(generator.integers(array.size))] = _FLOATS[int(generator.integers(len(_FLOATS)))]
            tensors[name] = changed
    elif array.size:
        raw = bytearray(np.ascontiguousarray(array).tobytes())
        for at in generator.integers(len(raw), size=int(generator.integers(1, 50))):
            raw[at] = int(generator.integers(256))
        tensors[name] = np.frombuffer(bytes(raw), array.dtype).reshape(array.shape)
