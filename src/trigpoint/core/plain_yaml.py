"""The part of YAML that calibration files are written in, as plain values.

Nested keys by indentation, lists of lines that begin with a dash, lists and keys in brackets and braces, numbers, words and
comments. Tags such as ``!!opencv-matrix`` are ignored. There are no anchors, no types and no code: nothing in a file can do
more than be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

# Calibrations have three levels.
_MAX_DEPTH = 20
_KEY = re.compile(r"""("[^"]*"|'[^']*'|[^\s"'\[\]{},:][^\[\]{},:]*):(?:\s+(.*))?$""")
_WORDS = {"true": True, "false": False, "null": None, "~": None}
_TOKEN = re.compile(r"""\s*("[^"]*"|'[^']*'|[\[\]{},]|[^\[\]{},"']+|["'])""")

# (line number, indentation, text)
_Line = tuple[int, int, str]


def parse_yaml(text: str) -> dict[str, Any]:
    """The keys of a file with their values: numbers, words, True, False, None, lists and dictionaries of these.

    Raises:
        ValueError: text of another kind; the message names the line.
    """
    lines = list(_logical_lines(text))
    if not lines:
        return {}
    in_braces = len(lines) == 1 and lines[0][2].startswith("{")
    value, rest = (_value(lines[0][2], lines[0][0]), 1) if in_braces else _block(lines, 0, 0)
    if rest < len(lines) or not isinstance(value, dict):
        number = lines[min(rest, len(lines) - 1)][0]
        raise ValueError(f"line {number} is not of the form 'key: value'")
    return value


def _logical_lines(text: str) -> Iterator[_Line]:
    """The lines without comments; what stands in brackets over several lines is one of them."""
    start, indent, balance = 0, 0, 0
    held: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        content = re.sub(r"""(^|\s)#.*$""", "", line.expandtabs()).rstrip()
        if not held and (not content.strip() or content.startswith("%") or content in ("---", "...")):
            continue
        if not held:
            start, indent, balance = number, len(content) - len(content.lstrip()), 0
        held.append(content.strip())
        balance += sum(map(content.count, "[{")) - sum(map(content.count, "]}"))
        if balance <= 0:
            yield start, indent, " ".join(held)
            held = []
    if held:
        raise ValueError(f"the list that begins in line {start} has no end")


def _is_dash(line: _Line) -> bool:
    return line[2] == "-" or line[2].startswith("- ")


def _block(lines: list[_Line], first: int, depth: int) -> tuple[Any, int]:
    """The value that begins at a line, and the index of the line behind it."""
    number, indent, _ = lines[first]
    if depth > _MAX_DEPTH:
        raise ValueError(f"line {number} is nested too deeply")
    value, index = _dashes(lines, first, depth) if _is_dash(lines[first]) else _keys(lines, first, depth)
    if index < len(lines) and lines[index][1] > indent:
        raise ValueError(f"line {lines[index][0]} is indented further than the one before")
    return value, index


def _keys(lines: list[_Line], first: int, depth: int) -> tuple[dict[str, Any], int]:
    values: dict[str, Any] = {}
    indent, index = lines[first][1], first
    while index < len(lines) and lines[index][1] == indent and not _is_dash(lines[index]):
        number, _, text = lines[index]
        match = _KEY.match(text)
        if match is None:
            raise ValueError(f"line {number} is not of the form 'key: value'")
        key, given = match[1].strip().strip("\"'"), re.sub(r"^!\S*\s*", "", match[2] or "")
        if key in values:
            raise ValueError(f"'{key}' occurs a second time in line {number}")
        index += 1
        # The lines of a list may be indented like the key that they belong to.
        deeper = index < len(lines) and (lines[index][1] > indent or (lines[index][1] == indent and _is_dash(lines[index])))
        if given or not deeper:
            values[key] = _value(given, number)
        else:
            values[key], index = _block(lines, index, depth + 1)
    return values, index


def _dashes(lines: list[_Line], first: int, depth: int) -> tuple[list[Any], int]:
    values: list[Any] = []
    indent, index = lines[first][1], first
    while index < len(lines) and lines[index][1] == indent and _is_dash(lines[index]):
        number, _, text = lines[index]
        rest = text[1:].lstrip()
        lines[index] = (number, indent + len(text) - len(rest), rest)
        if _is_dash(lines[index]) or _KEY.match(rest):
            # What follows the dash is a list or keys of its own, indented by it.
            value, index = _block(lines, index, depth + 1)
        else:
            value, index = _value(rest, number), index + 1
        values.append(value)
    return values, index


def _value(text: str, number: int) -> Any:
    """A word or number, or what stands in brackets and braces."""
    if text[:1] not in ("[", "{"):
        return _scalar(text)
    # Open lists and dictionaries, the outermost first; the key of each that waits for its value.
    stack: list[list[Any] | dict[str, Any]] = [[]]
    keys: list[str] = [""]
    for token in _TOKEN.findall(text):
        word = token.strip()
        if word in ("[", "{"):
            stack.append([] if word == "[" else {})
            keys.append("")
        elif word in ("]", "}"):
            if len(stack) < 2 or isinstance(stack[-1], list) != (word == "]"):
                break
            closed = stack.pop()
            keys.pop()
            _put(stack, keys, closed)
        elif word not in ("", ","):
            _put_word(stack, keys, word)
        if len(stack) > _MAX_DEPTH:
            raise ValueError(f"line {number} is nested too deeply")
    if len(stack) != 1 or len(stack[0]) != 1 or not isinstance(stack[0], list):
        raise ValueError(f"line {number} holds a list with brackets that do not match")
    return stack[0][0]


def _put(stack: list[list[Any] | dict[str, Any]], keys: list[str], value: Any) -> None:
    container = stack[-1]
    if isinstance(container, list):
        container.append(value)
    else:
        container[keys[-1]], keys[-1] = value, ""


def _put_word(stack: list[list[Any] | dict[str, Any]], keys: list[str], word: str) -> None:
    if isinstance(stack[-1], list):
        _put(stack, keys, _scalar(word))
        return
    key, colon, rest = word.partition(":")
    if not keys[-1]:
        keys[-1] = key.strip().strip("\"'")
        word = rest.strip() if colon else ""
    elif not key.strip():
        # A colon behind a key in quotes.
        word = rest.strip()
    if word:
        _put(stack, keys, _scalar(word))


def _scalar(text: str) -> Any:
    if text[:1] in ("'", '"'):
        return text.strip("\"'")
    if text.lower() in ("", *_WORDS):
        return _WORDS.get(text.lower())
    try:
        return int(text) if re.fullmatch(r"[+-]?\d{1,18}", text) else float(text.replace("_", "x"))
    except ValueError:
        return text
