"""How training varies the global encodings: feature diffusion and neighbour sampling."""

import math

import pytest
import torch
from torch.nn import functional

from trigpoint.mapping.image_encodings import ImageEncodings

pytestmark = pytest.mark.usefixtures("one_thread")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


class NextImage:
    """Everybody's neighbour is the next image."""

    def draw(self, image, generator):
        return (image + 1) % 5


def test_without_anything_codes_are_looked_up():
    codes = torch.randn(5, 8, generator=generator())
    image = torch.tensor([4, 0, 0, 2])
    assert torch.equal(ImageEncodings(codes).draw(image, generator()), codes[image])


def test_feature_diffusion_stays_on_the_sphere():
    codes = functional.normalize(torch.randn(5, 256, generator=generator()), dim=1)
    drawn = ImageEncodings(codes, noise=0.1).draw(torch.zeros(4000, dtype=torch.long), generator(1))
    assert torch.allclose(drawn.norm(dim=1), torch.ones(4000), atol=1e-5)
    # The noise has the norm 0.1 sqrt(256) = 1.6, so the cosine with the code is about 1 / sqrt(1 + 1.6^2) = 0.53.
    assert float((drawn @ codes[0]).mean()) == pytest.approx(1 / math.sqrt(1 + 1.6**2), abs=0.01)


def test_every_draw_diffuses_anew_and_repeats_by_seed():
    encodings = ImageEncodings(functional.normalize(torch.randn(5, 16, generator=generator()), dim=1), noise=0.1)
    image = torch.tensor([1, 1])
    drawn = encodings.draw(image, generator(3))
    assert not torch.equal(drawn[0], drawn[1])
    assert torch.equal(drawn, encodings.draw(image, generator(3)))


@pytest.mark.parametrize(("fraction", "swapped"), [(0.0, 0), (0.5, 4), (0.3, 2), (1.0, 8)])
def test_a_fraction_of_the_batch_gets_the_code_of_a_neighbour(fraction, swapped):
    codes = torch.arange(5.0)[:, None].repeat(1, 3)
    image = torch.tensor([0, 1, 2, 3, 4, 0, 1, 2])
    drawn = ImageEncodings(codes, neighbours=NextImage(), neighbour_fraction=fraction).draw(image, generator())[:, 0].long()
    assert torch.equal(drawn[:swapped], (image[:swapped] + 1) % 5)
    assert torch.equal(drawn[swapped:], image[swapped:])
