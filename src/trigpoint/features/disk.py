"""DISK (Tyszkiewicz et al., NeurIPS 2020), depth supervision, through kornia's network: pixels with 128-d descriptors."""

from __future__ import annotations

import torch
from torch import Tensor

from trigpoint.features.grids import network_input
from trigpoint.features.local import LocalFeatures
from trigpoint.features.pretrained import load_pretrained

# Measured (docs/encoders.md): between views of different scale, keypoints agree where pixel i is taken as position i. For
# i + 0.5 they are off by (0.4, 0.5) px. Training with the number of a pixel as its position would explain it.
POSITION_IN_PIXEL_PX = 0.0


class Disk:
    """The best local maxima of DISK's heat map within 5 x 5 px, with the unit descriptors of their pixels."""

    name = "disk"
    dim = 128
    dense = False
    size_multiple = 16

    def __init__(self, device: torch.device) -> None:
        from kornia.feature.disk.disk import DISK

        self.network, self.weights_sha256 = load_pretrained("disk", DISK, device, lambda content: content["extractor"])
        self.device = device

    @torch.inference_mode()
    def encode(self, view: Tensor, max_keypoints: int) -> LocalFeatures:
        """(H, W) uint8 view to keypoints (N, 2), px of the view, with (N, 128) descriptors, see ``LocalEncoder.encode``.

        Scores are the values of the heat map (logits), all positive.
        """
        features = self.network(network_input(view, self.device, channels=3), n=max_keypoints)[0]
        keypoints = features.keypoints.float() + POSITION_IN_PIXEL_PX
        return LocalFeatures(keypoints.cpu(), features.descriptors.contiguous().cpu(), features.detection_scores.cpu())
