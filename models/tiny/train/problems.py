"""Word problems of two to five operations, and what is held out of training.

A held-out problem uses held-out names and held-out templates only (every sentence, the question too), and at least one
of its additions or subtractions takes its two numbers from a held-out pair of ranges. Training never uses any of them:
no held-out name, no sentence with a held-out skeleton, no step with numbers of a held-out pair of ranges.
"""

import random
from dataclasses import dataclass

from .stories import (
    EVENT_OPENINGS, EVENTS, FAMILIES, HELD_OUT_NAMES, MADE_UP_SHARE, START_OPENINGS, STARTS, SYLLABLES, TRAIN_NAMES,
    Family,
)

# (low, high) of the left number's last two digits and (low, high) of the right number, inclusive: training never adds
# or subtracts such a pair. Each number occurs in training, and so do its digits at their places; the pairs do not.
# Products are not held out: their table is small, and a model this small learns it by heart.
HELD_OUT_RANGES = (
    ((15, 24), (45, 54)),
    ((35, 44), (65, 74)),
    ((55, 64), (85, 94)),
    ((75, 84), (25, 34)),
)
# Every number on the way to the answer stays within these bounds.
SMALLEST, LARGEST = 1, 999
OPERATIONS = (2, 3, 4, 5)
OPERATION_WEIGHTS = (0.15, 0.30, 0.30, 0.25)
EVENT_WEIGHTS = {"add": 2, "take": 2, "grow": 1, "add_groups": 1, "take_groups": 1}

# Inclusive ranges that amounts n and counts k are drawn from, by kind of sentence.
AMOUNTS = {
    "have": (5, 99), "fill": (3, 40), "sum": (5, 99), "add": (2, 99), "take": (2, 99),
    "grow": (1, 1), "add_groups": (2, 30), "take_groups": (2, 30),
}
COUNTS = {"have": (1, 1), "fill": (2, 9), "sum": (5, 99), "add": (1, 1), "take": (1, 1),
          "grow": (2, 5), "add_groups": (2, 6), "take_groups": (2, 6)}


@dataclass(frozen=True)
class Step:
    """One operation: left, sign, right, result."""

    left: int
    sign: str
    right: int
    result: int

    def __str__(self) -> str:
        return f"{self.left} {self.sign} {self.right} = {self.result}"


@dataclass(frozen=True)
class Problem:
    """A question, the things it counts, and its operations in order."""

    question: str
    unit: str
    steps: tuple[Step, ...]

    @property
    def answer(self) -> int:
        return self.steps[-1].result


def is_held_out(step: Step) -> bool:
    """Whether a step adds or subtracts numbers of a held-out pair of ranges."""
    return step.sign != "*" and any(
        a <= step.left % 100 <= b and c <= step.right <= d for (a, b), (c, d) in HELD_OUT_RANGES
    )


def training_problem(rng: random.Random) -> Problem:
    """A problem of the training distribution."""
    while True:
        problem = _draw(rng, held_out=False)
        if problem and not any(map(is_held_out, problem.steps)):
            return problem


def held_out_problem(rng: random.Random) -> Problem:
    """A problem whose names and sentences training lacks, with at least one step of numbers that it lacks together."""
    while True:
        problem = _draw(rng, held_out=True)
        if problem and any(map(is_held_out, problem.steps)):
            return problem


def distinct(draw, count: int, seed: int) -> list[Problem]:
    """`count` problems with different questions, the same ones for the same seed."""
    rng = random.Random(seed)
    found: dict[str, Problem] = {}
    while len(found) < count:
        problem = draw(rng)
        found.setdefault(problem.question, problem)
    return list(found.values())


def _draw(rng: random.Random, held_out: bool) -> Problem | None:
    """One try; None if a number leaves the bounds or the operations do not add up to the wanted count."""
    family = rng.choices([f for f, _ in FAMILIES], [w for _, w in FAMILIES])[0]
    wanted = rng.choices(OPERATIONS, OPERATION_WEIGHTS)[0]
    words = _cast(rng, family, held_out)
    sentences: list[str] = []
    steps: list[Step] = []
    x = 0
    kind = rng.choice(STARTS)
    while True:
        n, k = rng.randint(*AMOUNTS[kind]), rng.randint(*COUNTS[kind])
        skeleton = rng.choice(family.sentences[kind].held_out) if held_out else training_skeleton(rng, family, kind)
        sentence = skeleton.format(n=n, k=k, **words)
        sentences.append(sentence[0].upper() + sentence[1:])
        new = _operations(kind, x, n, k)
        steps += new
        x = new[-1].result if new else n
        if not all(SMALLEST <= s.result <= LARGEST for s in new):
            return None
        if len(steps) >= wanted:
            break
        kind = rng.choices(EVENTS, [EVENT_WEIGHTS[e] for e in EVENTS])[0]
    if len(steps) > wanted:
        return None
    question = rng.choice(family.questions.held_out if held_out else family.questions.train).format(**words)
    return Problem(" ".join([*sentences, question]), words["o"], tuple(steps))


def training_skeleton(rng: random.Random, family: Family, kind: str) -> str:
    """A sentence for training: a core, perhaps an opening, the person named or not."""
    core = rng.choice(family.sentences[kind].train)
    start = kind in STARTS
    # A story's first sentence names the person, and one that already says when gets no opening.
    opening = "" if start and " on " in core else rng.choice(START_OPENINGS if start else EVENT_OPENINGS)
    if opening and not core.startswith("{"):
        core = core[0].lower() + core[1:]
    return f"{opening} {core}".strip().replace("{S}", "{N}" if start or rng.random() < 0.5 else "{p}")


def _cast(rng: random.Random, family: Family, held_out: bool) -> dict[str, str]:
    """The words that fill a problem's templates."""
    gender = rng.randrange(2)
    person, other = _name(rng, gender, held_out), _name(rng, rng.randrange(2), held_out)
    while other == person:
        other = _name(rng, rng.randrange(2), held_out)
    containers, objects = rng.choice(family.things)
    return {"N": person, "Q": other, "p": ("she", "he")[gender], "c": containers, "o": objects}


def _name(rng: random.Random, gender: int, held_out: bool) -> str:
    if held_out:
        return rng.choice(HELD_OUT_NAMES[gender])
    if rng.random() >= MADE_UP_SHARE:
        return rng.choice(TRAIN_NAMES[gender])
    while True:
        name = "".join(rng.choices(SYLLABLES, k=rng.randint(2, 3))).capitalize()
        if name not in HELD_OUT_NAMES[0] + HELD_OUT_NAMES[1]:
            return name


def _operations(kind: str, x: int, n: int, k: int) -> list[Step]:
    """What a sentence of this kind does to the count x."""
    if kind == "have":
        return []
    if kind == "fill":
        return [_step(k, "*", n)]
    if kind == "sum":
        return [_step(n, "+", k)]
    if kind == "grow":
        return [_step(x, "*", k)]
    sign = "+" if kind.startswith("add") else "-"
    if kind.endswith("_groups"):
        group = _step(k, "*", n)
        return [group, _step(x, sign, group.result)]
    return [_step(x, sign, n)]


def _step(left: int, sign: str, right: int) -> Step:
    result = {"+": left + right, "-": left - right, "*": left * right}[sign]
    return Step(left, sign, right, result)
