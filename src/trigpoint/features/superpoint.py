"""SuperPoint in its open retraining (network: DeTone et al., CVPRW 2018; weights: R. Pautrat and P.-E. Sarlin, MIT)."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from trigpoint.features.grids import network_input, sample_map, strongest_peaks
from trigpoint.features.local import LocalFeatures
from trigpoint.features.pretrained import load_pretrained

CELL_PX = 8
NMS_RADIUS_PX = 4
BORDER_PX = 4
DETECTION_THRESHOLD = 0.005
_STAGES = (64, 64, 128, 128)
_HEAD = 256


class SuperPointNetwork(nn.Module):
    """Four stages of two convolutions, then a detector and a descriptor head; names as in the published file."""

    def __init__(self) -> None:
        super().__init__()
        stages, width = [], 1
        for number, channels in enumerate(_STAGES, start=1):
            layers: list[nn.Module] = [_block(width, channels, 3), _block(channels, channels, 3)]
            if number < len(_STAGES):
                layers.append(nn.MaxPool2d(2))
            stages.append(nn.Sequential(*layers))
            width = channels
        self.backbone = nn.Sequential(*stages)
        self.detector = nn.Sequential(_block(width, _HEAD, 3), _block(_HEAD, CELL_PX**2 + 1, 1, relu=False))
        self.descriptor = nn.Sequential(_block(width, _HEAD, 3), _block(_HEAD, SuperPoint.dim, 1, relu=False))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(1, 1, H, W) in [0, 1] to keypoint probabilities (1, 1, H, W) and unit descriptors (1, 256, H/8, W/8)."""
        features = self.backbone(images)
        # The last channel means "no keypoint in this cell".
        cells = functional.softmax(self.detector(features), dim=1)[:, :-1]
        return functional.pixel_shuffle(cells, CELL_PX), functional.normalize(self.descriptor(features), dim=1)


def _block(channels_in: int, channels_out: int, kernel: int, *, relu: bool = True) -> nn.Sequential:
    """This retraining normalises after the activation."""
    convolution = nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2)
    activation = nn.ReLU(inplace=True) if relu else nn.Identity()
    norm = nn.BatchNorm2d(channels_out, eps=1e-3)
    return nn.Sequential(OrderedDict(conv=convolution, activation=activation, bn=norm))


class SuperPoint:
    """The best keypoints of the detector with unit descriptors read from the grid by bilinear interpolation."""

    name = "superpoint"
    dim = 256
    dense = False
    size_multiple = CELL_PX

    def __init__(self, device: torch.device) -> None:
        self.network, self.weights_sha256 = load_pretrained("superpoint", SuperPointNetwork, device)
        self.device = device

    @torch.inference_mode()
    def encode(self, view: Tensor, max_keypoints: int) -> LocalFeatures:
        """(H, W) uint8 view to keypoints (N, 2), px of the view, with (N, 256) descriptors, see ``LocalEncoder.encode``.

        Scores are the detector's probabilities.
        """
        probability, grid = self.network(network_input(view, self.device))
        peaks = strongest_peaks(
            probability[0, 0], max_keypoints, radius=NMS_RADIUS_PX, border=BORDER_PX, threshold=DETECTION_THRESHOLD
        )
        keypoints = peaks.flip(-1) + 0.5
        descriptors = functional.normalize(sample_map(grid, keypoints, (view.shape[1], view.shape[0])), dim=1)
        scores = probability[0, 0][peaks[:, 0], peaks[:, 1]]
        return LocalFeatures(keypoints.cpu(), descriptors.contiguous().cpu(), scores.cpu())
