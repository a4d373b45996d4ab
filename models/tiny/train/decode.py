"""Batched greedy decoding with a KV cache that can be read and edited.

Letters in shape comments: B rows, T positions, S cached positions, L layers, A query heads, H KV heads, D head size.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .model import TinyLlama, rotate


@dataclass(frozen=True)
class Vector:
    """A steering vector: un-rotated keys and values, [L, H, D] each."""

    keys: Tensor
    values: Tensor


@dataclass(frozen=True)
class Edit:
    """One edit of the cache after prefill. `back` counts from the prompt's end: 1 is its last token."""

    vector: Vector
    c_values: float
    c_keys: float = 0.0
    back: int = 1
    first_layer: int = 1


@dataclass(frozen=True)
class Prefilled:
    """Prompts already run: what decoding continues from, as often as wanted."""

    hidden: Tensor  # [B, hidden] at each prompt's last token
    lengths: Tensor  # [B]
    keys: Tensor  # [L, B, H, S, D], un-rotated, zero behind each prompt
    values: Tensor


def _attend(model: TinyLlama, ids: Tensor, at: Tensor, rotated: Tensor, values: Tensor, plain: Tensor | None = None) -> Tensor:
    """Runs tokens ids [B, T] at positions at [B, T] over a cache [L, B, H, S, D] that they are written to; normed hidden.

    `rotated` holds keys after RoPE. With `plain`, the keys before it are kept there too.
    """
    x = model.embedding(ids)
    cos, sin = model.cos[at][:, None], model.sin[at][:, None]  # [B, 1, T, D]
    seen = int(at.max()) + 1
    mask = (torch.arange(seen, device=ids.device) <= at[:, :, None])[:, None]  # [B, 1, T, seen]
    rows = torch.arange(len(ids), device=ids.device)[:, None]
    for number, layer in enumerate(model.layers):
        q, k, v = layer.project(x)
        rotated[number].transpose(1, 2)[rows, at] = rotate(k, cos, sin).transpose(1, 2)
        values[number].transpose(1, 2)[rows, at] = v.transpose(1, 2)
        if plain is not None:
            plain[number].transpose(1, 2)[rows, at] = k.transpose(1, 2)
        x = layer.finish(x, rotate(q, cos, sin), rotated[number, :, :, :seen], values[number, :, :, :seen], mask)
    return model.norm(x)


@torch.no_grad()
def prefill(model: TinyLlama, prompts: list[list[int]]) -> Prefilled:
    """Runs prompts of any lengths: padding goes right, where causality hides it."""
    device = model.embedding.weight.device
    lengths = torch.tensor([len(p) for p in prompts], device=device)
    longest = max(map(len, prompts))
    ids = torch.tensor([p + [0] * (longest - len(p)) for p in prompts], device=device)
    s = model.shape
    keys, rotated, values = torch.zeros(3, s.layers, len(prompts), s.kv_heads, longest, s.head_size, device=device)
    at = torch.arange(longest, device=device).expand(len(prompts), -1)
    hidden = _attend(model, ids, at, rotated, values, keys)
    rows = torch.arange(len(prompts), device=device)
    return Prefilled(hidden[rows, lengths - 1], lengths, keys, values)


def read_cache(state: Prefilled, back: int = 1) -> tuple[Tensor, Tensor]:
    """Un-rotated keys and values [B, L, H, D] at the token `back` from each prompt's end."""
    rows = torch.arange(len(state.lengths), device=state.lengths.device)
    return state.keys[:, rows, :, state.lengths - back], state.values[:, rows, :, state.lengths - back]


def last_logits(model: TinyLlama, ids: list[int]) -> Tensor:
    """Logits [vocabulary] after the last of the tokens."""
    with torch.no_grad():
        return model.logits(prefill(model, [ids]).hidden[0])


@torch.no_grad()
def generate(
    model: TinyLlama, state: Prefilled, end: int, most: int = 112, offset: int | None = None, edit: Edit | None = None
) -> list[list[int]]:
    """Greedy continuations without the end token. With `offset` that token follows the prompt; an edit comes before it."""
    rows = torch.arange(len(state.lengths), device=state.lengths.device)
    keys, values = (torch.nn.functional.pad(kept, (0, 0, 0, most + 1)) for kept in (state.keys, state.values))
    if edit:
        for kept, delta, c in ((keys, edit.vector.keys, edit.c_keys), (values, edit.vector.values, edit.c_values)):
            for layer in range(edit.first_layer, model.shape.layers):
                kept[layer, rows, :, state.lengths - edit.back] += c * delta[layer]
    rotated = rotate(keys, model.cos[: keys.shape[3]], model.sin[: keys.shape[3]])
    at = state.lengths.clone()
    if offset is None:
        token = model.logits(state.hidden).argmax(-1)
    else:
        token = model.logits(_attend(model, torch.full_like(at, offset)[:, None], at[:, None], rotated, values)[:, 0]).argmax(-1)
        at += 1
    outputs: list[list[int]] = [[] for _ in rows]
    for _ in range(most):
        # Rows that have ended leave the batch.
        live = token != end
        if not live.all():
            rows, at, token, rotated, values = rows[live], at[live], token[live], rotated[:, live], values[:, live]
        if not len(rows):
            break
        for row, written in zip(rows.tolist(), token.tolist()):
            outputs[row].append(written)
        token = model.logits(_attend(model, token[:, None], at[:, None], rotated, values)[:, 0]).argmax(-1)
        at = at + 1
    return outputs
