"""The backbone of LoFTR (Sun et al., CVPR 2021) up to stride 8, through kornia's network: 256-d descriptors on a grid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from trigpoint.features.grids import cell_contrast, cell_positions, network_input
from trigpoint.features.local import LocalFeatures
from trigpoint.features.pretrained import load_pretrained

CELL_PX = 8
# All strided convolutions are centred on even pixels, so a cell looks at the first of its 8 x 8 px, not at their middle.
FIRST_PX = 0.5
_PREFIX = "backbone."


class Loftr:
    """One 256-d descriptor for each 8 x 8 px, at the centre of its receptive field. Not of unit length."""

    name = "loftr"
    dim = 256
    dense = True
    size_multiple = CELL_PX

    def __init__(self, device: torch.device) -> None:
        from kornia.feature.loftr.backbone import build_backbone
        from kornia.feature.loftr.loftr import default_cfg

        self.network, self.weights_sha256 = load_pretrained("loftr", lambda: build_backbone(default_cfg), device, _backbone)
        self.device = device

    @torch.inference_mode()
    def encode(self, view: Tensor, max_keypoints: int) -> LocalFeatures:
        """(H, W) uint8 view to keypoints (N, 2), px of the view, with (N, 256) descriptors, see ``LocalEncoder.encode``.

        Scores are the contrast of each cell: LoFTR has no detector.
        """
        net = self.network
        half = net.relu(net.bn1(net.conv1(network_input(view, self.device))))
        grid = net.layer3(net.layer2(net.layer1(half)))
        rows, columns = grid.shape[-2:]
        descriptors = grid[0].flatten(1).T.contiguous().cpu()
        return LocalFeatures(cell_positions(rows, columns, CELL_PX, FIRST_PX), descriptors, cell_contrast(view, CELL_PX))


def _backbone(content: Any) -> Mapping[str, Tensor]:
    """The backbone's part of a checkpoint of the whole matcher."""
    tensors = content["state_dict"]
    return {name.removeprefix(_PREFIX): value for name, value in tensors.items() if name.startswith(_PREFIX)}
