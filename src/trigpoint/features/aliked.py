"""ALIKED n16 (Zhao et al., IEEE TIM 2023) through kornia's network: sub-pixel keypoints with 128-d descriptors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from trigpoint.features.grids import network_input
from trigpoint.features.local import LocalFeatures
from trigpoint.features.pretrained import load_pretrained

NMS_RADIUS_PX = 2


class Aliked:
    """The best local maxima of ALIKED's score map, refined to a fraction of a pixel, with unit descriptors."""

    name = "aliked"
    dim = 128
    dense = False
    size_multiple = 32

    def __init__(self, device: torch.device) -> None:
        from kornia.feature.aliked.aliked import ALIKED

        self.network, self.weights_sha256 = load_pretrained("aliked", lambda: ALIKED("aliked-n16"), device, _with_detector)
        self.device = device

    @torch.inference_mode()
    def encode(self, view: Tensor, max_keypoints: int) -> LocalFeatures:
        """(H, W) uint8 view to keypoints (N, 2), px of the view, with (N, 128) descriptors, see ``LocalEncoder.encode``.

        Scores are those of the score map, between 0 and 1.
        """
        from kornia.feature.aliked.aliked import DKD

        features, scores = self.network.extract_dense_map(network_input(view, self.device, channels=3))
        detector = DKD(radius=NMS_RADIUS_PX, top_k=max_keypoints).to(self.device)
        keypoints, keypoint_scores, _ = detector(scores)
        if len(keypoints[0]) == 0:
            return LocalFeatures(torch.empty(0, 2), torch.empty(0, self.dim), torch.empty(0))
        descriptors, _ = self.network.desc_head(features, keypoints)
        # -1 and 1 are the centres of the first and the last pixel there.
        last = torch.tensor([view.shape[1] - 1, view.shape[0] - 1], device=self.device)
        keypoints_px = (keypoints[0] + 1) / 2 * last + 0.5
        return LocalFeatures(keypoints_px.cpu(), descriptors[0].contiguous().cpu(), keypoint_scores[0].cpu())


def _with_detector(content: Any) -> Mapping[str, Tensor]:
    """The file lacks the offsets of the detection window, which are no weights."""
    steps = torch.arange(-NMS_RADIUS_PX, NMS_RADIUS_PX + 1).float()
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return {**content, "dkd.hw_grid": torch.stack([x, y], dim=-1).reshape(-1, 2)}
