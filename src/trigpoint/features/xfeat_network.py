"""The network of XFeat (Potje et al., CVPR 2024), without its matcher, ready for its published weights."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

CELL_PX = 8
_DIM = 64


class XFeatNetwork(nn.Module):
    """Five stages of convolutions whose last three are summed at 1/8 of the image (section 3.1, figure 3).

    Attributes have the names of the published file.
    """

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm2d(1)
        self.skip1 = nn.Sequential(nn.AvgPool2d(4, stride=4), nn.Conv2d(1, 24, 1))
        self.block1 = nn.Sequential(_Layer(1, 4), _Layer(4, 8, stride=2), _Layer(8, 8), _Layer(8, 24, stride=2))
        self.block2 = nn.Sequential(_Layer(24, 24), _Layer(24, 24))
        self.block3 = nn.Sequential(_Layer(24, 64, stride=2), _Layer(64, 64), _Layer(64, 64, kernel=1))
        self.block4 = nn.Sequential(_Layer(64, 64, stride=2), _Layer(64, 64), _Layer(64, 64))
        self.block5 = nn.Sequential(_Layer(64, 128, stride=2), _Layer(128, 128), _Layer(128, 128), _Layer(128, 64, kernel=1))
        self.block_fusion = nn.Sequential(_Layer(64, 64), _Layer(64, 64), nn.Conv2d(64, _DIM, 1))
        self.heatmap_head = nn.Sequential(
            _Layer(_DIM, 64, kernel=1), _Layer(64, 64, kernel=1), nn.Conv2d(64, 1, 1), nn.Sigmoid()
        )
        self.keypoint_head = nn.Sequential(
            *(_Layer(CELL_PX**2, 64, kernel=1) for _ in range(3)), nn.Conv2d(64, CELL_PX**2 + 1, 1)
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Descriptors, detector logits and reliability of a batch of gray images.

        Args:
            images: (B, 1, H, W) float32, both sides multiples of 32 px.

        Returns:
            (B, 64, H/8, W/8) descriptors, not normalised; (B, 65, H/8, W/8) logits of the pixels of each cell in row order
            and of "no keypoint here"; (B, 1, H/8, W/8) reliability in [0, 1].
        """
        images = self.norm(images)
        quarter = self.block2(self.block1(images) + self.skip1(images))
        eighth = self.block3(quarter)
        sixteenth = self.block4(eighth)
        size = eighth.shape[-2:]
        coarse = [functional.interpolate(stage, size, mode="bilinear") for stage in (sixteenth, self.block5(sixteenth))]
        descriptors = self.block_fusion(eighth + coarse[0] + coarse[1])
        # The detector sees the pixels themselves: each cell of 8 x 8 px is a vector of 64 channels.
        logits = self.keypoint_head(functional.pixel_unshuffle(images, CELL_PX))
        return descriptors, logits, self.heatmap_head(descriptors)


class _Layer(nn.Module):
    """Convolution, batch normalisation without weights of its own, ReLU."""

    def __init__(self, channels_in: int, channels_out: int, *, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        convolution = nn.Conv2d(channels_in, channels_out, kernel, stride=stride, padding=kernel // 2, bias=False)
        self.layer = nn.Sequential(convolution, nn.BatchNorm2d(channels_out, affine=False), nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        """(B, I, H, W) to (B, O, h, w) features without unit; h and w are H and W divided by the stride."""
        return self.layer(x)
