"""Views of the photographs that come with scikit-image and scikit-learn: known homographies, light, blur and noise.

Their overlaps are exact, and their local descriptors are those of real things, which rendered scenes lack.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from trigpoint.core.artifact import write_json
from trigpoint.core.progress import progress

WIDTH, HEIGHT = 640, 480
LONG_SIDE_PX = 1100
# Those of scikit-image are CC0 or in the public domain, those of scikit-learn CC BY 2.0.
SKIMAGE = (
    "astronaut.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "hubble_deep_field.jpg",
    "rocket.jpg",
)
SKLEARN = ("china.jpg", "flower.jpg")


def photographs() -> list[Path]:
    """The photographs. scikit-image is only needed here: ``pip install scikit-image``.

    Raises:
        SystemExit: a package is missing.
    """
    of_skimage, of_sklearn = package("skimage") / "data", package("sklearn") / "datasets" / "images"
    return [*(of_skimage / name for name in SKIMAGE), *(of_sklearn / name for name in SKLEARN)]


def package(name: str) -> Path:
    """The folder of an installed package."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise SystemExit(f"the package {name} is missing: pip install scikit-image scikit-learn")
    return Path(spec.origin).parent


def write_views(folder: Path, photograph: Path, count: int, seed: int) -> tuple[list[Path], NDArray[np.float32]]:
    """Write views of a photograph.

    Returns:
        (N) files and their (N, N) overlaps: intersection over union in the photograph.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, *photograph.stem.encode()])
    picture = cv2.imread(str(photograph))
    if picture is None:
        raise FileNotFoundError(photograph)
    factor = max(1, LONG_SIDE_PX / max(picture.shape[:2]))
    picture = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    corners = [_corners(picture.shape[1], picture.shape[0], rng) for _ in range(count)]
    paths = [folder / f"{index:03d}.jpg" for index in range(count)]
    with progress(photograph.stem, count) as advance:
        for path, quad in zip(paths, corners, strict=True):
            cv2.imwrite(str(path), _view(picture, quad, rng), [cv2.IMWRITE_JPEG_QUALITY, 92])
            advance()
    overlap = np.array([[_overlap(one, other) for other in corners] for one in corners], dtype=np.float32)
    write_json(folder / "corners.json", [quad.tolist() for quad in corners])
    return paths, overlap


def _corners(width: int, height: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """(4, 2) corners of a view in the photograph, px: turned, of any size, with perspective."""
    while True:
        wide = min(width, height * WIDTH / HEIGHT) * rng.uniform(0.4, 0.8)
        high = wide * HEIGHT / WIDTH
        centre = (rng.uniform(wide / 2, width - wide / 2), rng.uniform(high / 2, height - high / 2))
        angle = rng.normal(0, 0.12)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        quad = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (wide / 2, high / 2) @ turn + centre
        quad += rng.uniform(-0.1, 0.1, (4, 2)) * (wide, high)
        if (quad >= 0).all() and (quad <= (width - 1, height - 1)).all():
            return quad.astype(np.float32)


def _view(picture: NDArray[np.uint8], quad: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    frame = np.array([[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]], dtype=np.float32)
    view = cv2.warpPerspective(picture, cv2.getPerspectiveTransform(quad, frame), (WIDTH, HEIGHT)).astype(np.float32) / 255
    light = rng.uniform(0.6, 1.2) * rng.uniform(0.85, 1.15, 3)
    view = (view ** rng.uniform(0.6, 1.7) * light).clip(0, 1).astype(np.float32)
    if rng.random() < 0.3:
        view = cv2.GaussianBlur(view, (0, 0), rng.uniform(0.5, 1.5))
    noise = rng.normal(0, rng.uniform(0, 0.04), view.shape)
    return (255 * (view + noise).clip(0, 1)).astype(np.uint8)


def _overlap(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    shared = cv2.intersectConvexConvex(one, other)[0]
    return shared / (cv2.contourArea(one) + cv2.contourArea(other) - shared)
