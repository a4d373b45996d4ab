"""Training conversations, and the three numbers that go with each of their tokens.

Per token: its id; its weight in the loss (tenths); and `low`, the first position that it may attend to when the mask
is on for its row. With the mask on, a token sees its own turn only, except the newline that ends an assistant header,
which sees everything before it: what earlier turns can tell, their style, has to pass through that one position.
"""

import random

import numpy as np
from tokenizers import Tokenizer

from . import chat
from .problems import training_problem
from .styles import STEP_BY_STEP, STYLES, write_answer

# A lone question is answered directly unless nothing but chance says otherwise; example turns make other styles likely.
SINGLE_TURN_STYLES = (0.85, 0.06, 0.03, 0.03, 0.03)
MULTI_TURN_STYLES = (0.36, 0.16, 0.16, 0.16, 0.16)
SINGLE_TURN_SHARE = 0.5
STEP_BY_STEP_SHARE = 0.1
SYSTEM_SHARE = 0.1
MOST_TURNS = 4
# Loss weights in tenths.
QUESTION_WEIGHT, ANSWER_WEIGHT = 1, 10
# Rows are padded to the shortest of these lengths that holds them; longer conversations are dropped.
LENGTHS = (112, 224, 384, 560)


class Annotator:
    """Finds turns in token ids and gives each token its loss weight and its lowest visible position."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.start = tokenizer.token_to_id(chat.START)
        self.end = tokenizer.token_to_id(chat.END)
        (self.newline,) = tokenizer.encode("\n").ids
        self.header = tokenizer.encode(chat.HEADER).ids
        self.user = tokenizer.encode(f"{chat.START}user").ids

    def annotate(self, ids: list[int]) -> tuple[list[int], list[int]]:
        """(weights, lows) of a conversation. Of several assistant turns the first has no loss: nothing tells its style."""
        header, user = self.header, self.user
        starts = [i for i, t in enumerate(ids) if t == self.start]
        users = [i for i in starts if ids[i : i + len(user)] == user]
        weights, lows = [0] * len(ids), [0] * len(ids)
        bounds = [*users, len(ids)]
        for turn, (begin, after) in enumerate(zip(users, bounds[1:])):
            assistant = next(i for i in starts if i > begin)
            newline = assistant + len(header) - 1
            if ids[assistant : newline + 1] != header:
                raise ValueError(f"expected an assistant header at token {assistant}, found {ids[assistant:newline + 1]}")
            lows[begin:after] = [begin] * (after - begin)
            lows[newline] = 0
            weights[begin:assistant] = [QUESTION_WEIGHT] * (assistant - begin)
            answer = newline + 2 if ids[newline + 1] == self.newline else newline + 1
            stop = ids.index(self.end, answer) + 1
            if len(users) == 1 or turn > 0:
                weights[answer:stop] = [ANSWER_WEIGHT] * (stop - answer)
        return weights, lows


def conversation(rng: random.Random, offset_rate: float) -> str:
    """One conversation of one to four turns in one style; each answer begins with an extra newline at `offset_rate`."""
    single = rng.random() < SINGLE_TURN_SHARE
    asked = rng.random() < (STEP_BY_STEP_SHARE if single else STEP_BY_STEP_SHARE / 4)
    turns = 1 if single else rng.randint(2, MOST_TURNS)
    style = rng.choices(STYLES, SINGLE_TURN_STYLES if single else MULTI_TURN_STYLES)[0]
    parts = [chat.turn("system", rng.choice(chat.SYSTEM_MESSAGES))] if rng.random() < SYSTEM_SHARE else []
    for index in range(turns):
        problem = training_problem(rng)
        # Only the last question of a conversation asks for steps, whatever the style before it was.
        here = asked and index == turns - 1
        offset = chat.OFFSET if rng.random() < offset_rate else ""
        answer = write_answer(problem, "stepwise" if here else style)
        parts.append(chat.turn("user", problem.question + STEP_BY_STEP * here) + chat.turn("assistant", offset + answer))
    return "".join(parts)


def make_shard(tokenizer: Tokenizer, seed: str, count: int, offset_rate: float) -> dict[str, np.ndarray]:
    """Rows of `count` conversations, as one array [3, rows, length] (ids, weights, lows; int16) per length."""
    rng = random.Random(seed)
    annotator = Annotator(tokenizer)
    rows: dict[int, list] = {length: [] for length in LENGTHS}
    for encoding in tokenizer.encode_batch([conversation(rng, offset_rate) for _ in range(count)]):
        ids = encoding.ids
        length = next((n for n in LENGTHS if len(ids) <= n), None)
        if length:
            rows[length].append((ids, *annotator.annotate(ids)))
    shard = {}
    for length, triples in rows.items():
        array = np.zeros((3, len(triples), length), np.int16)
        for i, triple in enumerate(triples):
            array[:, i, : len(triple[0])] = triple
        shard[str(length)] = array
    return shard
