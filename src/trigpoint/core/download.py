"""Downloads of one file over HTTP: resumable, and nothing keeps its final name that was not verified.

A file that is being fetched is ``NAME.part``; ``NAME.part.json`` beside it remembers which version of the file it is, so
that a file that changed on the server is fetched from the start.
"""

from __future__ import annotations

import http.client
import json
import re
import shutil
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from trigpoint.core.artifact import sha256_of, write_json
from trigpoint.core.errors import DownloadError, OutputError
from trigpoint.core.progress import progress

CHUNK_BYTES = 1 << 20
TIMEOUT_S = 60.0
ATTEMPTS = 3
# Room that is left free for whatever else happens on the disk.
SPARE_BYTES = 64 << 20


@dataclass(frozen=True)
class _Answer:
    """What the server says: total bytes (0 if unknown), where the body starts, and the mark of the file's version."""

    total: int
    start: int
    version: str


def fetch(
    url: str, target: Path, *, sha256: str = "", size_bytes: int = 0, unpacked_factor: float = 0.0, otherwise: str = ""
) -> None:
    """Fetch a file, continuing an interrupted fetch.

    Args:
        url: http or https address.
        target: final path.
        sha256: hex digest that the file must have, ``""`` if unknown.
        size_bytes: size that it must have, 0 if unknown.
        unpacked_factor: room to ask for beside the file, as a multiple of it, for unpacking.
        otherwise: another way to get the file, a sentence for the error where it cannot be fetched.

    Raises:
        OutputError: the folder cannot be made (TP-801).
        DownloadError: no room on the disk (TP-901); no connection, an HTTP error, or the connection ends early several
            times (TP-902); another size or digest than published (TP-903).
    """
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            "TP-801", f"the folder cannot be made ({error.strerror})", where=target.parent, fix="Choose another folder."
        ) from error
    failure: Exception | None = None
    for _ in range(ATTEMPTS):
        before = part.stat().st_size if part.exists() else 0
        try:
            if _fetch_rest(url, part, size_bytes, unpacked_factor):
                break
            failure = ConnectionError("the connection ended before the end of the file")
        except urllib.error.HTTPError as error:
            raise _unreachable(url, f"HTTP {error.code} {error.reason}", otherwise) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            failure = error
        # Without progress another attempt is no use.
        if (part.stat().st_size if part.exists() else 0) == before:
            raise _unreachable(url, _reason(failure), otherwise) from failure
    else:
        raise _unreachable(url, _reason(failure), otherwise) from failure
    _verify(part, url, sha256, size_bytes)
    part.replace(target)
    _note_of(part).unlink(missing_ok=True)


def require_room(folder: Path, needed_bytes: int) -> None:
    """Refuse to begin what cannot end.

    Raises:
        DownloadError: TP-901.
    """
    existing = next(item for item in (folder.absolute(), *folder.absolute().parents) if item.exists())
    free = shutil.disk_usage(existing).free
    if free < needed_bytes + SPARE_BYTES:
        raise DownloadError(
            "TP-901",
            f"{needed_bytes / 1e9:.2f} GB are needed on this disk and {free / 1e9:.2f} GB are free",
            where=folder,
            fix="Free some space, fetch less, or choose a folder on another disk.",
        )


def _fetch_rest(url: str, part: Path, size_bytes: int, unpacked_factor: float) -> bool:
    """Append what is missing; whether the file is then complete."""
    note = _read_note(part, url)
    done = part.stat().st_size if part.exists() and note else 0
    headers = {"User-Agent": "trigpoint", "Accept-Encoding": "identity"}
    if done:
        headers |= {"Range": f"bytes={done}-", "If-Range": note["version"]}
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and done:
                if done == note.get("total"):
                    return True
                part.unlink()
                return False
        raise
    with response:
        answer = _answer(response)
        total = answer.total or size_bytes
        require_room(part.parent, max(total - answer.start, 0) + int(unpacked_factor * total))
        if answer.version:
            write_json(_note_of(part), {"url": url, "version": answer.version, "total": answer.total})
        with part.open("r+b" if answer.start else "wb") as stream:
            stream.seek(answer.start)
            stream.truncate()
            got = answer.start + _copy(response, stream, answer, part.name.removesuffix(".part"))
    return not answer.total or got == answer.total


def _answer(response: Any) -> _Answer:
    # A weak mark says that two versions mean the same, not that they have the same bytes.
    tag = response.headers.get("ETag", "")
    version = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")
    length = int(response.headers.get("Content-Length") or 0)
    if response.status != http.client.PARTIAL_CONTENT:
        return _Answer(length, 0, version)
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", ""))
    if match is None:
        raise ValueError("the server answers with a part of the file and does not say which")
    total = int(match[3]) if match[3] != "*" else 0
    return _Answer(total, int(match[1]), version)


def _copy(response: Any, stream: BinaryIO, answer: _Answer, title: str) -> int:
    """Copy the body; number of bytes. What arrived before an error is kept."""
    steps = -(-answer.total // CHUNK_BYTES)
    got = 0
    with progress(f"{title[:40]} (MiB)", steps, start=answer.start // CHUNK_BYTES) as advance:
        while chunk := response.read(CHUNK_BYTES):
            try:
                stream.write(chunk)
            except OSError as error:
                raise DownloadError(
                    "TP-901", f"the disk takes no more ({error.strerror})", where=stream.name, fix="Free some space."
                ) from error
            got += len(chunk)
            advance()
    return got


def _note_of(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _read_note(part: Path, url: str) -> dict[str, Any]:
    """What is known about a partial file; empty if it cannot be continued."""
    with suppress(OSError, ValueError):
        note = json.loads(_note_of(part).read_text(encoding="utf-8"))
        if isinstance(note, dict) and note.get("url") == url and isinstance(note.get("version"), str):
            return note
    return {}


def _verify(part: Path, url: str, sha256: str, size_bytes: int) -> None:
    problem = ""
    if size_bytes and part.stat().st_size != size_bytes:
        problem = f"it has {part.stat().st_size} bytes and should have {size_bytes}"
    elif sha256 and sha256_of(part) != sha256:
        problem = "its SHA-256 is not the published one"
    if problem:
        part.unlink()
        _note_of(part).unlink(missing_ok=True)
        raise DownloadError(
            "TP-903",
            f"the file behind the address is not the published one: {problem}; it was deleted",
            where=url,
            fix="Try again; if that does not help, the publisher has changed it: get it from its page.",
        )


def _reason(error: Exception | None) -> str:
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    return str(error) or type(error).__name__


def _unreachable(url: str, reason: str, otherwise: str) -> DownloadError:
    return DownloadError(
        "TP-902",
        f"the file cannot be fetched ({reason})",
        where=url,
        fix=f"Check the connection and run the same command again: what has arrived is kept. {otherwise}".strip(),
    )
