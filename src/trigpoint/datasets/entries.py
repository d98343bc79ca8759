"""The catalogue of public data sets: what there is, under which licence, and where it is fetched from.

Addresses are those of the data sets' own pages and set-up instructions; checksums are given where they are published.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from trigpoint.core.errors import SceneError, did_you_mean


@dataclass(frozen=True)
class RemoteFile:
    """One file of a data set.

    Attributes:
        scene: the scene it belongs to, the unit of ``--scenes``.
        url: address.
        to: where it goes below the data set's folder: a folder for an archive, else the file.
        unpack: ``"zip"``, ``"tar"`` or ``""``.
        sha256: published hex digest, ``""`` if there is none.
        size_bytes: published size, 0 if there is none.
    """

    scene: str
    url: str
    to: PurePosixPath
    unpack: str = ""
    sha256: str = ""
    size_bytes: int = 0


@dataclass(frozen=True)
class Licence:
    """The licence of a data set.

    Attributes:
        text: the licence in words.
        restricted: whether it must be accepted before anything is fetched.
    """

    text: str
    restricted: bool


@dataclass(frozen=True)
class DataSet:
    """One data set.

    Attributes:
        name: key of the catalogue.
        title: what papers call it.
        what: one line about it.
        page: where it is described, with its licence.
        licence: its licence.
        format: reader of its scenes.
        size: published size in words, ``""`` if there is none.
        files: what is fetched; none for data sets that others are put together to.
        use: what to do with it afterwards.
        rooms: the scenes that such a data set consists of, as ``DATA SET/FOLDER``, in the order of the papers.
    """

    name: str
    title: str
    what: str
    page: str
    licence: Licence
    format: str
    size: str
    files: tuple[RemoteFile, ...]
    use: str
    rooms: tuple[str, ...] = ()

    @property
    def scenes(self) -> tuple[str, ...]:
        """Names of the scenes, in the order of the catalogue."""
        return tuple(dict.fromkeys(file.scene for file in self.files))

    def files_of(self, scenes: Sequence[str]) -> tuple[RemoteFile, ...]:
        """The files of some scenes; of all if none is named.

        Raises:
            SceneError: unknown scene (TP-263).
        """
        for scene in scenes:
            if scene not in self.scenes:
                raise SceneError(
                    "TP-263", f"{self.name} has no scene '{scene}'", where=self.page, fix=did_you_mean(scene, self.scenes)
                )
        return tuple(file for file in self.files if not scenes or file.scene in scenes)

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.name,
            "title": self.title,
            "what": self.what,
            "page": self.page,
            "licence": self.licence.text,
            "restricted": self.licence.restricted,
            "format": self.format,
            "size": self.size or None,
            "scenes": list(self.scenes),
            "addresses": [file.url for file in self.files],
            "use": self.use,
            "rooms": list(self.rooms),
        }


@cache
def catalogue() -> dict[str, DataSet]:
    """All data sets by name."""
    text = Path(__file__).with_name("catalogue.json").read_text(encoding="utf-8")
    return {entry["name"]: _data_set(entry) for entry in json.loads(text)["data_sets"]}


def find_data_set(name: str) -> DataSet:
    """The data set of that name. Raises SceneError TP-263."""
    known = catalogue()
    if name not in known:
        raise SceneError("TP-263", f"there is no data set '{name}'", where="datasets", fix=did_you_mean(name, known))
    return known[name]


def _data_set(entry: dict[str, Any]) -> DataSet:
    files = tuple(
        RemoteFile(
            file["scene"],
            file["url"],
            PurePosixPath(file["to"]),
            file.get("unpack", ""),
            file.get("sha256", ""),
            file.get("bytes", 0),
        )
        for file in entry["files"]
    )
    licence = Licence(entry["licence"], entry["restricted"])
    plain = {key: entry[key] for key in ("name", "title", "what", "page", "format", "size", "use")}
    return DataSet(**plain, licence=licence, files=files, rooms=tuple(entry.get("rooms", ())))
