"""GLACE's 2D toy example: 19 images side by side on a grid, and a network that learns where each patch lies.

    python examples/position_decoder_2d.py [--images FOLDER] [--steps 1500] [--json FILE]

The network gets the local encoding of a patch and must say where on the grid of images it is; it is told the answer, so
nothing but the output layer matters (supplementary material of GLACE, section 3). With the position decoder it chooses
among the 19 image centres first; without, it regresses from the mean. Printed is the mean absolute error of each image.
The images are rendered unless a folder with at least 19 is given.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from trigpoint.core.artifact import write_json
from trigpoint.core.image import read_image
from trigpoint.core.image_formats import IMAGE_SUFFIXES
from trigpoint.core.progress import progress
from trigpoint.core.randomness import torch_generator
from trigpoint.features.encoders import load_encoder
from trigpoint.features.extract import extract_features
from trigpoint.features.views import plain_view
from trigpoint.mapping.head import Head, make_head
from trigpoint.mapping.optimizer import Optimizer
from trigpoint.mapping.training_config import AdamWConfig, HeadConfig
from trigpoint.synthetic.scene import SyntheticConfig, write_synthetic_scene

IMAGES, COLUMNS, SPACING = 19, 5, 5.0
# An image of 640 px is 4 units wide: errors are printed in px.
PX_PER_UNIT = 160.0


def main() -> None:
    """Train with and without the position decoder and print both errors for every image."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = rendered(Path(folder)) if arguments.images is None else images_in(arguments.images)
        descriptors, targets, image = patches(paths)
    centres = grid()
    errors = {
        name: train(descriptors, targets, image, clusters, centres, arguments.steps, arguments.seed)
        for name, clusters in (("without", 1), ("with", IMAGES))
    }
    print("image  without decoder  with decoder   (mean absolute error, px)")
    for index in range(IMAGES):
        print(f"{index + 1:>5}  {errors['without'][index]:>15.1f}  {errors['with'][index]:>12.1f}")
    print(f" mean  {np.mean(errors['without']):>15.1f}  {np.mean(errors['with']):>12.1f}")
    if arguments.json:
        write_json(arguments.json, {"steps": arguments.steps, "seed": arguments.seed, **errors})


def rendered(folder: Path) -> list[Path]:
    """One image of each of 19 synthetic scenes."""
    paths = []
    for seed in range(IMAGES):
        kind = "street" if seed % 3 == 2 else "room"
        scene = write_synthetic_scene(folder / str(seed), SyntheticConfig(kind=kind, seed=seed, n_train=1, n_test=0))
        paths.append(scene.frames[0].image_path)
    return paths


def images_in(folder: Path) -> list[Path]:
    """The first 19 images of a folder."""
    images = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if len(images) < IMAGES:
        raise SystemExit(f"{folder} holds {len(images)} images, {IMAGES} are needed")
    return images[:IMAGES]


def grid() -> Tensor:
    """(19, 3) centres of the images on the grid, around their mean; the third coordinate is 0."""
    index = torch.arange(IMAGES)
    centres = torch.stack([index % COLUMNS, index // COLUMNS, torch.zeros_like(index)], dim=1) * SPACING
    return centres - centres.mean(dim=0)


def patches(paths: list[Path]) -> tuple[Tensor, Tensor, Tensor]:
    """(N, C) local encodings of all cells, (N, 2) where they are on the grid, and (N,) image they belong to."""
    encoder = load_encoder("xfeat-dense", torch.device("cpu"))
    columns: tuple[list[Tensor], list[Tensor], list[Tensor]] = ([], [], [])
    for index, path in enumerate(paths):
        image = read_image(path, short_side_px=480)
        view = plain_view(image.width, image.height, 480, encoder.size_multiple)
        features = extract_features(encoder, image, view, 4800)
        middle = (image.width / 2, image.height / 2)
        offsets = torch.from_numpy((features.image_px - middle) * features.scale / PX_PER_UNIT).float()
        values = (features.descriptors, offsets + grid()[index, :2], torch.full((len(features),), index))
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    return torch.cat(columns[0]), torch.cat(columns[1]), torch.cat(columns[2])


def train(
    descriptors: Tensor, targets: Tensor, image: Tensor, clusters: int, centres: Tensor, steps: int, seed: int
) -> list[float]:
    """Mean absolute error of each image, px, of a network with this number of cluster centres."""
    config = HeadConfig(width=256, clusters=clusters, standardize=True)
    head = make_head(descriptors.shape[1], config, torch_generator(seed, "toy head"), centres if clusters > 1 else None)
    head.standardize(descriptors)
    optimizer = Optimizer(head, AdamWConfig(learning_rate=3e-3, steps=steps, batch=2048))
    with progress("with decoder" if clusters > 1 else "without decoder", steps) as advance:
        for step in range(steps):
            chosen = torch.randint(len(targets), (2048,), generator=torch_generator(seed, "toy batch", step))
            (head(descriptors[chosen])[:, :2] - targets[chosen]).abs().mean().backward()
            optimizer.step(step)
            advance()
    return errors_of(head, descriptors, targets, image)


@torch.inference_mode()
def errors_of(head: Head, descriptors: Tensor, targets: Tensor, image: Tensor) -> list[float]:
    """Mean absolute error of each image, px."""
    error = (head(descriptors)[:, :2] - targets).abs().mean(dim=1) * PX_PER_UNIT
    return [round(float(error[image == index].mean()), 2) for index in range(IMAGES)]


if __name__ == "__main__":
    main()
