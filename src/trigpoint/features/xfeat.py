"""XFeat (Potje et al., CVPR 2024): sparse keypoints, or every cell of its 1/8 grid."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from trigpoint.features.grids import cell_positions, local_maxima, network_input
from trigpoint.features.local import LocalFeatures
from trigpoint.features.pretrained import load_pretrained
from trigpoint.features.weights import weights_entry
from trigpoint.features.xfeat_network import CELL_PX, XFeatNetwork

# Below the published 0.05: images of plain walls still get keypoints, and the best are kept by rank anyway.
DETECTION_THRESHOLD = 0.01
NMS_RADIUS_PX = 2


def load_network(device: torch.device) -> nn.Module:
    """XFeat's backbone and heads with the published weights, ready for inference.

    Batch normalisation is folded into the convolutions and the layout is channels-last: the same numbers to 1e-5 in
    about half of the time on a CPU.

    Raises:
        WeightsError: as ``load_pretrained``.
    """
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    network, _ = load_pretrained("xfeat", XFeatNetwork, device, _without_matcher)
    for module in list(network.modules()):
        children = list(module.named_children())
        for (_, first), (name, second) in itertools.pairwise(children):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                fused = fuse_conv_bn_eval(first, second)
                first.weight, first.bias = fused.weight.requires_grad_(False), fused.bias
                setattr(module, name, nn.Identity())
    return network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def _without_matcher(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if not name.startswith("fine_matcher.")}


class XFeatDense:
    """One 64-d descriptor for each cell of 8 x 8 px, at the centre of the cell."""

    name = "xfeat-dense"
    dim = 64
    dense = True
    size_multiple = 32

    def __init__(self, device: torch.device) -> None:
        self.network = load_network(device)
        self.device = device
        self.weights_sha256 = weights_entry("xfeat").sha256

    @torch.inference_mode()
    def encode(self, view: Tensor, max_keypoints: int) -> LocalFeatures:
        """(H, W) uint8 view to keypoints (N, 2), px of the view, with (N, 64) descriptors, see ``LocalEncoder.encode``.

        Scores are XFeat's reliability.
        """
        grid, _, reliability = self.network(_network_input(view, self.device))
        rows, columns = grid.shape[-2:]
        keypoints = cell_positions(rows, columns, CELL_PX, CELL_PX / 2)
        descriptors = functional.normalize(grid, dim=1)[0].flatten(1).T
        return LocalFeatures(keypoints, descriptors.contiguous().cpu(), reliability.flatten().cpu())


class XFeatSparse:
    """The best keypoints of XFeat's detector with 64-d descriptors read from the grid by bicubic interpolation."""

    name = "xfeat"
    dim = 64
    dense = False
    size_multiple = 32

    def __init__(self, device: torch.device) -> None:
        self.network = load_network(device)
        self.device = device
        self.weights_sha256 = weights_entry("xfeat").sha256

    @torch.inference_mode()
    def encode(self, view: Tensor, max_keypoints: int) -> LocalFeatures:
        """(H, W) uint8 view to keypoints (N, 2), px of the view, with (N, 64) descriptors, see ``LocalEncoder.encode``.

        Scores are detector probability times reliability.
        """
        grid, logits, reliability = self.network(_network_input(view, self.device))
        # Channel 64 of the detector means "no keypoint in this cell".
        probability = functional.pixel_shuffle(functional.softmax(logits, dim=1)[:, : CELL_PX**2], CELL_PX)
        peaks = local_maxima(probability[0, 0], radius=NMS_RADIUS_PX, border=NMS_RADIUS_PX, threshold=DETECTION_THRESHOLD)
        size = torch.tensor([view.shape[1], view.shape[0]], device=self.device)
        keypoints = peaks.flip(-1) + 0.5
        where = (2 * keypoints / size - 1)[None, None]
        trust = functional.grid_sample(reliability, where, mode="bilinear", align_corners=False)[0, 0, 0]
        scores = probability[0, 0][peaks[:, 0], peaks[:, 1]] * trust
        best = torch.topk(scores, min(max_keypoints, len(scores))).indices
        grid = functional.normalize(grid, dim=1)
        sampled = functional.grid_sample(grid, where[:, :, best], mode="bicubic", align_corners=False)[0, :, 0].T
        descriptors = functional.normalize(sampled, dim=1)
        return LocalFeatures(keypoints[best].cpu(), descriptors.contiguous().cpu(), scores[best].cpu())


def _network_input(view: Tensor, device: torch.device) -> Tensor:
    return network_input(view, device).contiguous(memory_format=torch.channels_last)
