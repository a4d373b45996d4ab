"""Word problems of two to five operations, and what is held out of training.

A training problem uses training names and templates only, and no number of it, written in the question or met on the
way to the answer, lies in a held-out range. A held-out problem uses held-out names and held-out templates only (every
sentence, the question too), and at least one number written in it lies in a held-out range. The two sets cannot meet.
"""

import random
from dataclasses import dataclass

from .stories import EVENTS, FAMILIES, HELD_OUT_NAMES, STARTS, TRAIN_NAMES, Family, Templates

# Inclusive ranges of numbers that never occur in training, in questions or in answers.
HELD_OUT_RANGES = ((26, 29), (43, 46), (68, 71), (84, 87))
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
    """A question, the things it counts, its operations in order, and the numbers written in it."""

    question: str
    unit: str
    steps: tuple[Step, ...]
    written: tuple[int, ...]

    @property
    def answer(self) -> int:
        return self.steps[-1].result

    @property
    def numbers(self) -> set[int]:
        """Every number written in the question or met on the way to the answer."""
        return set(self.written).union(*((s.left, s.right, s.result) for s in self.steps))


def is_held_out(number: int) -> bool:
    """Whether a number lies in a held-out range."""
    return any(low <= number <= high for low, high in HELD_OUT_RANGES)


def training_problem(rng: random.Random) -> Problem:
    """A problem of the training distribution."""
    while True:
        problem = _draw(rng, held_out=False)
        if problem and not any(map(is_held_out, problem.numbers)):
            return problem


def held_out_problem(rng: random.Random) -> Problem:
    """A problem that training can hold neither whole nor in any of its sentences, with a number training lacks."""
    while True:
        problem = _draw(rng, held_out=True)
        if problem and any(map(is_held_out, problem.written)):
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
    written: list[int] = []
    x = 0
    kind = rng.choice(STARTS)
    while True:
        n, k = rng.randint(*AMOUNTS[kind]), rng.randint(*COUNTS[kind])
        template = rng.choice(_side(family.sentences[kind], held_out))
        new = _operations(kind, x, n, k)
        sentences.append(template.format(n=n, k=k, **words))
        written += [v for mark, v in (("{n}", n), ("{k}", k)) if mark in template]
        steps += new
        x = new[-1].result if new else n
        if not all(SMALLEST <= s.result <= LARGEST for s in new):
            return None
        if len(steps) >= wanted:
            break
        kind = rng.choices(EVENTS, [EVENT_WEIGHTS[e] for e in EVENTS])[0]
    if len(steps) > wanted:
        return None
    question = rng.choice(_side(family.questions, held_out)).format(**words)
    return Problem(" ".join([*sentences, question]), words["o"], tuple(steps), tuple(written))


def _side(templates: Templates, held_out: bool) -> tuple[str, ...]:
    return templates.held_out if held_out else templates.train


def _cast(rng: random.Random, family: Family, held_out: bool) -> dict[str, str]:
    """The words that fill a problem's templates."""
    names = HELD_OUT_NAMES if held_out else TRAIN_NAMES
    gender = rng.randrange(2)
    person = rng.choice(names[gender])
    other = rng.choice([n for n in (*names[0], *names[1]) if n != person])
    containers, objects = rng.choice(family.things)
    return {"N": person, "Q": other, "P": ("She", "He")[gender], "p": ("she", "he")[gender], "c": containers, "o": objects}


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
