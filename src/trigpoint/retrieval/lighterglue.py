"""Learned matching of XFeat features: LightGlue (Lindenberger et al., ICCV 2023) in the small size published with XFeat.

The network is kornia's. LightGlue's point pruning is kept and its early stopping is off, as published with these weights.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trigpoint.features.cache import SizedFeatures
from trigpoint.features.pretrained import stored_weights

LOCAL_DIM = 64
_PREFIX = "matcher."


class LighterGlue:
    """Pairs of XFeat keypoints that the network is sure of.

    Args:
        device: where to compute.

    Raises:
        WeightsError: the weights are missing or wrong (TP-501, TP-502).
    """

    name = "lighterglue"

    def __init__(self, device: torch.device) -> None:
        from kornia.feature.lightglue import LightGlue

        self.device = device
        self.network = LightGlue(
            None,  # pyright: ignore[reportArgumentType]
            input_dim=LOCAL_DIM,
            descriptor_dim=96,
            n_layers=6,
            num_heads=1,
            depth_confidence=-1,
            width_confidence=0.95,
            filter_threshold=0.1,
        )
        stored = stored_weights("xfeat-lighterglue")[0]
        # The file also holds XFeat itself.
        weights = {name.removeprefix(_PREFIX): value for name, value in stored.items() if name.startswith(_PREFIX)}
        # Thresholds of the early stopping are a constant of the architecture.
        weights["confidence_thresholds"] = self.network.confidence_thresholds
        self.network.load_state_dict(weights)
        self.network.eval().requires_grad_(False).to(device)

    @torch.inference_mode()
    def match(self, first: SizedFeatures, second: SizedFeatures) -> NDArray[np.int64]:
        """See ``Matcher.match``: (M, 2) keypoint indices."""
        if min(len(first[0]), len(second[0])) == 0:
            return np.zeros((0, 2), dtype=np.int64)
        matches = self.network({"image0": self._input(first), "image1": self._input(second)})["matches"][0]
        return matches.cpu().numpy().astype(np.int64)

    def _input(self, image: SizedFeatures) -> dict[str, Tensor]:
        features, size = image
        return {
            "keypoints": torch.from_numpy(features.image_px).float()[None].to(self.device),
            "descriptors": features.descriptors[None].to(self.device),
            "image_size": torch.tensor([size], dtype=torch.float32, device=self.device),
        }
