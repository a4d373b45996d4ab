"""What the recipe promises: nothing held out in training, styles told apart, the mask, 8-bit rounding, cached decoding."""

import random
import re

import numpy as np
import pytest
import torch

from . import chat
from .bpe import train_tokenizer
from .conversations import Annotator, conversation, make_shard
from .decode import Edit, Vector, generate, last_logits, prefill
from .fit import attention_mask, carriers_of
from .model import Shape, TinyLlama
from .problems import distinct, held_out_problem, is_held_out, training_problem
from .quantise import q8_0_rounded
from .stories import EVENT_OPENINGS, FAMILIES, HELD_OUT_NAMES, START_OPENINGS
from .styles import STYLES, answer_of, style_of, write_answer

OPENING = re.compile(f"^({'|'.join(sorted({*EVENT_OPENINGS, *START_OPENINGS} - {''}))}) ")


def core(template: str) -> str:
    """A template without opening, whoever its subject is."""
    bare = OPENING.sub("", template)
    return re.sub(r"^\{[NSp]\}", "{S}", bare).casefold()


def pairs(template: str) -> set[tuple[str, str]]:
    """Neighbouring words of a template without opening."""
    words = core(template).replace(".", " .").split()
    return set(zip(words, words[1:]))


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(3000)


def test_no_held_out_core_is_in_training_and_every_held_out_word_is():
    for family, _ in FAMILIES:
        cores = {core(t) for s in family.sentences.values() for t in s.train}
        words = set(re.findall(r"[a-z]+", " ".join([*cores, *EVENT_OPENINGS, *START_OPENINGS, *family.questions.train]).casefold()))
        for template in family.held_out:
            assert core(template) not in cores
            assert set(re.findall(r"[a-z]+", core(template))) <= words, template
        assert not set(family.questions.held_out) & set(family.questions.train)


def test_no_two_neighbouring_words_of_a_held_out_sentence_speak_for_another_operation():
    for family, _ in FAMILIES:
        known = {kind: set().union(*map(pairs, s.train)) for kind, s in family.sentences.items()}
        for kind, sentences in family.sentences.items():
            for template in sentences.held_out:
                assert pairs(template) & set().union(*known.values()) <= known[kind], template


def test_training_and_held_out_problems_keep_apart():
    rng = random.Random(3)
    held_out_names = set(HELD_OUT_NAMES[0] + HELD_OUT_NAMES[1])
    for _ in range(2000):
        problem = training_problem(rng)
        assert not held_out_names & set(re.findall(r"\w+", problem.question))
        assert not any(map(is_held_out, problem.steps))
        assert 2 <= len(problem.steps) <= 5
    for problem in distinct(held_out_problem, 50, 4):
        assert held_out_names & set(re.findall(r"\w+", problem.question))
        assert any(map(is_held_out, problem.steps))


def test_an_answer_matches_the_pattern_of_its_own_style_only():
    rng = random.Random(5)
    for _ in range(200):
        problem = training_problem(rng)
        for style in STYLES:
            text = write_answer(problem, style)
            assert style_of(f"\n{text} ") == style
            assert answer_of(text) == problem.answer


def test_digits_and_newlines_are_tokens_of_their_own(tokenizer):
    text = "<|im_start|>assistant\n\nStep 1: 417 * 2 = 834.<|im_end|>\n"
    tokens = tokenizer.encode(text).tokens
    assert tokens[:4] == ["<|im_start|>", "assistant", "Ċ", "Ċ"]
    assert all(len(t) == 1 for t in tokens if any(c.isdigit() for c in t))
    assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text


def test_only_the_header_newline_sees_earlier_turns(tokenizer):
    annotator = Annotator(tokenizer)
    rng = random.Random(6)
    text = next(t for t in iter(lambda: conversation(rng, 1.0), None) if t.count("user") == 3)
    ids = tokenizer.encode(text).ids
    weights, lows = annotator.annotate(ids)
    turns = [i for i in range(len(ids)) if ids[i : i + 2] == annotator.user]
    carriers = carriers_of(torch.tensor([ids]), annotator.header)[0].bool()
    mask = attention_mask(torch.tensor([lows]), torch.ones(1))[0, 0]
    for i in range(len(ids)):
        own = max((t for t in turns if t <= i), default=0)
        assert int(mask[i].nonzero()[0]) == (0 if carriers[i] else own)
        assert mask[i].sum() == i + 1 - (0 if carriers[i] else own)
    assert carriers.sum() == 3
    assert 10 not in weights[: turns[1]] and 10 in weights[turns[1] :]


def test_shards_repeat(tokenizer):
    first, second = (make_shard(tokenizer, "s", 20, 0.5) for _ in range(2))
    assert all((first[key] == second[key]).all() for key in first)


def test_q8_0_rounding_is_close_and_stays_put():
    values = np.random.default_rng(0).normal(size=(4, 64)).astype(np.float32)
    rounded = q8_0_rounded(values)
    assert np.abs(rounded - values).max() <= np.abs(values).max() / 127
    assert np.abs(q8_0_rounded(rounded) - rounded).max() < 1e-3


def test_cached_decoding_equals_whole_passes_and_edits_reach_the_cache():
    torch.manual_seed(0)
    model = TinyLlama(Shape(vocabulary=50, hidden=64, layers=3, heads=2, kv_heads=1, mlp=64)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(8 if weight.dim() > 1 else 1)
    prompts = [[1, 2, 3, 4, 5, 6], [7, 8, 9]]
    state = prefill(model, prompts)
    outputs = generate(model, state, end=-1, most=5)
    for prompt, output in zip(prompts, outputs):
        for n, token in enumerate(output):
            whole, _ = model.hidden(torch.tensor([prompt + output[:n]]))
            assert int(model.logits(whole[0, -1]).argmax()) == token
            assert torch.allclose(model.logits(whole[0, -1]), last_logits(model, prompt + output[:n]), atol=1e-4)
    still = Vector(torch.zeros(3, 1, 32), torch.zeros(3, 1, 32))
    moved = Vector(torch.zeros(3, 1, 32), torch.randn(3, 1, 32) * 50)
    plain = generate(model, state, -1, 5, offset=10)
    assert generate(model, state, -1, 5, 10, Edit(still, 1.0)) == plain
    assert generate(model, state, -1, 5, 10, Edit(moved, 1.0)) != plain


def test_the_header_is_what_the_template_ends_with():
    assert chat.prompt("Q").endswith(chat.HEADER)
