"""Views of an image: where every pixel of a view comes from, to a fraction of a pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trigpoint.core.image import DecodedImage
from trigpoint.features.views import AugmentationConfig, View, augmented_view, plain_view, render_view

WIDTH, HEIGHT = 401, 307
CONFIG = AugmentationConfig()
# Odd positions on purpose; far enough apart and from the border for every view below.
BLOBS = np.array([(200.5, 153.5), (120.3, 90.8), (290.7, 100.1), (110.2, 220.6), (280.9, 210.4)])
SIGMA_PX = 5.0


def blob_image(width=WIDTH, height=HEIGHT, stored=(WIDTH, HEIGHT)):
    """An image of width x height px with bright blobs, decoded at the size ``stored``."""
    x = (np.arange(stored[0]) + 0.5) * width / stored[0]
    y = (np.arange(stored[1]) + 0.5) * height / stored[1]
    light = sum(np.exp(-((x[None] - bx) ** 2 + (y[:, None] - by) ** 2) / (2 * SIGMA_PX**2)) for bx, by in BLOBS)
    return DecodedImage((20 + 210 * light).round().astype(np.uint8), None, width, height)


def blob_centres(pixels, expected, radius):
    """Centroids of the light within ``radius`` of where blobs are expected, in px of the image."""
    light = np.maximum(pixels.astype(float) - 24, 0)
    x, y = np.meshgrid(np.arange(pixels.shape[1]) + 0.5, np.arange(pixels.shape[0]) + 0.5)
    found = []
    for ex, ey in expected:
        weight = np.where(np.hypot(x - ex, y - ey) < radius, light, 0)
        found.append(((weight * x).sum() / weight.sum(), (weight * y).sum() / weight.sum()))
    return np.array(found)


def to_view(view, points):
    return points @ view.view_from_image[:, :2].T + view.view_from_image[:, 2]


def random_views(count, **options):
    config = AugmentationConfig(jitter=0, **options)
    return [augmented_view(WIDTH, HEIGHT, 240, 32, config, np.random.default_rng(seed)) for seed in range(count)]


@pytest.mark.parametrize("view", [*random_views(12), *random_views(4, scale=2, rotation_deg=180)])
def test_blobs_appear_where_the_view_says(view):
    expected = to_view(view, BLOBS)
    found = blob_centres(render_view(blob_image(), view).numpy(), expected, 4 * SIGMA_PX * view.scale)
    assert np.abs(found - expected).max() < 0.15
    assert np.abs(view.to_image(found) - BLOBS).max() < 0.15 / view.scale


@pytest.mark.parametrize("stored", [(401, 307), (302, 231), (201, 154), (640, 480)])
def test_the_size_at_which_an_image_was_decoded_does_not_matter(stored):
    for view in random_views(4):
        expected = to_view(view, BLOBS)
        found = blob_centres(render_view(blob_image(stored=stored), view).numpy(), expected, 4 * SIGMA_PX * view.scale)
        assert np.abs(found - expected).max() < 0.15


@pytest.mark.parametrize("short_side_px", [64, 100, 160, 240, 307])
def test_plain_views_only_scale(short_side_px):
    view = plain_view(WIDTH, HEIGHT, short_side_px, 32)
    scale = short_side_px / HEIGHT
    assert view.view_from_image == pytest.approx(np.array([[scale, 0, 0], [0, scale, 0]]))
    assert view.scale == pytest.approx(scale)
    expected = BLOBS * scale
    found = blob_centres(render_view(blob_image(), view).numpy(), expected, 4 * SIGMA_PX * scale)
    assert np.abs(found - expected).max() < 0.15


def test_plain_views_are_never_enlarged():
    view = plain_view(100, 80, 480, 32)
    assert view.scale == 1 and (view.width, view.height) == (128, 96)
    image = blob_image(stored=(100, 80), width=100, height=80)
    pixels = render_view(image, view).numpy()
    assert (pixels[:80, :100] == image.gray).all()
    # Outside of the image lies its mirror image, not black.
    assert (pixels[80:, :100] == image.gray[78:62:-1]).all()


sizes = st.integers(32, 6000)


@given(sizes, sizes, st.integers(32, 800), st.sampled_from([8, 32]), st.integers(0, 2**32))
def test_to_image_is_the_inverse(width, height, short_side_px, multiple, seed):
    generator = np.random.default_rng(seed)
    views = [
        plain_view(width, height, short_side_px, multiple),
        augmented_view(width, height, short_side_px, multiple, CONFIG, generator),
    ]
    points = generator.uniform(0, 1, (6, 2)) * (width, height)
    for view in views:
        assert np.allclose(view.to_image(to_view(view, points)), points, atol=1e-6)
        assert np.allclose(to_view(view, view.to_image(points)), points, atol=1e-6)
        assert view.width % multiple == 0 and view.height % multiple == 0
        # The view holds the whole scaled image, with less than one cell to spare on each axis.
        for side, length in ((view.width, width * view.scale), (view.height, height * view.scale)):
            assert -1e-5 <= side - length < multiple + 1e-3 or side == multiple


@given(st.floats(0.01, 50), st.floats(-np.pi, np.pi))
def test_scale_is_the_length_ratio(scale, roll):
    linear = scale * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    assert View(np.column_stack([linear, (3.0, -7.0)]), 32, 32).scale == pytest.approx(scale)


@settings(max_examples=50)
@given(st.integers(0, 2**32))
def test_scales_and_rolls_stay_in_their_range(seed):
    view = augmented_view(640, 480, 240, 32, CONFIG, np.random.default_rng(seed))
    assert 1 / CONFIG.scale <= view.scale / 0.5 <= CONFIG.scale
    roll_deg = np.rad2deg(np.arctan2(view.view_from_image[1, 0], view.view_from_image[0, 0]))
    assert abs(roll_deg) <= CONFIG.rotation_deg
    centre = np.array([[320.0, 240.0]])
    assert to_view(view, centre) == pytest.approx(view.scale * centre)


def test_the_range_is_used_and_the_same_seed_gives_the_same_view():
    views = [augmented_view(640, 480, 240, 32, CONFIG, np.random.default_rng(seed)) for seed in range(60)]
    scales = np.array([view.scale / 0.5 for view in views])
    assert scales.min() < 0.75 and scales.max() > 1.35
    again = augmented_view(640, 480, 240, 32, CONFIG, np.random.default_rng(3))
    assert (again.view_from_image == views[3].view_from_image).all() and again.tone == views[3].tone


def test_tone_changes_light_and_nothing_else():
    image = DecodedImage(np.linspace(0, 255, 64 * 64).reshape(64, 64).astype(np.uint8), None, 64, 64)
    plain = plain_view(64, 64, 64, 32)
    for gain, gamma, offset in [(1.1, 1.0, 0.0), (0.9, 1.0, 0.05), (1.0, 2.0, 0.0), (3.0, 1.0, -0.5)]:
        view = View(plain.view_from_image, 64, 64, (gain, gamma, offset))
        expected = np.clip(255 * (gain * (image.gray / 255.0) ** gamma + offset), 0, 255)
        assert np.abs(render_view(image, view).numpy() - expected).max() <= 0.5 + 1e-9
    assert (render_view(image, plain).numpy() == image.gray).all()


def test_contrast_keeps_middle_gray():
    config = AugmentationConfig(jitter=0.5)
    contrasts = []
    for seed in range(10):
        gain, gamma, offset = augmented_view(640, 480, 240, 32, config, np.random.default_rng(seed)).tone
        # What brightness alone makes of middle gray.
        brightness = 2 * (gain * 0.5 + offset)
        contrasts.append(gain / brightness)
        assert gamma == 1 and 0.5 <= brightness <= 1.5 and 0.5 <= contrasts[-1] <= 1.5
    assert np.ptp(contrasts) > 0.3


@given(
    st.integers(40, 3000),
    st.integers(40, 3000),
    st.integers(32, 1000),
    st.integers(0, 2**32 - 1),
)
def test_scales_are_relative_to_the_view_of_a_query(width, height, short_side_px, seed):
    """Of small images, too, which queries do not enlarge."""
    config = AugmentationConfig(scale=4 / 3)
    plain = plain_view(width, height, short_side_px, 8)
    view = augmented_view(width, height, short_side_px, 8, config, np.random.default_rng(seed))
    assert 0.75 - 1e-9 <= view.scale / plain.scale <= 4 / 3 + 1e-9
