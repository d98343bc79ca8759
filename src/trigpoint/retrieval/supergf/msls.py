"""Labels of Mapillary Street-Level Sequences: the overlap of the ground that two images see, from position and heading.

Layout: ``CITY/{query,database}/images/KEY.jpg`` with ``postprocessed.csv`` (easting, northing: UTM, m) and ``raw.csv`` (ca:
heading in degrees clockwise from north; pano). A field of view is a sector of 90 degrees and 50 m, and the label of two
images is intersection over union of their sectors (Leyva-Vallina, Strisciuglio and Petkov, CVPR 2023).
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import KDTree

from trigpoint.core.errors import MappingError

ANGLE_DEG = 90.0
RADIUS_M = 50.0
_RINGS = 32
_PAIRS_AT_ONCE = 20_000
_PARTS, _POSITIONS = ("query", "database"), "postprocessed.csv"
_COLUMNS = {_POSITIONS: ("key", "easting", "northing"), "raw.csv": ("key", "ca")}


@dataclass(frozen=True, eq=False)
class StreetImages:
    """Images of one city.

    Attributes:
        paths: image files.
        position_m: (N, 2) float64 easting and northing, m.
        heading_deg: (N,) float64, clockwise from north.
    """

    paths: tuple[Path, ...]
    position_m: NDArray[np.float64]
    heading_deg: NDArray[np.float64]

    def overlap(self) -> sparse.coo_array:
        """(N, N) field-of-view overlap, see ``sector_overlap``."""
        return sector_overlap(self.position_m, self.heading_deg)


def is_city(folder: Path) -> bool:
    """Whether a folder is a city of the data set."""
    return any((folder / part / _POSITIONS).is_file() for part in _PARTS)


def read_city(folder: Path, parts: Sequence[str] = _PARTS) -> StreetImages:
    """Read a city. Panoramas are left out: they have no field of view; so are images whose image file is not there.

    Raises:
        MappingError: a table is missing or not of this form (TP-645), or no image is left (TP-646).
    """
    paths: list[Path] = []
    rows: list[tuple[float, float, float]] = []
    for part in parts:
        positions, headings = (_table(folder / part / name) for name in _COLUMNS)
        for key, position in positions.items():
            raw, path = headings.get(key), folder / part / "images" / f"{key}.jpg"
            if raw is None or raw.get("pano", "").lower() == "true" or not path.is_file():
                continue
            values = (position["easting"], position["northing"], raw["ca"])
            rows.append(_numbers(values, folder / part, key))
            paths.append(path)
    if not paths:
        raise MappingError("TP-646", "no image with position and heading is there", where=folder, fix="Unpack the images.")
    table = np.array(rows)
    return StreetImages(tuple(paths), table[:, :2], table[:, 2])


def sector_overlap(
    position_m: NDArray[np.float64],
    heading_deg: NDArray[np.float64],
    *,
    angle_deg: float = ANGLE_DEG,
    radius_m: float = RADIUS_M,
) -> sparse.coo_array:
    """Intersection over union, 0 to 1, of all pairs of sectors, (N, N), 0 on the diagonal; accurate to about 0.01.

    Args:
        position_m: (N, 2) tips of the sectors, east and north, m.
        heading_deg: (N,) directions of their middles, deg clockwise from north.
        angle_deg: opening angle, less than 180 deg.
        radius_m: radius, m.
    """
    near = KDTree(position_m).query_pairs(2 * radius_m, output_type="ndarray")
    values = np.concatenate(
        [np.zeros(0)]
        + [
            _pair_overlap(position_m, heading_deg, near[start : start + _PAIRS_AT_ONCE], angle_deg, radius_m)
            for start in range(0, len(near), _PAIRS_AT_ONCE)
        ]
    )
    overlapping = values > 0
    first, second, values = near[overlapping, 0], near[overlapping, 1], values[overlapping].astype(np.float32)
    both = (np.concatenate([first, second]), np.concatenate([second, first]))
    return sparse.coo_array((np.concatenate([values, values]), both), shape=(len(position_m), len(position_m)))


def _pair_overlap(
    position_m: NDArray[np.float64], heading_deg: NDArray[np.float64], pairs: NDArray, angle_deg: float, radius_m: float
) -> NDArray[np.float64]:
    shared = np.zeros(len(pairs))
    # Points spread evenly over one sector, counted in the other, and the other way round.
    points = _sector_points(angle_deg, radius_m)
    for one, other in (pairs.T, pairs.T[::-1]):
        world = points @ _turned(heading_deg[one]) + position_m[one][:, None]
        inside = (world - position_m[other][:, None]) @ np.swapaxes(_turned(heading_deg[other]), 1, 2)
        ahead = np.abs(np.arctan2(inside[..., 0], inside[..., 1])) <= np.deg2rad(angle_deg) / 2
        shared += 0.5 * (ahead & (np.hypot(inside[..., 0], inside[..., 1]) <= radius_m)).mean(axis=1)
    return shared / (2 - shared)


def _sector_points(angle_deg: float, radius_m: float) -> NDArray[np.float64]:
    fraction = (np.arange(_RINGS) + 0.5) / _RINGS
    radius, angle = np.meshgrid(radius_m * np.sqrt(fraction), np.deg2rad(angle_deg) * (fraction - 0.5))
    return np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=-1).reshape(-1, 2)


def _turned(heading_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 2, 2): (right, ahead) rows to (east, north) rows by multiplication from the right."""
    angle = np.deg2rad(heading_deg)
    right, ahead = (np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))
    return np.stack([np.stack(right, axis=-1), np.stack(ahead, axis=-1)], axis=-2)


def _table(path: Path) -> dict[str, dict[str, str]]:
    needed = _COLUMNS[path.name]
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            missing = [name for name in needed if name not in (reader.fieldnames or ())]
            rows = {} if missing else {row["key"]: row for row in reader}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MappingError(
            "TP-645", f"the table cannot be read ({error})", where=path, fix="Unpack the metadata of the city again."
        ) from error
    if missing:
        raise MappingError(
            "TP-645", f"the table has no column '{missing[0]}'", where=path, fix=f"It must have {', '.join(needed)}."
        )
    return rows


def _numbers(values: tuple[str, str, str], folder: Path, key: str) -> tuple[float, float, float]:
    try:
        east, north, heading = (float(value) for value in values)
        if not np.isfinite([east, north, heading]).all():
            raise ValueError
    except (ValueError, TypeError):
        raise MappingError(
            "TP-645", f"image {key} has position or heading {values}", where=folder, fix="Unpack the metadata again."
        ) from None
    return east, north, heading
