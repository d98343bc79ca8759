"""What retrieval is evaluated on: query images, gallery images, and which of the gallery are right answers."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.errors import MappingError
from trigpoint.core.regular_file import read_regular
from trigpoint.core.scene import Frame
from trigpoint.features.cache import file_digest

LABEL_FILE = "dataset.csv"
_MAX_TABLE_BYTES = 256 << 20
_COLUMNS = ("image_path", "label", "area", "split")
GALLERY, QUERY = "gallery", "query"


@dataclass(frozen=True, eq=False)
class RetrievalTask:
    """Queries to be found in a gallery.

    Attributes:
        name: name of the scene.
        queries: image files; every one has at least one right answer.
        gallery: image files.
        positives: (Q, G) bool: whether a gallery image is a right answer to a query.
        left_out: number of queries that have no right answer in the gallery and are not asked.
    """

    name: str
    queries: tuple[Path, ...]
    gallery: tuple[Path, ...]
    positives: NDArray[np.bool_]
    left_out: int

    def copies(self) -> int:
        """Number of queries whose file is in the gallery, too, under any name. Raises ImageError (TP-101)."""
        gallery = {file_digest(path) for path in self.gallery}
        return sum(file_digest(path) in gallery for path in self.queries)


def retrieval_task(
    name: str, queries: Sequence[Path], gallery: Sequence[Path], positives: NDArray[np.bool_], where: Path
) -> RetrievalTask:
    """A task without the queries that have no right answer.

    Args:
        name: name of the scene.
        queries: Q image files.
        gallery: G image files.
        positives: (Q, G) bool: whether the gallery image of an index is a right answer.
        where: the scene, for errors.

    Raises:
        MappingError: no query with a right answer (TP-635).
    """
    asked = np.asarray(positives.reshape(len(queries), len(gallery)).any(axis=1))
    if not asked.any():
        raise MappingError(
            "TP-635",
            f"there is nothing to evaluate: none of {len(queries)} queries has a right answer among {len(gallery)} images",
            where=where,
            fix="Hold out some images that see what others see, such as --holdout every:8:0.",
        )
    answerable = tuple(path for path, used in zip(queries, asked, strict=True) if used)
    return RetrievalTask(name, answerable, tuple(gallery), positives[asked], int((~asked).sum()))


def posed_task(
    name: str, queries: Sequence[Frame], gallery: Sequence[Frame], positives: NDArray[np.bool_], where: Path
) -> RetrievalTask:
    """The task of a scene with poses; (Q, G) ``positives`` by index say who sees the same. Raises as ``retrieval_task``."""
    asked, searched = ([frame.image_path for frame in frames] for frames in (queries, gallery))
    return retrieval_task(name, asked, searched, positives, where)


def is_labelled(folder: Path) -> bool:
    """Whether a folder holds images with labels instead of poses: a file ``dataset.csv``."""
    return (folder / LABEL_FILE).is_file()


def labelled_task(folder: Path) -> RetrievalTask:
    """Read images with labels: ``dataset.csv`` with the columns image_path, label, area and split (gallery or query).

    Right answers have the label and the area of the query, such as one room on one floor.

    Raises:
        MappingError: a file that is not such a table (TP-637), no query with a right answer (TP-635).
    """
    rows = _rows(folder / LABEL_FILE)
    queries = [row for row in rows if row["split"] == QUERY]
    gallery = [row for row in rows if row["split"] == GALLERY]
    positives = np.array([[_class(query) == _class(image) for image in gallery] for query in queries], dtype=bool)
    asked, searched = ([folder / row["image_path"] for row in part] for part in (queries, gallery))
    return retrieval_task(folder.resolve().name, asked, searched, positives, folder)


def _class(row: dict[str, str]) -> tuple[str, str]:
    return row["label"], row["area"]


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        table = csv.DictReader(StringIO(read_regular(path, _MAX_TABLE_BYTES).decode("utf-8-sig")), strict=True)
        rows = list(table)
    except (OSError, ValueError, csv.Error) as error:
        raise _not_a_table(path, f"it cannot be read ({error})") from error
    missing = [column for column in _COLUMNS if column not in (table.fieldnames or ())]
    if missing:
        raise _not_a_table(path, f"there is no column '{missing[0]}'")
    for number, row in enumerate(rows, start=2):
        if any(not row[column] for column in _COLUMNS) or row["split"] not in (GALLERY, QUERY):
            raise _not_a_table(path, f"row {number} is incomplete, or its split is neither gallery nor query")
    return rows


def _not_a_table(path: Path, detail: str) -> MappingError:
    return MappingError(
        "TP-637",
        f"this list of labelled images cannot be used: {detail}",
        where=path,
        fix=f"It needs the columns {', '.join(_COLUMNS)}.",
    )
