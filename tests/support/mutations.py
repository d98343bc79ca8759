"""Damage that files take, and damage that somebody gives them: of bytes, text and JSON. All is drawn from a generator."""

from __future__ import annotations

import copy
import json
import re
from contextlib import suppress

NUMBERS = [
    *("nan", "inf", "-inf", "-1", "0", "-0", "1e400", "1e308", "-1e308", "1e-320", "4294967296", "18446744073709551615"),
    *("9" * 30, "9" * 5000, "1_0", "0x10", "1,5", "+1", "1e", ".", "", "\u0663", "1 2", "True", "null", "a" * 300),
]
WORDS = [
    "\0",
    "\r",
    "\x1b[31m",
    "\ufeff",
    "\u2028",
    "é",
    "#",
    ",",
    "..",
    "/",
    "../../etc/passwd",
    "a" * 5000,
    "\ud800",
    "[red]",
]
VALUES = [
    *(
        None,
        True,
        False,
        0,
        -1,
        1e308,
        10**400,
        float("nan"),
        float("inf"),
        "",
        "x",
        "nan",
        "a" * 5000,
        "\0",
        "../..",
        "\ud800",
    ),
    *([], {}, [[]], [1, 2, 3], {"a": 1}, [None] * 16, [[1, 0, 0, 0]] * 4, [[1e308] * 4] * 4),
]
_NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?")
# Repeated lines of repeated words would take longer to damage than to read.
_LONG_TEXT = 1 << 21
_INTERESTING = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF]


def choice(generator, values):
    return values[int(generator.integers(len(values)))]


def mutated_bytes(content: bytes, generator, most: int = 6) -> bytes:
    """One to ``most`` of: flipped bits, other bytes, large numbers, runs cut, repeated, zeroed, swapped; an early end."""
    data = bytearray(content)
    for _ in range(int(generator.integers(1, most + 1))):
        if not data:
            return bytes(data)
        # Half of the damage lies where headers are.
        reach = min(len(data), 120) if generator.random() < 0.5 else len(data)
        at, length = int(generator.integers(reach)), int(2 ** generator.uniform(0, 9))
        kind = int(generator.integers(9))
        if kind == 0:
            data[at] ^= 1 << int(generator.integers(8))
        elif kind == 1:
            data[at] = int(generator.integers(256))
        elif kind == 2:
            width = choice(generator, [1, 2, 4, 8])
            value = choice(generator, _INTERESTING) & ((1 << (8 * width)) - 1)
            data[at : at + width] = value.to_bytes(width, "little" if generator.random() < 0.5 else "big")
        elif kind == 3:
            del data[at : at + length]
        elif kind == 4:
            data[at:at] = data[at : at + length] * int(2 ** generator.uniform(0, 8))
        elif kind == 5:
            data[at : at + length] = bytes(len(data[at : at + length]))
        elif kind == 6:
            other = int(generator.integers(len(data)))
            data[at : at + length], data[other : other + length] = data[other : other + length], data[at : at + length]
        elif kind == 7:
            data[at:at] = generator.bytes(length)
        else:
            del data[int(generator.integers(len(data))) :]
    return bytes(data)


def mutated_text(text: str, generator, most: int = 4) -> str:
    """One to ``most`` of: other numbers, strange words, lines lost, repeated, swapped or joined, separators exchanged."""
    for _ in range(int(generator.integers(1, most + 1))):
        if len(text) > _LONG_TEXT:
            break
        lines = text.split("\n")
        row, other = int(generator.integers(len(lines))), int(generator.integers(len(lines)))
        kind = int(generator.integers(9))
        numbers = list(_NUMBER.finditer(text))
        if kind <= 2 and numbers:
            found = choice(generator, numbers)
            text = text[: found.start()] + choice(generator, NUMBERS) + text[found.end() :]
            continue
        if kind == 3:
            at = int(generator.integers(len(text) + 1))
            text = text[:at] + choice(generator, WORDS) + text[at:]
            continue
        if kind == 4:
            del lines[row]
        elif kind == 5:
            lines[row:row] = [lines[row]] * int(2 ** generator.uniform(0, 10))
        elif kind == 6:
            lines[row], lines[other] = lines[other], lines[row]
        elif kind == 7:
            words = lines[row].split(" ")
            place = int(generator.integers(len(words)))
            words[place:place] = choice(generator, [[], [""], words, words[::-1], words * 50])
            lines[row] = " ".join(words if generator.random() < 0.5 else words[:place])
        else:
            text = text.replace(
                *choice(generator, [(" ", ","), (",", " "), ("\n", "\r\n"), (".", ","), ("\n", " "), ("/", "\\")])
            )
            continue
        text = "\n".join(lines)
    return text


def mutated_json(document, generator, most: int = 3) -> str:
    """JSON with one to ``most`` values exchanged, lost, repeated, or deeply nested; now and then damaged as text."""
    document = copy.deepcopy(document)
    for _ in range(int(generator.integers(1, most + 1))):
        holder, key = choice(generator, list(_places(document)) or [({"a": 1}, "a")])
        kind = int(generator.integers(6))
        if kind <= 2:
            holder[key] = choice(generator, VALUES)
        elif kind == 3:
            del holder[key]
        elif kind == 4:
            if isinstance(holder, list):
                holder[key:key] = [holder[key]] * int(2 ** generator.uniform(0, 8))
            else:
                holder[choice(generator, ["w", "fl_x", "camera_model", "scale", "file_path", "extra"])] = holder[key]
        else:
            for _ in range(int(2 ** generator.uniform(0, 9))):
                holder[key] = [holder[key]]
    text = json.dumps(document)
    return text if generator.random() < 0.8 else mutated_text(text, generator, 2)


def _places(document):
    """(dictionary or list, key or index) of every value."""
    items = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    for key, value in list(items):
        yield document, key
        yield from _places(value)


def mutated_file(name: str, data: bytes, generator) -> bytes:
    """A file of a scene, damaged as what it is, or as bytes."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return mutated_bytes(data, generator)
    if generator.random() < 0.15:
        return mutated_bytes(data, generator)
    if name.endswith(".json") and generator.random() < 0.8:
        with suppress(ValueError, RecursionError):
            return mutated_json(json.loads(text), generator).encode(errors="surrogatepass")
    return mutated_text(text, generator).encode(errors="surrogatepass")
