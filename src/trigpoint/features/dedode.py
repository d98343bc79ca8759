"""DeDoDe (Edstedt et al., 3DV 2024), detector L and descriptor B, through kornia's networks: 256-d descriptors."""

from __future__ import annotations

import torch
from torch import Tensor

from trigpoint.features.grids import network_input, sample_map
from trigpoint.features.local import LocalFeatures
from trigpoint.features.pretrained import joint_identity, load_pretrained

# ImageNet.
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


class Dedode:
    """The best pixels of the detector with descriptors read by bilinear interpolation, as R-SCoRe uses them.

    There is no suppression of neighbours. Instead the probability of a pixel is divided by the square root of the local
    density (a Gaussian window of 51 x 51 px), so that keypoints do not crowd. Descriptors are not of unit length: their
    matcher normalises them, coordinate regression takes them as they are.
    """

    name = "dedode"
    dim = 256
    dense = False
    size_multiple = 8

    def __init__(self, device: torch.device) -> None:
        from kornia.feature.dedode.dedode_models import get_descriptor, get_detector

        self.detector, detector_sha256 = load_pretrained("dedode-detector", get_detector, device)
        self.descriptor, descriptor_sha256 = load_pretrained("dedode-descriptor", get_descriptor, device)
        self.weights_sha256 = joint_identity(detector_sha256, descriptor_sha256)
        self.device = device

    @torch.inference_mode()
    def encode(self, view: Tensor, max_keypoints: int) -> LocalFeatures:
        """(H, W) uint8 view to keypoints (N, 2), px of the view, with (N, 256) descriptors, see ``LocalEncoder.encode``.

        Scores are probabilities over the whole view, divided as said above.
        """
        from kornia.feature.dedode.utils import sample_keypoints

        height, width = view.shape
        mean, std = (torch.tensor(values, device=self.device)[None, :, None, None] for values in (_MEAN, _STD))
        images = (network_input(view, self.device, channels=3) - mean) / std
        logits = self.detector(images).float()
        probability = logits.reshape(1, -1).softmax(dim=-1).reshape(1, height, width)
        normalized, scores = sample_keypoints(probability, num_samples=max_keypoints)
        # Every keypoint is the centre of a pixel, exactly.
        size = torch.tensor([width, height], device=self.device)
        keypoints = ((normalized[0] + 1) / 2 * size).floor() + 0.5
        descriptors = sample_map(self.descriptor(images).float(), keypoints, (width, height))
        return LocalFeatures(keypoints.cpu(), descriptors.contiguous().cpu(), scores[0].cpu())
