"""Node2vec embeddings of the covisibility graph: images that random walks often visit together get similar ones.

Skip-gram with negative sampling, with the windows and the loss of R-SCoRe (which trains PyTorch Geometric's Node2Vec).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trigpoint.core.config import POSITIVE, Range, Settings, require
from trigpoint.core.progress import progress
from trigpoint.core.randomness import numpy_generator, torch_generator
from trigpoint.covisibility.graph import CovisibilityGraph
from trigpoint.covisibility.walks import Walker

_EPSILON = 1e-15


@dataclass(frozen=True)
class Node2VecParams(Settings):
    """Settings of node2vec. The defaults are R-SCoRe's.

    Attributes:
        p, q: return and in-out parameters of the walks.
        walks_per_node: walks from each start node of a batch.
        walk_length: nodes of a walk.
        context: nodes of a window; its first node is paired with the others.
        negatives: random walks for each walk.
        learning_rate: of Adam, without schedule.
        steps: batches.
        batch: start nodes of a batch.
        initial_std: standard deviation of the embeddings before training.
    """

    p: Annotated[float, POSITIVE] = 0.25
    q: Annotated[float, POSITIVE] = 4.0
    walks_per_node: Annotated[int, Range(1)] = 128
    walk_length: int = 20
    context: Annotated[int, Range(2)] = 10
    negatives: Annotated[int, Range(1)] = 1
    learning_rate: Annotated[float, POSITIVE] = 0.01
    steps: Annotated[int, Range(1)] = 5000
    batch: Annotated[int, Range(1)] = 256
    initial_std: Annotated[float, POSITIVE] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.context <= self.walk_length, "node2vec.context", self.context, "2 up to walk_length")


def node2vec_codes(
    graph: CovisibilityGraph,
    dim: int,
    seed: int,
    params: Node2VecParams | None = None,
    *,
    device: torch.device | str = "cpu",
) -> NDArray[np.float32]:
    """Learn one node embedding for every image; isolated images keep the random one that they started with.

    Args:
        graph: of N images.
        dim: length of an embedding. R-SCoRe: 256.
        seed: names the first embeddings and the walks.
        params: settings; None: ``quick_params(N)``, which fits a CPU.
        device: of the embeddings while they are learned. Walks are drawn on the CPU.

    Returns:
        (N, dim) float32 embeddings, not normalised.
    """
    params = params or quick_params(len(graph))
    walker = Walker.on(graph, params.p, params.q)
    first = torch.randn((len(graph), dim), generator=torch_generator(seed, "node2vec", "first codes"))
    codes = torch.nn.Parameter((params.initial_std * first).to(device))
    optimizer = torch.optim.Adam([codes], lr=params.learning_rate, fused=True)
    starts = start_nodes(len(graph), params.batch, seed)
    with progress("node embeddings", params.steps) as advance:
        for step in range(params.steps):
            generator = numpy_generator(seed, "node2vec", step)
            start = np.tile(next(starts), params.walks_per_node)
            positive = walker.walks(start, params.walk_length, generator)
            negative = random_nodes(np.tile(start, params.negatives), params.walk_length, len(graph), generator)
            optimizer.zero_grad(set_to_none=True)
            near, far = (torch.from_numpy(nodes).to(device) for nodes in (positive, negative))
            loss = window_loss(codes, near, far, params.context)
            loss.backward()
            optimizer.step()
            advance(note=f"loss {float(loss.detach()):.3f}")
    return codes.detach().cpu().numpy()


def quick_params(images: int) -> Node2VecParams:
    """Settings that converge on a CPU, measured in docs/covisibility.md: fewer walks at once, and fewer steps."""
    return Node2VecParams(walks_per_node=1, initial_std=0.1, steps=max(400, images // 3))


def start_nodes(count: int, batch: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Endless (B,) batches of start node indices: every node equally often, at most ``count`` a batch, none left out."""
    rest, epoch = np.zeros(0, dtype=np.int64), 0
    batch = min(batch, count)
    while True:
        while len(rest) < batch:
            rest = np.concatenate([rest, numpy_generator(seed, "node2vec", "epoch", epoch).permutation(count)])
            epoch += 1
        yield rest[:batch]
        rest = rest[batch:]


def random_nodes(start: NDArray[np.int64], length: int, count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """(B, length) node indices: each of (B,) start nodes followed by uniformly drawn nodes."""
    return np.concatenate([start[:, None], generator.integers(0, count, (len(start), length - 1))], axis=1)


def window_loss(codes: Tensor, positive: Tensor, negative: Tensor, context: int) -> Tensor:
    """Skip-gram loss with negative sampling, a scalar without unit.

    It is the mean of -log(sigmoid(x) + 1e-15) over positive pairs plus that of -log(1 - sigmoid(x) + 1e-15) over negative
    ones; x is the inner product of two embeddings. The pairs are those of the first node of every window of ``context``
    nodes with the others of the window.

    Args:
        codes: (N, D) embeddings.
        positive: (B, L) node indices of biased walks.
        negative: (B, L) node indices of walks of random nodes.
        context: nodes of a window, at most L.
    """
    length = positive.shape[1]
    step = torch.arange(length, device=codes.device)
    first, second = step[:, None], step
    paired = (first <= length - context) & (second > first) & (second < first + context)
    # All products within each walk at once: most are of some window, and picking them one by one costs more than the rest.
    near, far = (torch.sigmoid(_products(codes, walks)) for walks in (positive, negative))
    pairs = int(paired.sum())
    attract = (torch.log(near + _EPSILON) * paired).sum() / (pairs * len(positive))
    repel = (torch.log(1 - far + _EPSILON) * paired).sum() / (pairs * len(negative))
    return -attract - repel


def _products(codes: Tensor, walks: Tensor) -> Tensor:
    """(B, L, L) inner products of the embeddings along each walk."""
    nodes = torch.nn.functional.embedding(walks, codes)
    return nodes @ nodes.transpose(1, 2)
