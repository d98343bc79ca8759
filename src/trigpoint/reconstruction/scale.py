"""Makes a reconstruction metric: from one known distance, or from the GPS positions of the images."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.errors import SceneError, did_you_mean
from trigpoint.core.exif import Position
from trigpoint.core.randomness import numpy_generator
from trigpoint.reconstruction.images import SourceImage
from trigpoint.reconstruction.options import ReconstructionOptions

Array = NDArray[np.float64]

_EARTH_RADIUS_M, _EARTH_FLATTENING = 6_378_137.0, 1 / 298.257223563
MIN_GPS_IMAGES = 4
_GPS_NEEDED = f"{MIN_GPS_IMAGES} or more are needed"
_GPS_TOLERANCE_M = 10.0
_TRIALS = 500
# The error of the scale is about that of the positions, relative to the extent of the scene.
_MAX_RELATIVE_ERROR = 0.25


@dataclass(frozen=True)
class Similarity:
    """x_target = scale * rotation @ x_source + translation; rotation (3, 3), translation (3,)."""

    scale: float
    rotation: Array
    translation: Array

    def apply(self, points: Array) -> Array:
        """Transform (N, 3) points from the source to the target frame, in the unit of each."""
        return self.scale * points @ self.rotation.T + self.translation


@dataclass(frozen=True)
class MetricScale:
    """How a reconstruction became metric.

    Attributes:
        similarity: metres from the units of the reconstruction.
        how: one sentence for people.
        record: the same as plain values for JSON.
    """

    similarity: Similarity
    how: str
    record: dict[str, Any]


def similarity_between(source: Array, target: Array) -> Similarity:
    """The similarity that takes (N, 3) points nearest to their (N, 3) targets, in any units (Umeyama, PAMI 1991)."""
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    a, b = source - source_mean, target - target_mean
    u, singular, vt = np.linalg.svd(b.T @ a / len(a))
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt)) or 1.0])
    rotation = u @ np.diag(signs) @ vt
    scale = float((singular * signs).sum() / max((a**2).sum() / len(a), 1e-300))
    return Similarity(scale, rotation, target_mean - scale * rotation @ source_mean)


def check_scale_options(options: ReconstructionOptions, images: Sequence[SourceImage]) -> None:
    """Refuse, before any work, a scale that these images cannot give: names that are not there, too few GPS positions.

    Raises:
        SceneError: TP-256, TP-257.
    """
    if options.scale_distance is not None:
        names = [image.name for image in images]
        for name in options.scale_distance[:2]:
            if name not in names:
                raise _distance_error(name, "is not among the images", names)
    if options.gps:
        known = [image.gps for image in images if image.gps is not None]
        if len(known) < MIN_GPS_IMAGES:
            raise _gps_error(f"only {len(known)} of {len(images)} images have a GPS position, {_GPS_NEEDED}")
        if not np.ptp(metres_from_gps(known), axis=0).max() > 0:
            raise _gps_error(f"the GPS positions of all {len(known)} images that have one are the same")


def scale_from_distance(
    centres: dict[str, Array], names: Sequence[str], first: str, second: str, metres: float
) -> MetricScale:
    """Scale from the known distance between two cameras.

    Args:
        centres: (3,) camera centre of each registered image, by name.
        names: all images.
        first: name of one image.
        second: name of the other image.
        metres: distance between their cameras.

    Raises:
        SceneError: an image that is not there or was not registered, or cameras at one point (TP-256).
    """
    for name in (first, second):
        if name not in centres:
            what = "could not be registered" if name in names else "is not among the images"
            raise _distance_error(name, what, centres)
    units = float(np.linalg.norm(centres[first] - centres[second]))
    points = np.array(list(centres.values()))
    extent = float(np.linalg.norm(points.max(axis=0) - points.min(axis=0)))
    if units < 1e-3 * extent:
        raise SceneError(
            "TP-256",
            "the two images of --scale-distance were taken from the same spot",
            where=f"{first} {second}",
            fix="Name two images far apart: the further, the more exact the scale.",
        )
    how = f"scale from {metres:g} m between {first} and {second}, {units / extent:.0%} of the extent of all cameras"
    record = {"from": "distance", "images": [first, second], "metres": metres, "fraction_of_extent": units / extent}
    return MetricScale(Similarity(metres / units, np.eye(3), np.zeros(3)), how, record)


def scale_from_gps(centres: Array, gps: Sequence[Position], seed: int) -> MetricScale:
    """Scale, orientation and origin from GPS: the world becomes east, north, up in metres.

    A similarity is found by RANSAC over triples of images, refined on all images that agree within 10 m.

    Args:
        centres: (N, 3) camera centres.
        gps: latitude, longitude (degrees) and altitude (m, may be unknown) of each.
        seed: seed of the choice of triples.

    Raises:
        SceneError: too few images with GPS, or positions that do not agree with the images (TP-257).
    """
    if len(centres) < MIN_GPS_IMAGES:
        raise _gps_error(f"only {len(centres)} registered images have a GPS position, {_GPS_NEEDED}")
    targets = metres_from_gps(gps)
    inliers = _consensus(centres, targets, seed)
    if inliers.sum() < max(MIN_GPS_IMAGES, 0.5 * len(centres)):
        raise _gps_error(f"the GPS positions agree with the images for {inliers.sum()} of {len(centres)} images only")
    similarity = similarity_between(centres[inliers], targets[inliers])
    residuals = np.linalg.norm(similarity.apply(centres) - targets, axis=1)
    rms = float(np.sqrt((residuals[inliers] ** 2).mean()))
    extent = float(np.sqrt(((targets[inliers] - targets[inliers].mean(axis=0)) ** 2).sum(axis=1).mean()))
    if not rms < _MAX_RELATIVE_ERROR * extent:
        raise _gps_error(f"GPS is off by {rms:.1f} m here, too much for an extent of the cameras of {extent:.1f} m")
    used = int(inliers.sum())
    how = f"scale and orientation from GPS of {used} of {len(centres)} images; they differ by {rms:.1f} m (RMS)"
    how += f" over an extent of {extent:.0f} m, so distances may be wrong by about {rms / extent / math.sqrt(used):.1%}"
    origin = gps[0] if gps[0][2] is not None else (*gps[0][:2], 0.0)
    record = {"from": "gps", "images": used, "of": len(centres), "rms_m": rms, "extent_m": extent}
    record |= {"axes": "east, north, up", "origin_wgs84": list(origin)}
    return MetricScale(similarity, how, record)


def metres_from_gps(gps: Sequence[Position]) -> Array:
    """(N, 3) east, north, up in metres from the first position; where altitudes are missing, all count as equal."""
    flat = any(entry[2] is None for entry in gps)
    earth = np.array([_earth_centred(entry[0], entry[1], 0.0 if flat else entry[2] or 0.0) for entry in gps])
    latitude, longitude = np.deg2rad(gps[0][0]), np.deg2rad(gps[0][1])
    east = np.array([-np.sin(longitude), np.cos(longitude), 0.0])
    up = np.array([np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)])
    return (earth - earth[0]) @ np.stack([east, np.cross(up, east), up]).T


def _distance_error(name: str, what: str, known: Iterable[str]) -> SceneError:
    fix = f"Name two registered images. {_did_you_mean_few(name, known)}"
    return SceneError("TP-256", f"the image {name} of --scale-distance {what}", where=name, fix=fix)


def _did_you_mean_few(name: str, known: Iterable[str]) -> str:
    """A suggestion for a wrong name out of possibly thousands."""
    return did_you_mean(name, known).split("Known:")[0].strip()


def _consensus(source: Array, target: Array, seed: int) -> NDArray[np.bool_]:
    rng = numpy_generator(seed, "reconstruction", "gps")
    best = np.zeros(len(source), dtype=bool)
    for _ in range(_TRIALS):
        chosen = rng.choice(len(source), 3, replace=False)
        moved = similarity_between(source[chosen], target[chosen]).apply(source)
        inliers = np.linalg.norm(moved - target, axis=1) < _GPS_TOLERANCE_M
        if inliers.sum() > best.sum():
            best = inliers
    return best


def _earth_centred(latitude_deg: float, longitude_deg: float, altitude_m: float) -> tuple[float, float, float]:
    """WGS84 to earth-centred coordinates, m."""
    latitude, longitude = math.radians(latitude_deg), math.radians(longitude_deg)
    squared = _EARTH_FLATTENING * (2 - _EARTH_FLATTENING)
    normal = _EARTH_RADIUS_M / math.sqrt(1 - squared * math.sin(latitude) ** 2)
    horizontal = (normal + altitude_m) * math.cos(latitude)
    up = (normal * (1 - squared) + altitude_m) * math.sin(latitude)
    return horizontal * math.cos(longitude), horizontal * math.sin(longitude), up


def _gps_error(what: str) -> SceneError:
    return SceneError("TP-257", what, where="--gps", fix="Measure one distance instead and give --scale-distance.")
