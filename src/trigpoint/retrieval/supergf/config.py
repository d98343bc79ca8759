"""How an aggregator is built and trained, as frozen values that are stored in its file."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from trigpoint.core.config import require

VARIANTS = ("sparse", "dense")
POOLINGS = ("slots", "gem")
NEGATIVES = ("everywhere", "scene")


@dataclass(frozen=True)
class SuperGFConfig:
    """An aggregator. The paper's has ``width`` 512 and ``hidden`` 1024 with SuperPoint or SIFT below it.

    Attributes:
        variant: ``"sparse"``: keypoints through slot attention; ``"dense"``: a grid of descriptors through a strided
            convolution.
        pooling: ``"gem"``, the paper's: a generalised mean over all tokens; or ``"slots"``, ours: slots start at centres of
            the local descriptors, and their tokens make up the descriptor side by side.
        encoder: key in ``ENCODERS``: the front end, which stays frozen.
        input_dim: length of its descriptors.
        short_side_px: shorter side of the view that the front end sees.
        width: length of a token of the transformer; with ``"gem"`` also of the global descriptor.
        hidden: width of the middle layer of each block.
        layers: transformer layers.
        heads: attention heads of each.
        max_keypoints: keypoints of an image, the best by score (sparse).
        slots: learned slots that share the keypoints among them (sparse, or ``"slots"``).
        iterations: rounds of slot attention (sparse and ``"gem"``).
        position_hidden: middle layers of the network that codes position and score of a keypoint (sparse and ``"gem"``), the
            first of them also that of the network that weighs keypoints (``"slots"``).
        stride: stride of the tokenizer: cells per token along a side (dense).
        gem_power: power of the generalised mean at the start; it is learned (``"gem"``).
        slot_width: numbers of each slot in the descriptor, which is ``slots`` times as long (``"slots"``).
        sharpness: inverse temperature of the slots' attention at the start; it is learned (``"slots"``).
        whitening_rank: directions of the descriptor that are whitened (``"slots"``).
        residual_power: differences from a slot's centre are divided by this power of their length (``"slots"``).
    """

    variant: str = "sparse"
    pooling: str = "slots"
    encoder: str = "xfeat"
    input_dim: int = 64
    short_side_px: int = 480
    width: int = 192
    hidden: int = 384
    layers: int = 3
    heads: int = 8
    max_keypoints: int = 512
    slots: int = 32
    iterations: int = 3
    position_hidden: tuple[int, ...] = (32, 64)
    stride: int = 2
    gem_power: float = 3.0
    slot_width: int = 16
    sharpness: float = 100.0
    whitening_rank: int = 256
    residual_power: float = 0.0

    @property
    def dim(self) -> int:
        """Length of the global descriptor."""
        return self.width if self.pooling == "gem" else self.slots * self.slot_width

    def __post_init__(self) -> None:
        require(self.variant in VARIANTS, "aggregator.variant", self.variant, " or ".join(VARIANTS))
        require(self.pooling in POOLINGS, "aggregator.pooling", self.pooling, " or ".join(POOLINGS))
        names = ("input_dim", "width", "hidden", "heads", "max_keypoints", "iterations", "stride", "slot_width")
        for name in names:
            require(getattr(self, name) >= 1, f"aggregator.{name}", getattr(self, name), "1 or more")
        require(self.layers >= 0, "aggregator.layers", self.layers, "0 or more")
        require(self.slots >= 2, "aggregator.slots", self.slots, "2 or more")
        smallest = min(self.position_hidden, default=0)
        require(smallest >= 1, "aggregator.position_hidden", self.position_hidden, "at least one layer of 1 or more")
        fits = self.pooling == "gem" or 1 <= self.whitening_rank <= self.dim
        require(fits, "aggregator.whitening_rank", self.whitening_rank, "from 1 to slots times slot_width")
        fits = self.pooling == "gem" or self.slot_width <= self.input_dim
        require(fits, "aggregator.slot_width", self.slot_width, "at most the input_dim")
        require(self.short_side_px >= 32, "aggregator.short_side_px", self.short_side_px, "32 or more")
        require(self.width % (4 * self.heads) == 0, "aggregator.width", self.width, "a multiple of 4 times the heads")
        for name in ("gem_power", "sharpness"):
            require(0 < getattr(self, name) < math.inf, f"aggregator.{name}", getattr(self, name), "positive")
        require(0 <= self.residual_power <= 1, "aggregator.residual_power", self.residual_power, "0 to 1")


@dataclass(frozen=True)
class ListConfig:
    """What a query is ranked against in training.

    Attributes:
        queries: queries of a step.
        scenes: scenes that the queries of a step are from at most; few make the images of a step hard to tell apart. 0: any.
        positives: images with a label of ``positive_label`` or more that are drawn for each query.
        soft_negatives: images with a smaller label above 0 that are drawn for each.
        negatives: images with label 0 that are drawn for each; with ``shared`` for all queries of a step together.
        negatives_from: ``"everywhere"`` or the query's own ``"scene"``.
        positive_label: smallest label of a positive.
        shared: rank every drawn image against all other images of the step, instead of each query against its own list.
    """

    queries: int = 4
    scenes: int = 0
    positives: int = 1
    soft_negatives: int = 2
    negatives: int = 100
    negatives_from: str = "everywhere"
    positive_label: float = 0.5
    shared: bool = False

    def __post_init__(self) -> None:
        for name in ("queries", "positives"):
            require(getattr(self, name) >= 1, f"lists.{name}", getattr(self, name), "1 or more")
        for name in ("scenes", "soft_negatives", "negatives"):
            require(getattr(self, name) >= 0, f"lists.{name}", getattr(self, name), "0 or more")
        require(self.negatives_from in NEGATIVES, "lists.negatives_from", self.negatives_from, " or ".join(NEGATIVES))
        require(0 < self.positive_label <= 1, "lists.positive_label", self.positive_label, "more than 0, up to 1")


@dataclass(frozen=True)
class APConfig:
    """The listwise loss.

    Attributes:
        bins: number of similarity bins.
        low: centre of the lowest bin.
        high: centre of the highest bin.
        running_percentile: let both follow the batches' 1st and 100th percentile instead.
        normalized: divide the average precision by that of the best order.
        decorrelation: weight of the attention decorrelation (sparse).
    """

    bins: int = 20
    low: float = 0.0
    high: float = 1.0
    running_percentile: bool = False
    normalized: bool = False
    decorrelation: float = 0.1

    def __post_init__(self) -> None:
        require(self.bins >= 2, "ap.bins", self.bins, "2 or more")
        require(-1 <= self.low < self.high, "ap.low", self.low, "from -1, less than ap.high")
        require(self.high <= 1, "ap.high", self.high, "at most 1")
        require(0 <= self.decorrelation < math.inf, "ap.decorrelation", self.decorrelation, "0 or more")


@dataclass(frozen=True)
class AggregatorTrainingConfig:
    """How an aggregator learns.

    Attributes:
        steps: optimizer steps (the paper: 350 epochs of 10,000 queries, 4 queries a step: 875,000).
        learning_rate: AdamW's rate at the start, after the warm-up.
        final_rate: rate at the end of the cosine.
        warmup_steps: steps in which the rate rises.
        weight_decay: AdamW's weight decay.
        keypoints: keypoints of an image that are drawn in a step at most; 0: all (sparse).
        keypoint_dropout: largest fraction of the keypoints of an image that is left out, drawn anew each time (sparse).
        score_jitter: standard deviation of the noise on scores, which lie in [0, 1] (sparse).
        flip: fraction of the steps in which the images' horizontal positions are mirrored (sparse).
        windows: fraction of the images of which only a window is shown (sparse).
    """

    steps: int = 875_000
    learning_rate: float = 1e-4
    final_rate: float = 1e-6
    warmup_steps: int = 0
    weight_decay: float = 1e-4
    keypoints: int = 0
    keypoint_dropout: float = 0.0
    score_jitter: float = 0.0
    flip: float = 0.0
    windows: float = 0.0

    def __post_init__(self) -> None:
        require(self.steps >= 1, "training.steps", self.steps, "1 or more")
        require(0 < self.learning_rate < math.inf, "training.learning_rate", self.learning_rate, "positive")
        for name in ("final_rate", "warmup_steps", "weight_decay", "keypoints", "score_jitter"):
            require(0 <= getattr(self, name) < math.inf, f"training.{name}", getattr(self, name), "0 or more")
        require(0 <= self.keypoint_dropout < 1, "training.keypoint_dropout", self.keypoint_dropout, "0 to less than 1")
        for name in ("flip", "windows"):
            require(0 <= getattr(self, name) <= 1, f"training.{name}", getattr(self, name), "0 to 1")


@dataclass(frozen=True)
class SuperGFRecipe:
    """Everything that decides how an aggregator comes out, beside its images and labels."""

    aggregator: SuperGFConfig = field(default_factory=SuperGFConfig)
    lists: ListConfig = field(default_factory=ListConfig)
    ap: APConfig = field(default_factory=APConfig)
    training: AggregatorTrainingConfig = field(default_factory=AggregatorTrainingConfig)


# As published, on another front end: 1,300 times the work of a step of the compact recipes, and as many more steps.
PAPER = SuperGFRecipe(
    aggregator=SuperGFConfig(
        pooling="gem", width=512, hidden=1024, heads=8, max_keypoints=1024, slots=128, position_hidden=(64, 256)
    )
)
# Sized for one CPU core and minutes; see docs/supergf.md for what each choice was measured to be worth.
COMPACT = SuperGFRecipe(
    aggregator=SuperGFConfig(width=96, hidden=192, heads=4, layers=2, max_keypoints=1024, slots=64, slot_width=24),
    lists=ListConfig(queries=16, scenes=8, positives=2, soft_negatives=1, negatives=0, shared=True),
    ap=APConfig(running_percentile=True, decorrelation=0.0),
    training=AggregatorTrainingConfig(
        steps=150, learning_rate=2e-4, final_rate=1e-5, warmup_steps=15, keypoints=768, windows=0.2, flip=0.5
    ),
)
COMPACT_GEM = SuperGFRecipe(
    aggregator=SuperGFConfig(pooling="gem"),
    lists=replace(COMPACT.lists, queries=12, scenes=4),
    ap=APConfig(running_percentile=True),
    training=AggregatorTrainingConfig(steps=600, learning_rate=1e-3, final_rate=1e-5, warmup_steps=30, keypoints=256),
)
# From a trained aggregator to one for a scene: little is changed.
FINE_TUNE = replace(COMPACT, training=replace(COMPACT.training, steps=100, learning_rate=1e-4))
RECIPES = {"compact": COMPACT, "compact-gem": COMPACT_GEM, "paper": PAPER}
