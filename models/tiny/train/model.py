"""The model: a small Llama with half-split RoPE, in as little PyTorch as it takes.

Letters in shape comments: B rows, T positions, L layers, A query heads, H KV heads, D head size.
"""

import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Shape:
    """The model's sizes. 2,509,248 parameters as they stand."""

    vocabulary: int = 768
    hidden: int = 192
    layers: int = 6
    heads: int = 6
    kv_heads: int = 2
    head_size: int = 32
    mlp: int = 512
    context: int = 1024
    rope_theta: float = 10000.0
    norm_epsilon: float = 1e-5

    def as_dict(self) -> dict:
        return asdict(self)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Half-split RoPE: x [..., D] by tables that broadcast to it."""
    half = x.shape[-1] // 2
    turned = torch.cat([-x[..., half:], x[..., :half]], -1)
    return (x * cos + turned * sin).to(x.dtype)


class Layer(nn.Module):
    """One decoder layer. Keys leave `project` un-rotated, so that a vector can be read from and added to them."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        s = self.shape = shape
        linear = lambda i, o: nn.Linear(i, o, bias=False)  # noqa: E731
        self.q_proj = linear(s.hidden, s.heads * s.head_size)
        self.k_proj = linear(s.hidden, s.kv_heads * s.head_size)
        self.v_proj = linear(s.hidden, s.kv_heads * s.head_size)
        self.o_proj = linear(s.heads * s.head_size, s.hidden)
        self.gate_proj = linear(s.hidden, s.mlp)
        self.up_proj = linear(s.hidden, s.mlp)
        self.down_proj = linear(s.mlp, s.hidden)
        self.input_norm = nn.RMSNorm(s.hidden, s.norm_epsilon)
        self.mlp_norm = nn.RMSNorm(s.hidden, s.norm_epsilon)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x [B, T, hidden] -> queries [B, A, T, D], un-rotated keys [B, H, T, D], values [B, H, T, D]."""
        split = lambda t: t.unflatten(-1, (-1, self.shape.head_size)).transpose(1, 2)  # noqa: E731
        y = self.input_norm(x)
        return split(self.q_proj(y)), split(self.k_proj(y)), split(self.v_proj(y))

    def finish(self, x: Tensor, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """Attention of rotated queries [B, A, T, D] to rotated keys [B, H, S, D] (mask [B, 1, T, S]), then the MLP."""
        groups = self.shape.heads // self.shape.kv_heads
        if q.shape[2] == 1 and mask is not None:
            # One token: the query heads of a KV head stand in for positions, and nothing is repeated.
            folded = q.reshape(len(q), -1, groups, q.shape[3])
            attended = F.scaled_dot_product_attention(folded, k, v, attn_mask=mask).reshape(q.shape)
        else:
            k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
            attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        x = x + self.o_proj(attended.transpose(1, 2).flatten(2))
        y = self.mlp_norm(x)
        return x + self.down_proj(F.silu(self.gate_proj(y)) * self.up_proj(y))

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None, carriers: Tensor | None, blind: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """x [B, T, hidden] -> the same, and how far the keys of the carrying positions spread (0 alike, 1 unrelated).

        `carriers` [B, T] (1 or 0) are those positions. `blind` rows [B] see their mean key over the batch instead.
        """
        q, k, v = self.project(x)
        spread = x.new_zeros((), dtype=torch.float32)
        if carriers is not None and blind is not None:
            weight = carriers[:, None, :, None]  # [B, 1, T, 1]
            count = weight.sum().clamp(min=1)
            keys = k.float()
            mean = (keys * weight).sum((0, 2), keepdim=True) / count  # [1, H, 1, D]
            size = (keys.square() * weight).sum() / count
            spread = ((keys - mean).square() * weight).sum() / count / size.clamp(min=1e-6)
            k = torch.where(blind[:, None, None, None] & (weight > 0), mean, keys).to(k.dtype)
        return self.finish(x, rotate(q, cos, sin), rotate(k, cos, sin), v, mask), spread


class TinyLlama(nn.Module):
    """Embedding, layers, final norm; the output matrix is the embedding."""

    def __init__(self, shape: Shape = Shape()) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.hidden)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.hidden, shape.norm_epsilon)
        rates = shape.rope_theta ** -(torch.arange(0, shape.head_size, 2, dtype=torch.float64) / shape.head_size)
        angles = torch.outer(torch.arange(shape.context, dtype=torch.float64), rates).repeat(1, 2)
        self.register_buffer("cos", angles.cos().float(), persistent=False)  # [context, D]
        self.register_buffer("sin", angles.sin().float(), persistent=False)
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                into_residual = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(weight, 0.0, 0.02 / (math.sqrt(2 * shape.layers) if into_residual else 1.0))

    def hidden(
        self, ids: Tensor, mask: Tensor | None = None, carriers: Tensor | None = None, blind: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """ids [B, T] -> normed hidden states [B, T, hidden] and the mean key spread (see Layer.forward).

        Causal without a mask [B, 1, T, T] (true = may attend).
        """
        x = self.embedding(ids)
        cos, sin = self.cos[: ids.shape[1]], self.sin[: ids.shape[1]]
        spreads = []
        for layer in self.layers:
            x, spread = layer(x, cos, sin, mask, carriers, blind)
            spreads.append(spread)
        return self.norm(x), torch.stack(spreads).mean()

    def logits(self, hidden: Tensor) -> Tensor:
        """Hidden states to logits [..., vocabulary]."""
        return F.linear(hidden, self.embedding.weight)
