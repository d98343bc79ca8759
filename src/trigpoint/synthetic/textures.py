"""Materials of the synthetic scenes: paint, brick, tiles, planks, and the irregular wear that makes every spot its own.

Every function returns (height, width, 3) uint8 RGB; ``scale`` is the resolution in pixels per metre.
"""

from __future__ import annotations

import colorsys
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Texture = NDArray[np.uint8]
Field = NDArray[np.float32]
Generator = np.random.Generator


def fractal_noise(rng: Generator, height: int, width: int, cell_px: float, octaves: int = 4, stretch: float = 1.0) -> Field:
    """(height, width) float32 smooth noise of about unit variance, largest blobs ``cell_px`` high, ``stretch`` as wide."""
    total = np.zeros((1, 1), dtype=np.float32)
    power, gain = 0.0, 1.0
    for octave in range(octaves):
        cell = cell_px / 2**octave
        if cell < 1.5:
            break
        grid = rng.standard_normal((_cells(height, cell), _cells(width, cell * stretch)), dtype=np.float32)
        # Four samples a blob are enough until the next octave.
        size = _cells(width, max(1.0, cell * stretch / 4)), _cells(height, max(1.0, cell / 4))
        total = cv2.resize(total, size, interpolation=cv2.INTER_LINEAR)
        total += np.float32(gain) * cv2.resize(grid, size, interpolation=cv2.INTER_CUBIC)
        power += gain**2
        gain *= 0.65
    total = cv2.resize(total, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.divide(total, np.sqrt(max(power, 1e-9)) * 0.75, dtype=np.float32)


def _cells(extent: int, cell: float) -> int:
    return int(np.ceil(extent / cell)) + 1


def random_colour(
    rng: Generator, saturation: tuple[float, float], value: tuple[float, float], hue: tuple[float, float] = (0.0, 1.0)
) -> tuple[float, float, float]:
    """An RGB colour, 0 to 255; hue, saturation and value within limits of 0 to 1."""
    red, green, blue = colorsys.hsv_to_rgb(rng.uniform(*hue) % 1, rng.uniform(*saturation), rng.uniform(*value))
    return red * 255, green * 255, blue * 255


def polygon(rng: Generator, centre: tuple[float, float], radius: float, corners: int) -> NDArray[np.int32]:
    """(corners, 2) int32 pixels of an irregular polygon around ``centre``."""
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    points = np.exp(1j * angles) * (radius * rng.uniform(0.4, 1.0, corners)) + complex(*centre)
    return np.rint(points.view(np.float64)).astype(np.int32).reshape(corners, 2)


def worn(rng: Generator, albedo: Texture, scale: float, strength: float = 1.0, marks: float = 14.0) -> Texture:
    """A surface with stains, grain, chips and scratches, ``marks`` of them a square metre; never the same twice."""
    height, width = albedo.shape[:2]
    layer = np.full((height, width), 128, dtype=np.uint8)
    for _ in range(int(marks * height * width / scale**2) + 2):
        centre = (rng.uniform(0, width), rng.uniform(0, height))
        tone = int(128 + strength * (16 + 36 * rng.uniform()) * (1 if rng.uniform() < 0.5 else -1))
        if rng.uniform() < 0.6:
            radius = scale * 0.012 * np.exp(rng.uniform(0, 1.7))
            cv2.fillPoly(layer, [polygon(rng, centre, radius, int(rng.integers(4, 8)))], tone, cv2.LINE_AA)
        else:
            end = centre + rng.normal(0, 0.08 * scale, 2)
            thickness = max(1, round(scale * rng.uniform(0.002, 0.012)))
            cv2.line(layer, _whole(centre), _whole((end[0], end[1])), tone, thickness, cv2.LINE_AA)
    stains = fractal_noise(rng, height, width, 0.8 * scale, 3)
    grain = fractal_noise(rng, height, width, 0.05 * scale, 3)
    wear = cv2.addWeighted(stains, strength * 128 * 0.05, grain, strength * 128 * 0.045, 0)
    factor = cv2.add(layer, wear, dtype=cv2.CV_8U)
    return cast(Texture, cv2.multiply(albedo, cv2.merge([factor, factor, factor]), scale=1 / 128))


def plaster(rng: Generator, height: int, width: int, scale: float) -> Texture:
    """A painted wall with a darker dado, a border and scattered stencils."""
    image = flat(height, width, random_colour(rng, (0.08, 0.35), (0.72, 0.92)))
    dado = height - round(0.85 * scale)
    if dado > height // 3:
        image[dado:] = random_colour(rng, (0.2, 0.5), (0.4, 0.7))
        cv2.line(image, (0, dado), (width, dado), random_colour(rng, (0.2, 0.6), (0.2, 0.9)), max(2, round(0.03 * scale)))
    base = image[0, 0].astype(np.float64)
    for _ in range(int(5 * height * width / scale**2)):
        centre = (rng.uniform(0, width), rng.uniform(0, height))
        tint = (base * rng.uniform(0.72, 1.08) + rng.uniform(-18, 18, 3)).clip(0, 255)
        shape = polygon(rng, centre, scale * rng.uniform(0.03, 0.12), int(rng.integers(3, 9)))
        if rng.uniform() < 0.5:
            cv2.fillPoly(image, [shape], tint.tolist(), cv2.LINE_AA)
        else:
            cv2.polylines(image, [shape], True, tint.tolist(), max(1, round(0.008 * scale)), cv2.LINE_AA)
    return worn(rng, image, scale)


def bricks(rng: Generator, height: int, width: int, scale: float) -> Texture:
    """A brick wall; every brick has a tone of its own."""
    warm = rng.uniform() < 0.75
    clay = np.array(random_colour(rng, (0.2, 0.5), (0.5, 0.8), (-0.02, 0.13) if warm else (0.0, 1.0)))
    image = flat(height, width, clay * 0.35 + 110)
    row_px, brick_px = max(6.0, 0.1 * scale), max(14.0, 0.28 * scale)
    gap = max(1, round(0.012 * scale))
    rows, columns = int(height / row_px) + 1, int(width / brick_px) + 2
    tones = rng.normal(1, 0.13, (rows, columns)) + 0.1 * fractal_noise(rng, rows, columns, 6, 2)
    colours = (tones[..., None] * clay + rng.normal(0, 7, (rows, columns, 3))).clip(0, 255).tolist()
    for row in range(rows):
        shift = brick_px * (0.5 * (row % 2) + rng.uniform(0, 0.15))
        for column in range(columns):
            left, top = column * brick_px - shift, row * row_px
            corner = _whole((left + brick_px - gap, top + row_px - gap))
            cv2.rectangle(image, _whole((left, top)), corner, colours[row][column], -1)
    return worn(rng, image, scale, marks=8)


def tiles(rng: Generator, height: int, width: int, scale: float, side: float = 0.42) -> Texture:
    """A tiled floor; tones differ from tile to tile and many tiles carry a figure of their own."""
    base, other = (np.array(random_colour(rng, (0.1, 0.4), (0.5, 0.85))) for _ in range(2))
    image = flat(height, width, (70, 68, 64))
    side_px, gap = side * scale, max(1, round(0.01 * scale))
    for top in np.arange(0, height, side_px):
        for left in np.arange(0, width, side_px):
            colour = (base + (other - base) * rng.uniform() + rng.normal(0, 10, 3)).clip(0, 255)
            cv2.rectangle(
                image, _whole((left, top)), _whole((left + side_px - gap, top + side_px - gap)), colour.tolist(), -1
            )
            if rng.uniform() < 0.55:
                centre = (left + side_px * rng.uniform(0.35, 0.65), top + side_px * rng.uniform(0.35, 0.65))
                shape = polygon(rng, centre, side_px * rng.uniform(0.15, 0.4), int(rng.integers(3, 8)))
                cv2.fillPoly(image, [shape], (colour * rng.uniform(0.45, 0.85)).tolist(), cv2.LINE_AA)
    return worn(rng, image, scale)


def planks(rng: Generator, height: int, width: int, scale: float, board: float = 0.16) -> Texture:
    """Wooden boards along the width, of different lengths and tones, with grain and knots."""
    wood = np.array([rng.uniform(120, 190), rng.uniform(85, 135), rng.uniform(50, 90)])
    image = np.empty((height, width, 3), dtype=np.float32)
    board_px = max(5, round(board * scale))
    for top in range(0, height, board_px):
        left = 0
        while left < width:
            length = round(scale * rng.uniform(0.5, 1.6))
            image[top : top + board_px, left : left + length] = wood * rng.uniform(0.7, 1.2) + rng.normal(0, 6, 3)
            image[top : top + board_px, left : left + max(1, round(0.006 * scale))] *= 0.45
            left += length
        image[top : top + max(1, round(0.006 * scale))] *= 0.45
    image *= 1 + 0.11 * fractal_noise(rng, height, width, max(3.0, 0.03 * scale), 2, stretch=14)[..., None]
    for _ in range(int(4 * height * width / scale**2)):
        centre, radius = (
            _whole((rng.uniform(0, width), rng.uniform(0, height))),
            max(2, round(scale * rng.uniform(0.01, 0.025))),
        )
        cv2.ellipse(image, centre, (2 * radius, radius), 0, 0, 360, (wood * 0.45).tolist(), -1, cv2.LINE_AA)
    return worn(rng, image.clip(0, 255).astype(np.uint8), scale, marks=6)


def asphalt(rng: Generator, height: int, width: int, scale: float) -> Texture:
    """A road between two pavements along the width, with patches, drains and painted marks."""
    image = flat(height, width, (104, 104, 108))
    kerb = round(0.2 * height)
    for top in (0, height - kerb):
        image[top : top + kerb] = tiles(rng, kerb, width, scale, 0.5)
    for _ in range(int(0.5 * height * width / scale**2)):
        centre = (rng.uniform(0, width), rng.uniform(1.2 * kerb, height - 1.2 * kerb))
        tone = rng.uniform(62, 150)
        shape = polygon(rng, centre, scale * rng.uniform(0.15, 0.7), int(rng.integers(4, 8)))
        cv2.fillPoly(image, [shape], (tone, tone, tone * 1.03), cv2.LINE_AA)
    for left in np.arange(0.0, width, 3 * scale):
        start = left + rng.uniform(0, scale)
        end = (start + scale * rng.uniform(0.8, 1.8), height / 2 + 0.06 * scale)
        cv2.rectangle(image, _whole((start, height / 2 - 0.06 * scale)), _whole(end), (205, 205, 196), -1)
    for top in (kerb, height - kerb):
        cv2.line(image, (0, top), (width, top), (178, 174, 166), max(2, round(0.14 * scale)))
    return worn(rng, image, scale, strength=1.3, marks=10)


def flat(height: int, width: int, colour: tuple[float, float, float] | NDArray[np.float64]) -> Texture:
    """(height, width, 3) uint8 pixels of one colour."""
    return np.full((height, width, 3), np.asarray(colour).clip(0, 255), dtype=np.uint8)


def _whole(point: tuple[float, float]) -> tuple[int, int]:
    return round(point[0]), round(point[1])
