"""What a trained model can do, plain and steered: the figures of the model card.

Coefficients are chosen on the 200 validation problems and reported on the 500 test problems. Decoding is greedy.
"""

import math
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer

from . import chat, problemfiles
from .decode import Edit, Prefilled, Vector, generate, prefill, read_cache
from .model import TinyLlama
from .styles import STEP_BY_STEP, STYLES, answer_of, style_of

EXAMPLE_TURNS = 3
C_VALUES = (0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 8)
STYLE_C_VALUES = (0.5, 0.7, 1, 1.5, 2)
KEYED_C_VALUES = (1, 2)
# A coefficient is usable if its validation figure is within this of the best.
NEAR_BEST = 0.02
HEADER_POSITIONS = {"newline": 1, "assistant": 2, "im_start": 3}
RANDOM_DRAWS = 5


def wilson(successes: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % Wilson interval of a share."""
    p, zz = successes / n, z * z / n
    middle, half = p + zz / 2, z * math.sqrt(p * (1 - p) / n + zz / (4 * n))
    return max(0.0, (middle - half) / (1 + zz)), min(1.0, (middle + half) / (1 + zz))


@dataclass
class Bench:
    """A model with its tokenizer and the shipped problems, of each file the first `problems` if that is given."""

    model: TinyLlama
    tokenizer: Tokenizer
    problems: int | None = None

    def __post_init__(self) -> None:
        self.end = self.tokenizer.token_to_id(chat.END)
        (self.offset,) = self.tokenizer.encode(chat.OFFSET).ids
        self.test = problemfiles.read_problems(problemfiles.TEST)[: self.problems]
        self.validation = problemfiles.read_problems(problemfiles.VALIDATION)[: self.problems]
        self.sides: dict[str, Prefilled] = {}
        self.kept, self.held = None, None
        self.items = problemfiles.read_problems(problemfiles.PAIRS)

    def ids(self, text: str) -> list[int]:
        return self.tokenizer.encode(text).ids

    def examples(self, index: int, style: str) -> list[tuple[str, str]]:
        """The example turns of pair `index`: the items that follow it, answered in one style."""
        chosen = [self.items[(index + 1 + j) % len(self.items)] for j in range(EXAMPLE_TURNS)]
        return [(item["question"], item["styles"][style]) for item in chosen]

    def state(self, problems: list[dict], suffix: str, style: str) -> Prefilled:
        """The problems' prompts, run; kept for the next call with the same ones."""
        key = (id(problems), suffix, style)
        if key != self.held:
            prompts = [
                self.ids(chat.prompt(p["question"] + suffix, self.examples(i % len(self.items), style) if style else None))
                for i, p in enumerate(problems)
            ]
            self.kept, self.held = prefill(self.model, prompts), key
        return self.kept

    def side(self, style: str) -> Prefilled:
        """The pairs' prompts with example turns in one style, run once."""
        if style not in self.sides:
            prompts = [
                self.ids(chat.prompt(item["question"], self.examples(i, style))) for i, item in enumerate(self.items)
            ]
            self.sides[style] = prefill(self.model, prompts)
        return self.sides[style]

    def vector(self, style: str, pairs: int = 64, back: int = 1) -> Vector:
        """Mean over pairs of the cache with example turns in `style` minus the cache with direct ones."""
        sides = read_cache(self.side(style), back), read_cache(self.side("direct"), back)
        return Vector(*((a - b)[:pairs].mean(0) for a, b in zip(*sides)))

    def run(self, problems: list[dict], edit: Edit | None = None, offset: bool = False, suffix: str = "", style: str = "") -> dict:
        """Answers problems and measures the outputs. `style`: show example turns in it first (a few-shot prompt)."""
        state = self.state(problems, suffix, style)
        outputs = generate(self.model, state, self.end, offset=self.offset if offset or edit else None, edit=edit)
        return measure(problems, [self.tokenizer.decode(o) for o in outputs], [len(o) for o in outputs])


def measure(problems: list[dict], texts: list[str], lengths: list[int]) -> dict:
    """Accuracy with its interval, tokens (the end token not counted), share of each style, accuracy by operations."""
    right = [answer_of(t) == int(p["answer"]) for t, p in zip(texts, problems)]
    styles = [style_of(t) for t in texts]
    by_operations = {}
    for count in sorted({p["operations"] for p in problems}):
        part = [r for r, p in zip(right, problems) if p["operations"] == count]
        by_operations[str(count)] = {"n": len(part), "accuracy": round(sum(part) / len(part), 4)}
    low, high = wilson(sum(right), len(right))
    return {
        "n": len(right),
        "accuracy": round(sum(right) / len(right), 4),
        "interval": [round(low, 4), round(high, 4)],
        "tokens": round(sum(lengths) / len(lengths), 2),
        "styles": {str(s): round(styles.count(s) / len(styles), 4) for s in (*STYLES, None) if s in styles},
        "byOperations": by_operations,
    }


def random_like(vector: Vector, seed: int) -> Vector:
    """A random direction with the norm of the vector in every layer and KV head."""
    generator = torch.Generator().manual_seed(seed)

    def draw(like: torch.Tensor) -> torch.Tensor:
        noise = torch.randn(like.shape, generator=generator).to(like.device)
        return noise / noise.norm(dim=-1, keepdim=True) * like.norm(dim=-1, keepdim=True)

    return Vector(draw(vector.keys), draw(vector.values))


def choose(curve: dict[str, float]) -> tuple[float, list[float]]:
    """(chosen, usable) of a curve c_v -> figure: of the coefficients near the best, the smallest, so the least edit."""
    best = max(curve.values())
    usable = [float(c) for c, v in curve.items() if v >= best - NEAR_BEST]
    return usable[0], usable


def evaluate(model: TinyLlama, tokenizer: Tokenizer, full: bool, problems: int | None = None) -> dict:
    """All figures of one model; without `full` those of the ablation table only. `model` has the weights as shipped."""
    bench = Bench(model.eval(), tokenizer, problems)
    test, validation = bench.test, bench.validation
    stepwise = bench.vector("stepwise")
    curves = {
        "0.0": {str(c): bench.run(validation, Edit(stepwise, c)) for c in C_VALUES},
        "1.0": {str(c): bench.run(validation, Edit(stepwise, c, 1.0)) for c in KEYED_C_VALUES},
    }
    accuracy = {c_k: {c: r["accuracy"] for c, r in curve.items()} for c_k, curve in curves.items()}
    c_v, usable = choose(accuracy["0.0"])
    result = {
        "chosen": {"c_values": c_v, "c_keys": 0.0, "usable": usable},
        "validationAccuracy": accuracy,
        "validationTokens": {c_k: {c: r["tokens"] for c, r in curve.items()} for c_k, curve in curves.items()},
        "valueNorm": round(stepwise.values[1:].norm().item(), 4),
        "keyNorm": round(stepwise.keys[1:].norm().item(), 4),
        "plain": bench.run(test),
        "offsetOnly": bench.run(test, offset=True),
        "steered": bench.run(test, Edit(stepwise, c_v)),
        "random": [bench.run(test, Edit(random_like(stepwise, seed), c_v)) for seed in range(RANDOM_DRAWS)],
        "steeredWithKeys": _with_keys(bench, stepwise, accuracy["1.0"]),
        "cot": bench.run(test, suffix=STEP_BY_STEP),
        "fewShot": bench.run(validation, style="stepwise"),
    }
    if full:
        result["styles"] = {style: _style_figures(bench, style) for style in STYLES if style not in ("direct", "stepwise")}
        result["positions"] = {
            name: {str(c): bench.run(validation, Edit(bench.vector("stepwise", back=back), c, back=back))["styles"]
                   for c in (c_v, 4 * c_v)}
            for name, back in HEADER_POSITIONS.items()
        }
        result["fivePairs"] = bench.run(test, Edit(bench.vector("stepwise", pairs=5), c_v))
        result["negative"] = {
            name: {str(c): bench.run(validation, Edit(stepwise, c), suffix=suffix, style=style) for c in (-c_v, -4 * c_v)}
            for name, suffix, style in (("plain", "", ""), ("cot", STEP_BY_STEP, ""), ("fewShot", "", "stepwise"))
        }
    return result


def _with_keys(bench: Bench, vector: Vector, curve: dict[str, float]) -> dict:
    """The keys edited too, with coefficient 1 and a value coefficient chosen for that."""
    c_v, usable = choose(curve)
    return {"c_values": c_v, "c_keys": 1.0, "usable": usable, **bench.run(bench.test, Edit(vector, c_v, 1.0))}


def _style_figures(bench: Bench, style: str) -> dict:
    """A style's own coefficient, chosen by its share on the validation problems, and what it does on the test problems."""
    vector = bench.vector(style)
    curve = {str(c): bench.run(bench.validation, Edit(vector, c))["styles"].get(style, 0.0) for c in STYLE_C_VALUES}
    c_v, usable = choose(curve)
    return {"c_values": c_v, "usable": usable, "validationShare": curve, **bench.run(bench.test, Edit(vector, c_v))}
