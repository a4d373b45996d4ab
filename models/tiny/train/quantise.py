"""Q8_0 as GGUF defines it: blocks of 32 values, one float16 scale a block, 8-bit whole numbers."""

import numpy as np
import torch

from .model import TinyLlama

BLOCK = 32


def q8_0_blocks(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """float32 [..., n] with n a multiple of 32 -> scales float16 [..., n/32, 1], whole numbers int8 [..., n/32, 32]."""
    if values.shape[-1] % BLOCK:
        raise ValueError(f"expected rows of a multiple of {BLOCK} values, found {values.shape}")
    blocks = values.astype(np.float32).reshape(*values.shape[:-1], -1, BLOCK)
    scale = np.abs(blocks).max(-1, keepdims=True) / np.float32(127)
    inverse = np.divide(np.float32(1), scale, out=np.zeros_like(scale), where=scale > 0)
    scaled = blocks * inverse
    # Halves round away from zero, as in the reference quantiser.
    whole = np.sign(scaled) * np.floor(np.abs(scaled) + np.float32(0.5))
    return scale.astype(np.float16), whole.astype(np.int8)


def q8_0_bytes(values: np.ndarray) -> np.ndarray:
    """The rows as GGUF stores them: uint8 [..., n/32*34]."""
    scale, whole = q8_0_blocks(values)
    packed = np.concatenate([scale.view(np.uint8), whole.view(np.uint8)], -1)
    return packed.reshape(*values.shape[:-1], -1)


def q8_0_rounded(values: np.ndarray) -> np.ndarray:
    """What is left of the values after a round trip."""
    scale, whole = q8_0_blocks(values)
    return (whole.astype(np.float32) * scale.astype(np.float32)).reshape(values.shape)


def round_to_q8_0(model: TinyLlama) -> None:
    """Rounds every matrix of a model in place, as it will ship."""
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.copy_(torch.from_numpy(q8_0_rounded(weight.cpu().numpy())))
