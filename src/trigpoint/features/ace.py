"""The local encoder of ACE (Brachmann et al., CVPR 2023): 512-d descriptors on a grid.

Its weights may not be used commercially and are never shipped or fetched: users bring their own file. The network is
written from the description in the papers (a ResNet-like stack of 11 convolutions without normalisation).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trigpoint.features.grids import cell_contrast, cell_positions, network_input
from trigpoint.features.local import LocalFeatures
from trigpoint.features.pretrained import load_pretrained

CELL_PX = 8
# The receptive field of a cell is centred 3.5 px up and left of this, but the network was trained to describe this position.
FIRST_PX = 4.0
_MEAN, _STD = 0.4, 0.25


class AceNetwork(nn.Module):
    """Four convolutions down to 1/8, then two residual blocks; names as in the published file."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, 1, 1)
        self.conv2 = nn.Conv2d(32, 64, 3, 2, 1)
        self.conv3 = nn.Conv2d(64, 128, 3, 2, 1)
        self.conv4 = nn.Conv2d(128, 256, 3, 2, 1)
        self.res1_conv1 = nn.Conv2d(256, 256, 3, 1, 1)
        self.res1_conv2 = nn.Conv2d(256, 256, 1)
        self.res1_conv3 = nn.Conv2d(256, 256, 3, 1, 1)
        self.res2_conv1 = nn.Conv2d(256, 512, 3, 1, 1)
        self.res2_conv2 = nn.Conv2d(512, 512, 1)
        self.res2_conv3 = nn.Conv2d(512, 512, 3, 1, 1)
        self.res2_skip = nn.Conv2d(256, 512, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(1, 1, H, W) normalised gray to (1, 512, H/8, W/8)."""
        stem = _chain(images, self.conv1, self.conv2, self.conv3, self.conv4)
        middle = stem + _chain(stem, self.res1_conv1, self.res1_conv2, self.res1_conv3)
        return self.res2_skip(middle) + _chain(middle, self.res2_conv1, self.res2_conv2, self.res2_conv3)


def _chain(features: Tensor, *layers: nn.Module) -> Tensor:
    for layer in layers:
        features = layer(features).relu()
    return features


class Ace:
    """One 512-d descriptor for each cell of 8 x 8 px, at the centre of the cell. Not of unit length."""

    name = "ace"
    dim = 512
    dense = True
    size_multiple = CELL_PX

    def __init__(self, device: torch.device) -> None:
        self.network, self.weights_sha256 = load_pretrained("ace", AceNetwork, device)
        self.device = device

    @torch.inference_mode()
    def encode(self, view: Tensor, max_keypoints: int) -> LocalFeatures:
        """(H, W) uint8 view to keypoints (N, 2), px of the view, with (N, 512) descriptors, see ``LocalEncoder.encode``.

        Scores are the contrast of each cell: ACE has no detector.
        """
        grid = self.network((network_input(view, self.device) - _MEAN) / _STD)
        rows, columns = grid.shape[-2:]
        descriptors = grid[0].flatten(1).T.contiguous().cpu()
        return LocalFeatures(cell_positions(rows, columns, CELL_PX, FIRST_PX), descriptors, cell_contrast(view, CELL_PX))
