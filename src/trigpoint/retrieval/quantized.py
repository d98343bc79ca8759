"""Search among very many descriptors: product quantisation (Jegou et al., TPAMI 2011) keeps a few bytes of each.

A descriptor is cut into M parts, and each part is replaced by the nearest of 256 codewords. The optional package faiss
learns the codewords; searching needs only torch.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from trigpoint.core.errors import MappingError
from trigpoint.core.randomness import derived_seed
from trigpoint.retrieval.index import check_vectors, checked_queries, ranked, unusable

CODEWORDS = 256


class QuantizedIndex:
    """A gallery of images, each a code of M bytes.

    Attributes:
        codebooks: (M, 256, D / M) float32: what each value of each byte stands for.
        codes: (N, M) uint8.

    Raises:
        MappingError: tensors that do not fit (TP-639).
    """

    def __init__(self, codebooks: Tensor, codes: Tensor) -> None:
        shapes_fit = codebooks.ndim == 3 and codes.ndim == 2 and codebooks.shape[:2] == (codes.shape[1], CODEWORDS)
        if not shapes_fit or codes.dtype != torch.uint8 or not torch.isfinite(codebooks.float()).all():
            raise unusable("codebooks and codes do not fit together")
        self.codebooks = codebooks.float()
        self.codes = codes

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def dim(self) -> int:
        """Length of a descriptor."""
        return self.codebooks.shape[0] * self.codebooks.shape[2]

    def search(self, query: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """As ``RetrievalIndex.search``, from (D,) or (Q, D); cosines are estimates from the codes (asymmetric distances)."""
        queries = functional.normalize(checked_queries(query, self.dim), dim=1)
        parts = queries.reshape(len(queries), len(self.codebooks), -1)
        # The query stays exact: the table holds what each codeword adds to the cosine, so a search only adds up M numbers.
        table = torch.einsum("qmd,mcd->qmc", parts, self.codebooks)
        similarity = torch.zeros((len(queries), len(self)))
        for byte in range(self.codes.shape[1]):
            similarity += table[:, byte].index_select(1, self.codes[:, byte].int())
        return ranked(similarity, k, single=query.ndim == 1)

    @property
    def bytes_per_image(self) -> int:
        """What is kept of each image, M bytes."""
        return self.codes.shape[1]

    @property
    def shared_bytes(self) -> int:
        """What is kept beside that, whatever the number of images: the codebooks in half precision."""
        return 2 * self.codebooks.numel()


def quantize(vectors: Tensor, bytes_per_image: int, seed: int) -> QuantizedIndex:
    """Learn codes for a gallery. Worth it from some ten thousand images on: the codebooks take 512 bytes times D.

    Args:
        vectors: (N, D) descriptors of any length, N at least 256.
        bytes_per_image: M, a divisor of D.
        seed: seed of the k-means that finds the codewords.

    Raises:
        MappingError: faiss is not installed (TP-634); too few vectors or a length that M does not divide (TP-639).
    """
    faiss = _faiss()
    check_vectors(vectors)
    count, dim = vectors.shape
    if count < CODEWORDS or bytes_per_image < 1 or dim % bytes_per_image:
        raise unusable(f"{count} descriptors of length {dim} cannot be coded with {bytes_per_image} bytes each")
    unit = np.ascontiguousarray(functional.normalize(vectors.float(), dim=1).numpy())
    quantizer = faiss.ProductQuantizer(dim, bytes_per_image, 8)
    quantizer.cp.seed = derived_seed(seed, "quantizer") % 2**31
    # As many vectors as there are codewords are enough to code exactly; faiss would print a warning.
    quantizer.cp.min_points_per_centroid = 1
    quantizer.train(unit)
    codebooks = faiss.vector_to_array(quantizer.centroids).reshape(bytes_per_image, CODEWORDS, dim // bytes_per_image)
    codes = quantizer.compute_codes(unit)
    # Rounded as they would be kept, so that what is measured is what a kept index gives.
    return QuantizedIndex(torch.from_numpy(codebooks).half(), torch.from_numpy(codes.copy()))


def _faiss() -> ModuleType:
    try:
        import faiss
    except ImportError as error:
        raise MappingError(
            "TP-634", "product quantisation needs the package faiss", fix="Run pip install '.[large]' in the checkout."
        ) from error
    return faiss
