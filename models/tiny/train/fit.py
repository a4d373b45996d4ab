"""The training loop: a fixed number of steps over precomputed shards, the same run for the same seed."""

import math
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .conversations import LENGTHS
from .model import Shape, TinyLlama


@dataclass(frozen=True)
class Recipe:
    """One training run.

    `mask_share`: part of the rows in which only the header's newline, the carrier, sees earlier turns.
    `blind_share`: part of the rows in which the carriers' keys are replaced by their mean over the batch.
    `spread_weight`: weight in the loss of how far the carriers' keys spread (0 to 1). Without these two, the keys take
    part in carrying the style, and an edit of the values alone does nothing.
    """

    seed: int = 0
    mask_share: float = 0.8
    offset_rate: float = 0.5
    blind_share: float = 0.5
    spread_weight: float = 0.1
    steps: int = 4000
    tokens_per_step: int = 49152
    learning_rate: float = 2e-3
    warmup_steps: int = 200
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.98)
    clip_norm: float = 1.0

    def as_dict(self) -> dict:
        return asdict(self)

    def rate_at(self, step: int) -> float:
        """Linear warm-up, then cosine to 1 % of the peak."""
        cosine = max(0.01, 0.5 * (1 + math.cos(math.pi * step / self.steps)))
        return self.learning_rate * min(1.0, (step + 1) / self.warmup_steps) * cosine


class Rows:
    """All rows on the device, drawn length by length in a seeded order, each once before any repeats."""

    def __init__(self, shards: list[Path], device: str, seed: int) -> None:
        loaded = [np.load(path) for path in shards]
        self.rows = {n: torch.from_numpy(np.concatenate([s[str(n)] for s in loaded], 1)).to(device) for n in LENGTHS}
        self.rows = {n: rows for n, rows in self.rows.items() if rows.shape[1]}
        self.device = device
        self.lengths = list(self.rows)
        self.shares = [self.rows[n].shape[1] * n for n in self.lengths]
        self.random = random.Random(seed)
        self.generator = torch.Generator().manual_seed(seed)
        self.order = {n: torch.empty(0, dtype=torch.long) for n in self.lengths}

    def draw(self, tokens: int) -> Tensor:
        """A batch [3, B, T] of one length, of about `tokens` positions."""
        length = self.random.choices(self.lengths, self.shares)[0]
        count = max(1, tokens // length)
        while len(self.order[length]) < count:
            fresh = torch.randperm(self.rows[length].shape[1], generator=self.generator)
            self.order[length] = torch.cat([self.order[length], fresh])
        picked, self.order[length] = self.order[length][:count], self.order[length][count:]
        return self.rows[length][:, picked.to(self.device)].long()


def attention_mask(lows: Tensor, masked: Tensor) -> Tensor:
    """lows [B, T], masked rows [B] -> [B, 1, T, T], true where the query (third axis) may attend to the key."""
    at = torch.arange(lows.shape[1], device=lows.device)
    floor = lows * masked[:, None]
    return ((at[None, None, :] <= at[None, :, None]) & (at[None, None, :] >= floor[:, :, None]))[:, None]


def carriers_of(ids: Tensor, header: list[int]) -> Tensor:
    """1.0 where a token of ids [B, T] ends an assistant header, else 0.0."""
    ends = torch.ones_like(ids, dtype=torch.bool)
    for back, token in enumerate(reversed(header)):
        ends &= torch.roll(ids, back, 1) == token
    return ends.float()


def _loss(embedding: Tensor, hidden: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    losses = F.cross_entropy(F.linear(hidden, embedding).float().flatten(0, 1), targets.flatten(), reduction="none")
    return (losses * weights.flatten()).sum() / weights.sum().clamp(min=1)


def fit(
    recipe: Recipe, shards: list[Path], header: list[int], device: str, report: Callable[[str], None], shape: Shape = Shape()
) -> TinyLlama:
    """Trains one model; float32 weights, bfloat16 products on CUDA. `header`: the tokens of the assistant header."""
    cuda = device == "cuda"
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.manual_seed(recipe.seed)
    model = TinyLlama(shape).to(device)
    rows = Rows(shards, device, recipe.seed)
    chance = torch.Generator().manual_seed(recipe.seed + 1)
    loss_of = torch.compile(_loss, dynamic=False) if cuda else _loss
    if cuda:
        for layer in model.layers:
            layer.compile(dynamic=False)
    weights = list(model.parameters())
    optimizer = torch.optim.AdamW(
        [
            {"params": [w for w in weights if w.dim() > 1], "weight_decay": recipe.weight_decay},
            {"params": [w for w in weights if w.dim() == 1], "weight_decay": 0.0},
        ],
        lr=recipe.learning_rate, betas=recipe.betas, fused=cuda,
    )
    shares = torch.tensor([[recipe.mask_share], [recipe.blind_share]], device=device)
    started, total, spreads = time.monotonic(), torch.zeros((), device=device), torch.zeros((), device=device)
    every = min(250, recipe.steps)
    for step in range(recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate_at(step)
        ids, tenths, lows = rows.draw(recipe.tokens_per_step)
        masked, blind = (torch.rand(2, len(ids), generator=chance).to(device) < shares).unbind()
        mask = attention_mask(lows, masked) if recipe.mask_share > 0 else None
        carriers = carriers_of(ids, header) if recipe.blind_share > 0 or recipe.spread_weight > 0 else None
        with torch.autocast(device, torch.bfloat16, enabled=cuda):
            hidden, spread = model.hidden(ids, mask, carriers, blind)
            loss = loss_of(model.embedding.weight, hidden[:, :-1], ids[:, 1:], tenths[:, 1:].float() / 10)
        loss = loss + recipe.spread_weight * spread
        spreads += spread.detach()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, recipe.clip_norm)
        optimizer.step()
        total += loss.detach()
        if (step + 1) % every == 0:
            report(f"step {step + 1}/{recipe.steps} loss {total.item() / every:.4f} "
                   f"spread {spreads.item() / every:.4f} at {time.monotonic() - started:.0f} s")
            total.zero_()
            spreads.zero_()
    torch.use_deterministic_algorithms(False)
    return model
