"""How an aggregator is built and trained, as frozen values that are stored in its file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, Literal, get_args

from trigpoint.core.config import POSITIVE, Range, Settings, require
from trigpoint.core.image_limits import MIN_SIDE_PX

Variant = Literal["sparse", "dense"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
# More rounds of slot attention than the three as published change nothing, and each costs a query time.
MAX_ITERATIONS = 100
Count = Annotated[int, Range(1)]
Fraction = Annotated[float, Range(0, 1)]


@dataclass(frozen=True)
class SuperGFConfig(Settings):
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

    variant: Variant = "sparse"
    pooling: Literal["slots", "gem"] = "slots"
    encoder: str = "xfeat"
    input_dim: Count = 64
    short_side_px: Annotated[int, Range(MIN_SIDE_PX)] = 480
    width: Count = 192
    hidden: Count = 384
    layers: Annotated[int, Range(0)] = 3
    heads: Count = 8
    max_keypoints: Count = 512
    slots: Annotated[int, Range(2)] = 32
    iterations: Annotated[int, Range(1, MAX_ITERATIONS)] = 3
    position_hidden: tuple[Count, ...] = (32, 64)
    stride: Count = 2
    gem_power: Annotated[float, POSITIVE] = 3.0
    slot_width: Count = 16
    sharpness: Annotated[float, POSITIVE] = 100.0
    whitening_rank: int = 256
    residual_power: Fraction = 0.0

    @property
    def dim(self) -> int:
        """Length of the global descriptor."""
        return self.width if self.pooling == "gem" else self.slots * self.slot_width

    def __post_init__(self) -> None:
        super().__post_init__()
        require(bool(self.position_hidden), "aggregator.position_hidden", self.position_hidden, "one layer or more")
        fits = self.pooling == "gem" or 1 <= self.whitening_rank <= self.dim
        require(fits, "aggregator.whitening_rank", self.whitening_rank, "from 1 to slots times slot_width")
        fits = self.pooling == "gem" or self.slot_width <= self.input_dim
        require(fits, "aggregator.slot_width", self.slot_width, "at most the input_dim")
        require(self.width % (4 * self.heads) == 0, "aggregator.width", self.width, "a multiple of 4 times the heads")


@dataclass(frozen=True)
class ListConfig(Settings):
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

    queries: Count = 4
    scenes: Annotated[int, Range(0)] = 0
    positives: Count = 1
    soft_negatives: Annotated[int, Range(0)] = 2
    negatives: Annotated[int, Range(0)] = 100
    negatives_from: Literal["everywhere", "scene"] = "everywhere"
    positive_label: Annotated[float, Range(0, 1, open_low=True)] = 0.5
    shared: bool = False


@dataclass(frozen=True)
class APConfig(Settings):
    """The listwise loss.

    Attributes:
        bins: number of similarity bins.
        low: centre of the lowest bin.
        high: centre of the highest bin.
        running_percentile: let both follow the batches' 1st and 100th percentile instead.
        normalized: divide the average precision by that of the best order.
        decorrelation: weight of the attention decorrelation (sparse).
    """

    bins: Annotated[int, Range(2)] = 20
    low: Annotated[float, Range(-1, 1)] = 0.0
    high: Annotated[float, Range(-1, 1)] = 1.0
    running_percentile: bool = False
    normalized: bool = False
    decorrelation: Annotated[float, Range(0)] = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.low < self.high, "ap.low", self.low, "less than ap.high")


@dataclass(frozen=True)
class AggregatorTrainingConfig(Settings):
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

    steps: Count = 875_000
    learning_rate: Annotated[float, POSITIVE] = 1e-4
    final_rate: Annotated[float, Range(0)] = 1e-6
    warmup_steps: Annotated[int, Range(0)] = 0
    weight_decay: Annotated[float, Range(0)] = 1e-4
    keypoints: Annotated[int, Range(0)] = 0
    keypoint_dropout: Annotated[float, Range(0, 1, open_high=True)] = 0.0
    score_jitter: Annotated[float, Range(0)] = 0.0
    flip: Fraction = 0.0
    windows: Fraction = 0.0


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
