"""Moonshine's weights under the names that CTranslate2's Whisper gives them.

CTranslate2 has no Moonshine, but its Whisper is made of parts that can be one (the network:
https://arxiv.org/abs/2410.15608, and `modeling_moonshine.py` of Hugging Face's transformers). What
differs is expressed in weights:

- Encoder and decoder turn queries and keys by their position (rotary embeddings); the table of
  positions that Whisper adds is zero.
- Whisper's two convolutions have a padding of 1 and strides of 1 and 2. Moonshine's second one, 7
  wide in strides of 3, arrives here as windows laid out by `asr_worker.moonshine.sound`: 1 wide in
  strides of 1. What its padding adds at the ends meets zeros of the third one, which is widened.
- Its norms have no offset; without one CTranslate2 would compute another norm.
- Whisper marks start and end by tokens of its own. A vocabulary without them takes the end for
  all of them. So the end's input is Moonshine's start, and its output is Moonshine's end. It is the
  last token, since in alignments only those before it count as text.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from common.audio import FloatArray

LAYERS = HEADS = 8
ROTARY = 32
"""Dimensions of each head that are turned by the position, in neighbouring pairs."""
WIDTH = 416
MOST_POSITIONS = 2048
"""Positions of the encoder that may be; Moonshine makes 41.7 of a second."""

Operands = Mapping[str, Sequence[FloatArray]]
"""Constants by the operation that uses them, see `asr_worker.moonshine.ort_file`."""
Weights = Iterator[tuple[str, FloatArray]]

_BEGIN, _END = 1, 2
_THIRD, _WIDENED, _AT = 3, 6, slice(2, 5)


def weights(encoder: Operands, decoder: Operands, tokens: int) -> dict[str, FloatArray]:
    """Return all weights by their names; `tokens` is how many the text can have.

    Raises ValueError if these are not Moonshine's.
    """
    try:
        named = {**dict(_encoder(encoder)), **dict(_decoder(decoder, tokens))}
    except (KeyError, IndexError) as error:
        raise ValueError(f"this is not Moonshine base: no {error}") from error
    if named["decoder/layer_norm/gamma"].shape != (WIDTH,):
        raise ValueError("this is not Moonshine base: its layers have another width")
    return named


def _encoder(of: Operands) -> Weights:
    second, third = of["/conv2/Conv"], of["/conv3/Conv"]
    yield "encoder/conv1/weight", _rows(second[0].transpose(0, 2, 1).reshape(2 * WIDTH, -1, 1))
    yield "encoder/conv1/bias", second[1]
    widened = np.zeros((*third[0].shape[:2], _WIDENED), np.float32)
    widened[:, :, _AT] = third[0]
    yield "encoder/conv2/weight", widened
    yield "encoder/conv2/bias", third[1]
    yield "encoder/position_encodings/encodings", np.zeros((MOST_POSITIONS, WIDTH), np.float32)
    yield from _norm("encoder/layer_norm", of["/layer_norm/Mul"])
    for number in range(LAYERS):
        to, at = f"encoder/layer_{number}", f"/layers.{number}"
        yield from _norm(f"{to}/self_attention/layer_norm", of[f"{at}/input_layernorm/Mul"])
        yield from _self_attention(f"{to}/self_attention", of, f"{at}/self_attn")
        yield from _norm(f"{to}/ffn/layer_norm", of[f"{at}/post_attention_layernorm/Mul"])
        for line, name in enumerate(("fc1", "fc2")):
            yield f"{to}/ffn/linear_{line}/weight", _product(of, [f"{at}/mlp/{name}"])
            yield f"{to}/ffn/linear_{line}/bias", of[f"{at}/mlp/{name}/Add"][0]


def _decoder(of: Operands, tokens: int) -> Weights:
    embedded = of["/model/decoder/embed_tokens/Gather"][0]
    yield "decoder/embeddings/weight", np.concatenate([embedded[:tokens], embedded[[_BEGIN]]])
    yield "decoder/projection/weight", np.concatenate([embedded[:tokens], embedded[[_END]]])
    yield from _norm("decoder/layer_norm", of["/model/decoder/norm/Mul"])
    for number in range(LAYERS):
        to, at = f"decoder/layer_{number}", f"/model/decoder/layers.{number}"
        yield from _norm(f"{to}/self_attention/layer_norm", of[f"{at}/input_layernorm/Mul"])
        yield from _self_attention(f"{to}/self_attention", of, f"{at}/self_attn")
        yield from _norm(f"{to}/attention/layer_norm", of[f"{at}/post_attention_layernorm/Mul"])
        heard = f"{at}/encoder_attn"
        for line, names in enumerate((["q_proj"], ["k_proj", "v_proj"], ["dense"])):
            product = _product(of, [f"{heard}/{name}" for name in names])
            yield f"{to}/attention/linear_{line}/weight", product
        yield from _norm(f"{to}/ffn/layer_norm", of[f"{at}/final_layernorm/Mul"])
        # The first half goes through, the second half is the gate.
        through, gate = np.split(_product(of, [f"{at}/mlp/up_proj"]), 2)
        through_bias, gate_bias = np.split(of[f"{at}/mlp/up_proj/Add"][0], 2)
        yield f"{to}/ffn/linear_0/weight", gate
        yield f"{to}/ffn/linear_0/bias", gate_bias
        yield f"{to}/ffn/linear_0_noact/weight", through
        yield f"{to}/ffn/linear_0_noact/bias", through_bias
        yield f"{to}/ffn/linear_1/weight", _product(of, [f"{at}/mlp/down_proj"])
        yield f"{to}/ffn/linear_1/bias", of[f"{at}/mlp/down_proj/Add"][0]


def _self_attention(to: str, of: Operands, at: str) -> Weights:
    projections = [f"{at}/{name}_proj" for name in "qkv"]
    yield f"{to}/linear_0/weight", _product(of, projections)
    yield f"{to}/linear_1/weight", _product(of, [f"{at}/dense"])


def _norm(to: str, gain: Sequence[FloatArray]) -> Weights:
    yield f"{to}/gamma", gain[0]
    yield f"{to}/beta", np.zeros_like(gain[0])


def _product(of: Operands, layers: Iterable[str]) -> FloatArray:
    """Return the layers' weights below each other, [outputs, inputs]."""
    return _rows(np.concatenate([of[f"{layer}/MatMul"][0].T for layer in layers]))


def _rows(values: FloatArray) -> FloatArray:
    return np.ascontiguousarray(values, np.float32)
