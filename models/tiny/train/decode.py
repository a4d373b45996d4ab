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


def _attend(model: TinyLlama, ids: Tensor, at: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Runs tokens ids [B, T] at positions at [B, T], writing un-rotated keys and values [L, B, H, S, D]; normed hidden."""
    x = model.embedding(ids)
    cos, sin = model.cos[at][:, None], model.sin[at][:, None]  # [B, 1, T, D]
    spots = torch.arange(keys.shape[3], device=ids.device)
    mask = (spots[None, None] <= at[:, :, None])[:, None]  # [B, 1, T, S]
    rows = torch.arange(len(ids), device=ids.device)[:, None]
    cos_all, sin_all = model.cos[: keys.shape[3]], model.sin[: keys.shape[3]]
    for number, layer in enumerate(model.layers):
        q, k, v = layer.project(x)
        keys[number].transpose(1, 2)[rows, at] = k.transpose(1, 2)
        values[number].transpose(1, 2)[rows, at] = v.transpose(1, 2)
        x = layer.finish(x, rotate(q, cos, sin), rotate(keys[number], cos_all, sin_all), values[number], mask)
    return model.norm(x)


def _prefill(model: TinyLlama, prompts: list[list[int]], room: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(hidden [B, T, hidden], lengths [B], keys, values): padding goes right, where causality hides it."""
    device = model.embedding.weight.device
    lengths = torch.tensor([len(p) for p in prompts], device=device)
    longest = max(map(len, prompts))
    ids = torch.tensor([p + [0] * (longest - len(p)) for p in prompts], device=device)
    s = model.shape
    keys = torch.zeros(s.layers, len(prompts), s.kv_heads, longest + room, s.head_size, device=device)
    values = torch.zeros_like(keys)
    at = torch.arange(longest, device=device).expand(len(prompts), -1)
    return _attend(model, ids, at, keys, values), lengths, keys, values


@torch.no_grad()
def read_cache(model: TinyLlama, prompts: list[list[int]], back: int = 1) -> tuple[Tensor, Tensor]:
    """Un-rotated keys and values [B, L, H, D] at the token `back` from each prompt's end."""
    _, lengths, keys, values = _prefill(model, prompts, 0)
    rows = torch.arange(len(prompts), device=lengths.device)
    return tuple(kept[:, rows, :, lengths - back].float() for kept in (keys, values))


@torch.no_grad()
def last_logits(model: TinyLlama, ids: list[int]) -> Tensor:
    """Logits [vocabulary] after the last of the tokens."""
    hidden, *_ = _prefill(model, [ids], 0)
    return model.logits(hidden[0, -1])


@torch.no_grad()
def generate(
    model: TinyLlama, prompts: list[list[int]], end: int, most: int = 112, offset: int | None = None, edit: Edit | None = None
) -> list[list[int]]:
    """Greedy continuations without the end token. With `offset` that token follows the prompt; an edit comes before it."""
    hidden, lengths, keys, values = _prefill(model, prompts, most + 1)
    rows = torch.arange(len(prompts), device=lengths.device)
    if edit:
        for kept, delta, c in ((keys, edit.vector.keys, edit.c_keys), (values, edit.vector.values, edit.c_values)):
            for layer in range(edit.first_layer, model.shape.layers):
                kept[layer, rows, :, lengths - edit.back] += c * delta[layer]
    at = lengths.clone()
    if offset is None:
        token = model.logits(hidden[rows, lengths - 1]).argmax(-1)
    else:
        fed = torch.full_like(at, offset)
        token = model.logits(_attend(model, fed[:, None], at[:, None], keys, values)[:, 0]).argmax(-1)
        at += 1
    written = [token]
    done = token == end
    for step in range(most - 1):
        if step % 8 == 0 and bool(done.all()):
            break
        token = model.logits(_attend(model, token[:, None], at[:, None], keys, values)[:, 0]).argmax(-1)
        done |= token == end
        at += 1
        written.append(token)
    tokens = torch.stack(written, 1).tolist()
    return [row[: row.index(end)] if end in row else row for row in tokens]
