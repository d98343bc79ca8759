"""The part of YAML that calibration files are written in, as plain values.

Nested keys by indentation, lists in brackets or of lines that begin with a dash, numbers, words, comments. Tags such as
``!!opencv-matrix`` are ignored. There are no anchors, no types and no code, so nothing in a file can do more than be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

# Calibrations have three levels.
_MAX_DEPTH = 20
_KEY = re.compile(r"""("[^"]*"|'[^']*'|[^\s"'\[\]{},:][^\[\]{},:]*):(?:\s+(.*))?$""")
_WORDS = {"true": True, "false": False, "null": None, "~": None}
_TOKEN = re.compile(r"""\s*("[^"]*"|'[^']*'|[\[\],]|[^\[\],]+)""")


def parse_yaml(text: str) -> dict[str, Any]:
    """The keys of a file with their values: numbers, words, True, False, None, lists and dictionaries of these.

    Raises:
        ValueError: text of another kind; the message names the line.
    """
    lines = list(_logical_lines(text))
    if not lines:
        return {}
    value, rest = _block(lines, 0, 0)
    if rest < len(lines) or not isinstance(value, dict):
        number = lines[min(rest, len(lines) - 1)][0]
        raise ValueError(f"line {number} is not of the form 'key: value'")
    return value


def _logical_lines(text: str) -> Iterator[tuple[int, int, str]]:
    """(line number, indentation, text) without comments; a list in brackets that goes over several lines is one of them."""
    start, indent, balance = 0, 0, 0
    held: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        content = re.sub(r"""(^|\s)#.*$""", "", line.expandtabs()).rstrip()
        if not held and (not content.strip() or content.startswith("%") or content in ("---", "...")):
            continue
        if not held:
            start, indent, balance = number, len(content) - len(content.lstrip()), 0
        held.append(content.strip())
        balance += content.count("[") - content.count("]")
        if balance <= 0:
            yield start, indent, " ".join(held)
            held = []
    if held:
        raise ValueError(f"the list that begins in line {start} has no end")


def _block(lines: list[tuple[int, int, str]], first: int, depth: int) -> tuple[Any, int]:
    """The value that begins at a line, and the index of the line behind it."""
    number, indent, text = lines[first]
    if depth > _MAX_DEPTH:
        raise ValueError(f"line {number} is nested too deeply")
    if text.startswith("- ") or text == "-":
        return _dashes(lines, first, indent)
    values: dict[str, Any] = {}
    index = first
    while index < len(lines) and lines[index][1] == indent:
        number, _, text = lines[index]
        match = _KEY.match(text)
        if match is None:
            raise ValueError(f"line {number} is not of the form 'key: value'")
        key, given = match[1].strip().strip("\"'"), re.sub(r"^!\S*\s*", "", match[2] or "")
        if key in values:
            raise ValueError(f"'{key}' occurs a second time in line {number}")
        index += 1
        deeper = index < len(lines) and (
            lines[index][1] > indent or (lines[index][1] == indent and lines[index][2][0] == "-")
        )
        if given or not deeper:
            values[key] = _value(given, number)
        else:
            values[key], index = _block(lines, index, depth + 1)
    if index < len(lines) and lines[index][1] > indent:
        raise ValueError(f"line {lines[index][0]} is indented further than the one before")
    return values, index


def _dashes(lines: list[tuple[int, int, str]], first: int, indent: int) -> tuple[list[Any], int]:
    values: list[Any] = []
    index = first
    while index < len(lines) and lines[index][1] == indent and lines[index][2][0] == "-":
        values.append(_value(lines[index][2][1:].strip(), lines[index][0]))
        index += 1
    return values, index


def _value(text: str, number: int) -> Any:
    if not text.startswith("["):
        return _scalar(text)
    stack: list[list[Any]] = [[]]
    for token in _TOKEN.findall(text):
        word = token.strip()
        if word == "[":
            stack.append([])
        elif word == "]" and len(stack) > 1:
            closed = stack.pop()
            stack[-1].append(closed)
        elif word not in ("", ","):
            stack[-1].append(_scalar(word))
        if len(stack) > _MAX_DEPTH:
            raise ValueError(f"line {number} is nested too deeply")
    if len(stack) != 1 or len(stack[0]) != 1:
        raise ValueError(f"line {number} holds a list with brackets that do not match")
    return stack[0][0]


def _scalar(text: str) -> Any:
    if text[:1] in ("'", '"'):
        return text.strip("\"'")
    if text.lower() in ("", *_WORDS):
        return _WORDS.get(text.lower())
    try:
        return int(text) if re.fullmatch(r"[+-]?\d{1,18}", text) else float(text.replace("_", "x"))
    except ValueError:
        return text
