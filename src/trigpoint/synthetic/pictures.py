"""Things with many corners for the synthetic scenes: posters, paintings, photographs, bookshelves, facades, cars.

Every function returns (height, width, 3) uint8 RGB; ``scale`` is the resolution in pixels per metre.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from trigpoint.synthetic.textures import (
    Generator,
    Texture,
    bricks,
    flat,
    fractal_noise,
    planks,
    plaster,
    polygon,
    random_colour,
    worn,
)

_LETTERS = "ABCDEFGHJKLMNPRSTUVXYZ23456789"
_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX)


@lru_cache(maxsize=1)
def sample_images() -> tuple[Texture, ...]:
    """The two photographs that come with scikit-learn: a temple and a flower."""
    from sklearn.datasets import load_sample_images

    return tuple(np.asarray(image, dtype=np.uint8) for image in load_sample_images().images)


def photograph(rng: Generator, height: int, width: int, scale: float) -> Texture:
    """A part of a photograph, perhaps mirrored and with other colours, in a frame."""
    # The temple has far more structure than the flower.
    source = sample_images()[int(rng.uniform() < 0.25)]
    rows, columns = source.shape[:2]
    part = rng.uniform(0.35, 0.8) * min(rows / height, columns / width)
    crop_rows, crop_columns = int(part * height), int(part * width)
    top, left = rng.integers(0, rows - crop_rows + 1), rng.integers(0, columns - crop_columns + 1)
    crop = source[top : top + crop_rows, left : left + crop_columns, _channels(rng)]
    crop = crop[:, ::-1] if rng.uniform() < 0.5 else crop
    image = cv2.resize(crop, (width, height), interpolation=cv2.INTER_CUBIC)
    gain = rng.uniform(0.8, 1.3, 3) * (1 + 0.08 * fractal_noise(rng, height, width, height / 2, 4))[..., None]
    return framed(rng, (image * gain).clip(0, 255).astype(np.uint8), scale)


def _channels(rng: Generator) -> NDArray[np.int64]:
    return rng.permutation(3) if rng.uniform() < 0.5 else np.arange(3)


def painting(rng: Generator, height: int, width: int, scale: float) -> Texture:
    """Many overlapping shapes in many colours, in a frame."""
    image = flat(height, width, random_colour(rng, (0.2, 0.7), (0.4, 0.9)))
    size = min(height, width)
    for index in range(int(rng.integers(35, 70))):
        colour = random_colour(rng, (0.3, 0.95), (0.15, 1.0))
        centre = (rng.uniform(0, width), rng.uniform(0, height))
        radius = size * (0.35 * 0.965**index + 0.02)
        if index % 4 == 0:
            cv2.circle(image, (round(centre[0]), round(centre[1])), max(2, round(radius * 0.6)), colour, -1, cv2.LINE_AA)
        else:
            cv2.fillPoly(image, [polygon(rng, centre, radius * 1.3, int(rng.integers(3, 7)))], colour, cv2.LINE_AA)
    return framed(rng, worn(rng, image, scale, marks=20), scale)


def poster(rng: Generator, height: int, width: int, scale: float) -> Texture:
    """A title, a picture and lines of text."""
    paper = (
        random_colour(rng, (0.05, 0.5), (0.8, 1.0)) if rng.uniform() < 0.7 else random_colour(rng, (0.5, 0.9), (0.2, 0.5))
    )
    ink = tuple(255 - 0.9 * channel if 90 < channel < 165 else 0.12 * (255 - channel) + 10 for channel in paper)
    if sum(paper) < 330:
        ink = (240.0, 236.0, 220.0)
    image = flat(height, width, paper)
    margin = round(0.06 * width)
    title = round(0.2 * height)
    draw_text(rng, image, (margin, margin, width - margin, title), ink, 1)
    middle = round(height * rng.uniform(0.5, 0.68))
    make = painting if rng.uniform() < 0.5 else photograph
    inner = make(rng, max(8, middle - title), max(8, width - 2 * margin), scale)
    image[title : title + inner.shape[0], margin : margin + inner.shape[1]] = inner
    lines = max(2, round((height - middle) / (0.05 * scale)))
    draw_text(rng, image, (margin, middle + margin // 2, width - margin, height - margin // 2), ink, lines)
    return worn(rng, image, scale, strength=0.5)


def draw_text(rng: Generator, image: Texture, region: tuple[int, int, int, int], ink: tuple[float, ...], lines: int) -> None:
    """Fill (left, top, right, bottom) px with lines of random words, in place."""
    left, top, right, bottom = region
    line_px = max(4.0, (bottom - top) / lines)
    size = line_px / 34
    thickness = max(1, round(line_px / 11))
    font = _FONTS[int(rng.integers(len(_FONTS)))]
    for line in range(lines):
        cursor, baseline = left, round(top + (line + 0.8) * line_px)
        while baseline < bottom + line_px / 2:
            word = "".join(rng.choice(list(_LETTERS), int(rng.integers(2, 8))))
            (word_px, _), _ = cv2.getTextSize(word, font, size, thickness)
            if cursor + word_px > right:
                break
            cv2.putText(image, word, (cursor, baseline), font, size, ink, thickness, cv2.LINE_AA)
            cursor += word_px + round(0.5 * line_px)


def framed(rng: Generator, image: Texture, scale: float) -> Texture:
    """The image with a frame painted over its border."""
    border = max(1, round(scale * rng.uniform(0.008, 0.03)))
    colour = random_colour(rng, (0.1, 0.6), (0.08, 0.6))
    height, width = image.shape[:2]
    result = np.ascontiguousarray(image)
    cv2.rectangle(result, (border // 2, border // 2), (width - border // 2 - 1, height - border // 2 - 1), colour, border)
    return result


def bookshelf(rng: Generator, height: int, width: int, scale: float) -> Texture:
    """Rows of books of different colours and sizes."""
    image = planks(rng, height, width, scale)
    board = max(2, round(0.025 * scale))
    shelf_px = max(12.0, height / max(1, round(height / scale / 0.34)))
    for bottom in np.arange(shelf_px, height + 1, shelf_px):
        top, floor, left = round(bottom - shelf_px) + board, round(bottom) - board // 2, board
        cv2.rectangle(image, (board, top), (width - board, floor), (38, 30, 26), -1)
        while left < width - board - 3:
            spine = max(3, round(scale * rng.uniform(0.018, 0.06)))
            reach = floor - (floor - top) * rng.uniform(0.6, 0.97)
            _draw_spine(rng, image, (left, round(reach), min(left + spine, width - board), floor))
            left += spine + (round(scale * rng.uniform(0.03, 0.12)) if rng.uniform() < 0.08 else 0)
    return worn(rng, image, scale, strength=0.5)


def _draw_spine(rng: Generator, image: Texture, region: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = region
    cv2.rectangle(image, (left, top), (right - 1, bottom), random_colour(rng, (0.1, 0.85), (0.2, 0.95)), -1)
    for _ in range(int(rng.integers(1, 4))):
        band = top + round((bottom - top) * rng.uniform(0.05, 0.9))
        thickness = max(1, round((bottom - top) * rng.uniform(0.01, 0.07)))
        cv2.line(image, (left, band), (right - 1, band), random_colour(rng, (0.0, 0.5), (0.1, 1.0)), thickness)


def cabinet(rng: Generator, height: int, width: int, scale: float) -> Texture:
    """Doors and drawers with handles and stickers."""
    image = planks(rng, height, width, scale, 0.3) if rng.uniform() < 0.5 else plaster(rng, height, width, scale)
    rows, columns = max(1, round(height / scale / 0.38)), max(1, round(width / scale / 0.5))
    dark = (image.mean(axis=(0, 1)) * 0.4).tolist()
    for row in range(rows):
        for column in range(columns):
            left, top = round(column * width / columns), round(row * height / rows)
            right, bottom = round((column + 1) * width / columns), round((row + 1) * height / rows)
            cv2.rectangle(image, (left + 2, top + 2), (right - 3, bottom - 3), dark, max(1, round(0.01 * scale)))
            middle = (round(left + (right - left) * rng.uniform(0.3, 0.7)), round(top + 0.25 * (bottom - top)))
            cv2.line(
                image, middle, (middle[0] + round(0.1 * scale), middle[1]), (225, 220, 205), max(2, round(0.015 * scale))
            )
            if rng.uniform() < 0.45:
                side = min(right - left, bottom - top)
                label = painting(rng, max(8, side // 3), max(8, side // 2), scale)
                spot = image[bottom - 6 - label.shape[0] : bottom - 6, left + 6 : left + 6 + label.shape[1]]
                spot[:] = label[: spot.shape[0], : spot.shape[1]]
    return worn(rng, image, scale, strength=0.6)


def crate(rng: Generator, height: int, width: int, scale: float) -> Texture:
    """Boards with stencilled words, or a printed cardboard box."""
    image = planks(rng, height, width, scale, 0.12)
    if rng.uniform() < 0.5:
        image = worn(rng, flat(height, width, (rng.uniform(165, 205), 145, 105)), scale, marks=30)
    ink = random_colour(rng, (0.2, 0.9), (0.08, 0.35))
    draw_text(rng, image, (width // 10, height // 6, width * 9 // 10, height * 5 // 6), ink, int(rng.integers(2, 5)))
    return framed(rng, image, scale)


def rug(rng: Generator, height: int, width: int, scale: float) -> Texture:
    """A patterned carpet."""
    inner = painting(rng, height, width, scale).astype(np.float32)
    weave = 1 + 0.09 * fractal_noise(rng, height, width, 4, 2)[..., None]
    return (inner * weave * 0.85).clip(0, 255).astype(np.uint8)


def facade(rng: Generator, height: int, width: int, scale: float) -> Texture:
    """The front of a house: floors of windows, a door, a sign above the ground floor."""
    image = (bricks if rng.uniform() < 0.55 else plaster)(rng, height, width, scale)
    storeys, columns = max(1, round(height / scale / 2.9)), max(1, round(width / scale / rng.uniform(1.8, 2.6)))
    storey_px, column_px = height / storeys, width / columns
    door, tall, wide = int(rng.integers(columns)), rng.uniform(0.45, 0.6), rng.uniform(0.4, 0.6)
    for storey in range(storeys):
        for column in range(columns):
            ground = storey == storeys - 1
            left = round((column + 0.5 - wide / 2 + rng.uniform(-0.05, 0.05)) * column_px)
            top = round((storey + 0.22) * storey_px)
            bottom = height if ground and column == door else round((storey + 0.22 + tall) * storey_px)
            make = cabinet if ground and column == door else _window
            patch = make(rng, bottom - top, round(wide * column_px), scale)
            image[top:bottom, left : left + patch.shape[1]] = patch[:, : image.shape[1] - left]
    band = round(height - 1.02 * storey_px)
    sign = flat(
        max(6, round(0.5 * scale)), round(width * rng.uniform(0.45, 0.85)), random_colour(rng, (0.3, 0.9), (0.15, 0.6))
    )
    draw_text(rng, sign, (6, 4, sign.shape[1] - 6, sign.shape[0] - 2), (245, 240, 220), 1)
    left = int(rng.integers(0, width - sign.shape[1]))
    image[band : band + sign.shape[0], left : left + sign.shape[1]] = sign
    return image


def _window(rng: Generator, height: int, width: int, scale: float) -> Texture:
    pane: NDArray[np.uint8] = flat(height, width, random_colour(rng, (0.1, 0.4), (0.2, 0.5)))
    kind = rng.uniform()
    if kind < 0.35:
        pane = photograph(rng, height, width, scale)
    elif kind < 0.6:
        pane[: round(height * rng.uniform(0.3, 0.9))] = random_colour(rng, (0.1, 0.7), (0.6, 0.95))
    pane = worn(rng, pane, scale, strength=1.3, marks=20)
    frame = random_colour(rng, (0.0, 0.4), (0.3, 1.0))
    border = max(2, round(0.07 * scale))
    cv2.rectangle(pane, (0, 0), (width - 1, height - 1), frame, border)
    middle = round(width * rng.uniform(0.35, 0.65))
    cv2.line(pane, (middle, 0), (middle, height), frame, max(1, border // 2))
    if rng.uniform() < 0.6:
        bar = round(height * rng.uniform(0.25, 0.7))
        cv2.line(pane, (0, bar), (width, bar), frame, max(1, border // 2))
    return pane


def car_body(rng: Generator, height: int, width: int, scale: float) -> Texture:
    """The painted side of a van, with stickers and wheels."""
    image = worn(rng, flat(height, width, random_colour(rng, (0.3, 0.9), (0.3, 0.85))), scale, marks=16)
    draw_text(rng, image, (width // 8, height // 4, width * 7 // 8, height * 3 // 5), (240, 238, 230), 2)
    for centre in (0.2, 0.8):
        hub = (round(centre * width), round(height - 0.26 * scale))
        cv2.circle(image, hub, round(0.3 * scale), (26, 26, 28), -1, cv2.LINE_AA)
        cv2.circle(image, hub, round(0.15 * scale), (170, 172, 176), -1, cv2.LINE_AA)
    return image
