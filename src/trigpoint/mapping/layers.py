"""The parts of the regression networks: residual blocks, position decoder, Fourier code, refiner."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

# Homogeneous output (ACE, section 3.4 of the paper): the scale h(w) lies in [1 / SCALE_MAX, 1 / SCALE_MIN], h(0) = 1.
SCALE_MIN, SCALE_MAX = 0.01, 4.0
_LOWEST, _HIGHEST = 1 / SCALE_MAX, 1 / SCALE_MIN
_BETA = math.log(2) / (1 - _LOWEST)
# R-SCoRe's frequencies: 16 an axis, from a period beyond any scene to one of half a normalised unit.
_FOURIER_BANDS, _FOURIER_PERIOD, _FOURIER_OCTAVES = 16, 2048.0, 12.0
FOURIER_CHANNELS = 6 * _FOURIER_BANDS


def homogeneous_offset(raw: Tensor) -> Tensor:
    """(N, 4) network outputs d, w to (N, 3) offsets d / h(w) in normalised units, h(w) = min(softplus(w) + 1/4, 100).

    Homogeneous coordinates (ACE, section 3.4): far points need no large weights.
    """
    scale = (functional.softplus(raw[:, 3:], beta=_BETA) + _LOWEST).clamp_max(_HIGHEST)
    return raw[:, :3] / scale


class ResidualBlock(nn.Module):
    """Three linear layers with ReLU after each, added to the input.

    Where the input has another width than the output it is projected; with ``pad``, a narrower one is added to the first
    channels instead (R-SCoRe).

    Args:
        inputs: width of the input.
        width: width of the output and of the first layer.
        hidden: width of the middle layer.
        pad: see above.
    """

    def __init__(self, inputs: int, width: int, hidden: int, pad: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(inputs, width), nn.Linear(width, hidden), nn.Linear(hidden, width)])
        self.skip = nn.Identity() if inputs == width or (pad and inputs < width) else nn.Linear(inputs, width)
        self.padding = width - inputs if pad and inputs < width else 0

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs) to (N, width) features, without unit."""
        hidden = features
        for layer in self.layers:
            hidden = functional.relu(layer(hidden))
        return functional.pad(self.skip(features), (0, self.padding)) + hidden


class PositionDecoder(nn.Module):
    """Features to points: a softmax over cluster centres of the cameras plus a homogeneous offset (GLACE, Eq. 8).

    With one cluster it is ACE's output layer, around the centre of the cameras.

    Args:
        width: of the features.
        hidden: of the layer before the output.
        clusters: number k of centres.
        centres: (k, 3) in the normalised world frame; None for zeros.
    """

    def __init__(self, width: int, hidden: int, clusters: int, centres: Tensor | None) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(width, width), nn.Linear(width, hidden)])
        self.output = nn.Linear(hidden, 4)
        self.choice: nn.Linear | None = None
        self.centres: Tensor
        self.register_buffer("centres", torch.zeros(clusters, 3) if centres is None else centres.float())
        if clusters > 1:
            self.choice = nn.Linear(hidden, clusters)

    def forward(self, features: Tensor) -> Tensor:
        """(N, width) features to (N, 3) points in the normalised world frame."""
        for layer in self.layers:
            features = functional.relu(layer(features))
        offset = homogeneous_offset(self.output(features))
        if self.choice is None:
            return self.centres + offset
        return self.choice(features).softmax(dim=1) @ self.centres + offset

    def outputs(self) -> list[nn.Linear]:
        """The layers that set coordinates."""
        return [self.output] if self.choice is None else [self.output, self.choice]


class FourierCode(nn.Module):
    """Sines and cosines of a point at frequencies from one in 2048 to two in one normalised unit (R-SCoRe)."""

    def __init__(self) -> None:
        super().__init__()
        self.rates: Tensor
        # In memory also where the weights are not yet: no file holds them.
        steps = torch.linspace(0, _FOURIER_OCTAVES, _FOURIER_BANDS, device="cpu")
        rates = 2 * math.pi / _FOURIER_PERIOD * 2**steps
        self.register_buffer("rates", rates, persistent=False)

    def forward(self, points: Tensor) -> Tensor:
        """(N, 3) points in the normalised world frame to (N, 96): for each axis all sines, then all cosines."""
        angles = points[:, :, None] * self.rates
        return torch.cat([angles.sin(), angles.cos()], dim=2).flatten(1)


class PositionRefiner(nn.Module):
    """Features and a coarse point to a refined point: the coarse one plus a homogeneous offset (R-SCoRe).

    Args:
        width: of the features.
        hidden: of the layer before the output.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(width, width), nn.Linear(width, hidden)])
        self.output = nn.Linear(hidden, 4)

    def forward(self, features: Tensor, coarse: Tensor) -> Tensor:
        """(N, width) features and (N, 3) coarse points to (N, 3) refined ones, all in the normalised world frame."""
        for layer in self.layers:
            features = functional.relu(layer(features))
        return coarse + homogeneous_offset(self.output(features))
