"""Files of random weights for encoders whose own cannot be had: found, opened and fitted like the published ones."""

from __future__ import annotations

import torch
from torch import nn

from trigpoint.features.ace import AceNetwork
from trigpoint.features.superpoint import SuperPointNetwork
from trigpoint.features.weights import WEIGHTS


def dedode_detector():
    from kornia.feature.dedode.dedode_models import get_detector

    return get_detector()


def dedode_descriptor():
    from kornia.feature.dedode.dedode_models import get_descriptor

    return get_descriptor()


def loftr_backbone():
    from kornia.feature.loftr.backbone import build_backbone
    from kornia.feature.loftr.loftr import default_cfg

    return build_backbone(default_cfg)


NETWORKS = {
    "superpoint": SuperPointNetwork,
    "dedode-detector": dedode_detector,
    "dedode-descriptor": dedode_descriptor,
    "loftr": loftr_backbone,
    "ace": AceNetwork,
}
FILES_OF = {
    "superpoint": ("superpoint",),
    "dedode": ("dedode-detector", "dedode-descriptor"),
    "loftr": ("loftr",),
    "ace": ("ace",),
}


def randomized(make, seed=0):
    """A network with random weights that keep the size of its signals; made without touching the global generator."""
    generator = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        network = make()
    network.to_empty(device="cpu")
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fan_in = module.weight[0].numel()
            module.weight.data.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
            if module.bias is not None:
                module.bias.data.normal_(0, 0.1, generator=generator)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
    return network.eval().requires_grad_(False)


def tensors_of(name, seed=0):
    """What the published file of these weights would hold, with random numbers."""
    tensors = randomized(NETWORKS[name], seed).state_dict()
    if name == "loftr":
        return {"state_dict": {f"backbone.{key}": value for key, value in tensors.items()} | {"other.x": torch.ones(1)}}
    return tensors


def write_random_weights(encoder, folder, seed=0):
    """Write the file or files of one encoder into a folder that TRIGPOINT_WEIGHTS may name."""
    for name in FILES_OF[encoder]:
        torch.save(tensors_of(name, seed), folder / WEIGHTS[name].file)
