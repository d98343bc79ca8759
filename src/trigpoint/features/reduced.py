"""A local encoder with shorter descriptors."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from trigpoint.features.local import LocalEncoder, LocalFeatures
from trigpoint.features.pca import Pca


class ReducedEncoder:
    """An encoder followed by a PCA (R-SCoRe, section 3.2).

    Args:
        encoder: gives descriptors of length C.
        pca: from length C to ``dim``.
    """

    def __init__(self, encoder: LocalEncoder, pca: Pca) -> None:
        self.encoder = encoder
        self.pca = pca
        self.name = encoder.name
        self.dim = pca.dim
        self.dense = encoder.dense
        self.size_multiple = encoder.size_multiple
        self.weights_sha256 = encoder.weights_sha256

    def encode(self, view: Tensor, max_keypoints: int) -> LocalFeatures:
        """As ``LocalEncoder.encode``, (H, W) view to keypoints, px of the view, with (N, dim) descriptors."""
        features = self.encoder.encode(view, max_keypoints)
        return replace(features, descriptors=self.pca.apply(features.descriptors))
