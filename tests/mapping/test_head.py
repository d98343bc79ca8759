"""The regression head: its size, its output layer, its initialisation."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from trigpoint.features.encoders import ENCODERS
from trigpoint.mapping.head import Head, make_head
from trigpoint.mapping.layers import FourierCode, homogeneous_offset
from trigpoint.mapping.presets import PRESETS
from trigpoint.mapping.training_config import HeadConfig

pytestmark = pytest.mark.usefixtures("one_thread")


RSCORE = HeadConfig(width=768, blocks=3, hidden_ratio=2, clusters=50, pad_input=True)


def count(head):
    return sum(parameter.numel() for parameter in head.parameters())


@pytest.mark.parametrize(
    ("inputs", "config", "parameters"),
    [
        (512, HeadConfig(), 2_103_300),
        # ACE without the second block: three layers fewer.
        (512, HeadConfig(blocks=0), 2_103_300 - 3 * (512 * 512 + 512)),
        # 64-d descriptors: the first layer and a projection around the block.
        (64, HeadConfig(), 2 * (64 * 512 + 512) + 7 * (512 * 512 + 512) + 512 * 4 + 4),
        (64, HeadConfig(width=256), 2 * (64 * 256 + 256) + 7 * (256 * 256 + 256) + 256 * 4 + 4),
        (256, HeadConfig(width=256, blocks=3), 14 * (256 * 256 + 256) + 256 * 4 + 4),
        # GLACE: 7-/12-Scenes, i12/i19, Cambridge, Aachen; 256 global and 512 local numbers.
        (768, HeadConfig(width=768), 4_727_812),
        (768, HeadConfig(width=768, clusters=50), 4_766_262),
        (768, HeadConfig(width=768, blocks=2), 6_499_588),
        (768, HeadConfig(width=768, blocks=3, hidden_ratio=2, clusters=50), 13_663_542),
    ],
)
def test_parameter_counts(inputs, config, parameters):
    assert count(Head(inputs, config)) == parameters


@pytest.mark.parametrize(("config", "parameters"), [(RSCORE, 21_050_938), (replace(RSCORE, width=1280), 58_022_458)])
def test_parameter_counts_with_a_refinement(config, parameters):
    """R-SCoRe and its large variant; 256 global and 128 local numbers."""
    assert count(Head(384, config, refiner_blocks=2)) == parameters


def parameters_of(config, encoder_dim):
    """Of one network of a recipe, with local descriptors of this length before any PCA."""
    network, local = config.network, config.features.pca_dim or encoder_dim
    inputs = local + (network.global_encoding.dim if network.global_encoding else 0)
    return count(Head(inputs, network.head, refiner_blocks=network.refinement.blocks if network.refinement else 0))


# As shipped, and with the 512 numbers of ACE's own encoder, with which the papers come to the sizes above. R-SCoRe reduces
# the 256 of DeDoDe to 128 in either case.
@pytest.mark.parametrize(
    ("preset", "shipped", "published"),
    [
        ("ace", 1_907_204, 2_103_300),
        ("poker", 1_907_204, 2_103_300),
        ("glace", 4_630_276, 4_727_812),
        ("glace-cambridge", 6_402_052, 6_499_588),
        ("glace-rooms", 4_668_726, 4_766_262),
        ("glace-aachen", 13_566_006, 13_663_542),
        ("rscore", 21_050_938, 21_050_938),
        ("rscore-large", 58_022_458, 58_022_458),
    ],
)
def test_presets_have_the_networks_of_the_papers(preset, shipped, published):
    config = PRESETS[preset]
    assert parameters_of(config, ENCODERS[config.features.encoder].dim) == shipped
    assert parameters_of(config, 512) == published


def offset_of(w, d=(1.0, -2.0, 3.0)):
    return homogeneous_offset(torch.tensor([[*d, w]], dtype=torch.float64))[0]


def test_a_raw_scale_of_zero_changes_nothing():
    assert torch.allclose(offset_of(0.0), torch.tensor([1.0, -2, 3], dtype=torch.float64), rtol=1e-15, atol=0)


@pytest.mark.parametrize(
    ("w", "scale"),
    [
        (-1e4, 0.25),
        (-50.0, 0.25),
        (0.0, 1.0),
        # softplus with beta = ln 2 / 0.75: (1 / beta) ln(1 + exp(beta w)).
        (1.0, 0.25 + 0.75 / math.log(2) * math.log1p(2 ** (1 / 0.75))),
        (-1.0, 0.25 + 0.75 / math.log(2) * math.log1p(2 ** (-1 / 0.75))),
        (50.0, 50.25),
        (99.0, 99.25),
        (200.0, 100.0),
        (1e6, 100.0),
    ],
)
def test_golden_values_of_the_scale(w, scale):
    assert offset_of(w).tolist() == pytest.approx([1 / scale, -2 / scale, 3 / scale], rel=1e-8)


def test_the_scale_rises_and_stays_in_its_range():
    w = torch.linspace(-200, 200, 4001, dtype=torch.float64)
    offset = homogeneous_offset(torch.stack([torch.ones_like(w), w, w, w], dim=1))[:, 0]
    assert (offset.diff() <= 0).all()
    assert offset.max() <= 4 and offset.min() == pytest.approx(0.01)


def test_output_shape_and_gradients():
    head = make_head(64, HeadConfig(width=32), torch.Generator().manual_seed(0))
    descriptors = torch.randn(7, 64)
    points = head(descriptors)
    assert points.shape == (7, 3)
    points.square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in head.parameters())
    assert head(torch.zeros(0, 64)).shape == (0, 3)


def test_samples_do_not_see_each_other():
    head = make_head(16, HeadConfig(width=32), torch.Generator().manual_seed(0))
    descriptors = torch.randn(5, 16)
    assert torch.allclose(head(descriptors)[2:3], head(descriptors[2:3]), atol=1e-6)


def test_initialisation_depends_on_the_generator_alone():
    torch.manual_seed(1)
    first = make_head(64, HeadConfig(width=32), torch.Generator().manual_seed(5))
    torch.manual_seed(2)
    second = make_head(64, HeadConfig(width=32), torch.Generator().manual_seed(5))
    other = make_head(64, HeadConfig(width=32), torch.Generator().manual_seed(6))
    for (name, a), b, c in zip(first.named_parameters(), second.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b), name
        assert not torch.equal(a, c), name


def test_initialisation_is_torchs_default():
    head = make_head(512, HeadConfig(), torch.Generator().manual_seed(5))
    reference = nn.Linear(512, 512)
    for layer in (module for module in head.modules() if isinstance(module, nn.Linear)):
        assert layer.weight.abs().max() <= 1 / math.sqrt(512)
        assert float(layer.weight.detach().std()) == pytest.approx(float(reference.weight.detach().std()), rel=0.05)


def test_one_cluster_at_the_origin_is_a_plain_offset():
    config = HeadConfig(width=32)
    plain = make_head(8, config, torch.Generator().manual_seed(0))
    centred = make_head(8, replace(config, clusters=2), torch.Generator().manual_seed(0), torch.zeros(2, 3))
    centred.load_state_dict({k: v for k, v in plain.state_dict().items() if k != "decoder.centres"}, strict=False)
    inputs = torch.randn(9, 8)
    assert torch.allclose(plain(inputs), centred(inputs), atol=1e-6)


def test_one_cluster_elsewhere_moves_every_point():
    centre = torch.tensor([[3.0, -4.0, 5.0]])
    here, there = (make_head(8, HeadConfig(width=32), torch.Generator().manual_seed(0), at) for at in (None, centre))
    inputs = torch.randn(9, 8)
    assert torch.allclose(here(inputs) + centre, there(inputs), atol=1e-5)


def test_the_position_decoder_mixes_the_centres():
    centres = torch.tensor([[10.0, 0, 0], [0, 20, 0], [0, 0, 30]])
    head = make_head(8, HeadConfig(width=16, clusters=3), torch.Generator().manual_seed(1), centres)
    with torch.no_grad():
        head.decoder.output.weight.zero_()
        head.decoder.output.bias.zero_()
        head.decoder.choice.weight.zero_()
        head.decoder.choice.bias.copy_(torch.tensor([0.0, math.log(2), math.log(5)]))
    assert head(torch.randn(4, 8)).tolist() == [pytest.approx([10 / 8, 40 / 8, 150 / 8], rel=1e-5)] * 4
    with torch.no_grad():
        head.decoder.choice.bias.copy_(torch.tensor([100.0, 0, 0]))
    assert head(torch.randn(1, 8))[0].tolist() == pytest.approx([10, 0, 0], abs=1e-4)


def test_the_refinement_adds_to_the_coarse_point():
    config = HeadConfig(width=96, pad_input=True)
    head = make_head(8, config, torch.Generator().manual_seed(2), refiner_blocks=1)
    coarse, fine = head.stages(torch.randn(5, 8))
    assert coarse.shape == fine.shape == (5, 3) and not torch.allclose(coarse, fine)
    with torch.no_grad():
        head.refiner.output.weight.zero_()
        head.refiner.output.bias.zero_()
    coarse, fine = head.stages(torch.randn(5, 8))
    assert torch.equal(coarse, fine)
    # Nothing is detached: the fine loss reaches the decoder.
    fine.sum().backward()
    assert head.decoder.output.weight.grad.abs().sum() > 0


def test_golden_values_of_the_fourier_code():
    code = FourierCode()(torch.tensor([[512.0, 0.0, 0.125]], dtype=torch.float64))
    assert code.shape == (1, 96)
    # Lowest frequency: a quarter turn at 512. Highest, 2^12 times that: a quarter turn at 0.125.
    assert float(code[0, 0]) == pytest.approx(1.0, abs=1e-6) and float(code[0, 16]) == pytest.approx(0.0, abs=1e-6)
    assert code[0, 32:48].abs().max() == 0 and code[0, 48:64].min() == 1
    assert float(code[0, 64 + 15]) == pytest.approx(1.0, abs=1e-4)


def test_the_fourier_code_takes_the_last_channels():
    head = make_head(8, HeadConfig(width=100), torch.Generator().manual_seed(3), refiner_blocks=1)
    seen = []
    head.refiner_blocks.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    inputs = torch.randn(3, 8)
    coarse = head.stages(inputs)[0]
    change = seen[0] - head.blocks(inputs)
    assert change[:, :4].abs().max() == 0
    assert torch.allclose(change[:, 4:], head.fourier(coarse), atol=1e-5)


def test_a_narrow_input_is_padded_or_projected():
    assert count(Head(8, HeadConfig(width=16))) - count(Head(8, HeadConfig(width=16, pad_input=True))) == 8 * 16 + 16
    # A wider one is projected either way.
    assert count(Head(20, HeadConfig(width=16))) == count(Head(20, HeadConfig(width=16, pad_input=True)))
