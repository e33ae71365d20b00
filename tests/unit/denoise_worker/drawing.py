"""Exported files whose weights are drawn by lot."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

Shapes: TypeAlias = Mapping[str, Sequence[tuple[int, ...]]]

GRU = [(1, 768, 256), (1, 768, 256), (1, 1536)]
SEPARABLE = [(64, 1, 1, 3)], [(64, 64, 1, 1), (64,)]
ENCODER: Shapes = {
    "/erb_conv0/1/Conv": [(64, 1, 3, 3), (64,)],
    "/erb_conv1/0/Conv": SEPARABLE[0],
    "/erb_conv1/1/Conv": SEPARABLE[1],
    "/erb_conv2/Conv": SEPARABLE[0],
    "/erb_conv2/Conv_1": SEPARABLE[1],
    "/erb_conv3/0/Conv": SEPARABLE[0],
    "/erb_conv3/1/Conv": SEPARABLE[1],
    "/df_conv0/1/Conv": [(64, 1, 3, 3)],
    "/df_conv0/2/Conv": SEPARABLE[1],
    "/df_conv1/Conv": SEPARABLE[0],
    "/df_conv1/Conv_1": SEPARABLE[1],
    "/df_fc_emb/0/Einsum": [(32, 96, 16)],
    "/emb_gru/linear_in/0/Einsum": [(16, 32, 16)],
    "/emb_gru/GRU": GRU,
    "/emb_gru/linear_out/0/Einsum": [(16, 16, 32)],
}
SCALE = [(64, 1, 1, 1), (64,)]
GAIN_DECODER: Shapes = {
    "/emb_gru/linear_in/Einsum": [(16, 32, 16)],
    "/emb_gru/GRU": GRU,
    "/emb_gru/GRU_1": GRU,
    "/emb_gru/linear_out/Einsum": [(16, 16, 32)],
    "/conv3p/0/Conv": SCALE,
    "/conv2p/Conv": SCALE,
    "/conv1p/Conv": SCALE,
    "/conv0p/Conv": SCALE,
    "/convt3/Conv": SEPARABLE[0],
    "/convt3/Conv_1": SEPARABLE[1],
    "/convt2/0/ConvTranspose": SEPARABLE[0],
    "/convt2/1/Conv": SEPARABLE[1],
    "/convt1/ConvTranspose": SEPARABLE[0],
    "/convt1/Conv": SEPARABLE[1],
    "/conv0_out/0/Conv": [(1, 64, 1, 3), (1,)],
}
COEFFICIENT_DECODER: Shapes = {
    "/df_gru/linear_in/linear_in.0/Einsum": [(8, 64, 32)],
    "/df_gru/gru/GRU": GRU,
    "/df_gru/gru/GRU_1": GRU,
    "/df_skip/Einsum": [(16, 32, 16)],
    "/df_out/df_out.0/Einsum": [(16, 16, 60)],
    "/df_convp/df_convp.1/Conv": [(10, 32, 5, 1)],
    "/df_convp/df_convp.2/Conv": [(10, 10, 1, 1), (10,)],
}
FILES: Sequence[Shapes] = [ENCODER, GAIN_DECODER, COEFFICIENT_DECODER]


def drawn(shape, generator=None):
    generator = generator or np.random.default_rng(11)
    return (generator.standard_normal(shape) / 8).astype(np.float32)


def operations():
    """The three files' constants."""
    generator = np.random.default_rng(12)
    return [
        {k: [drawn(s, generator) for s in shapes] for k, shapes in file.items()} for file in FILES
    ]
