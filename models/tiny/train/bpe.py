"""The tokenizer: byte-level BPE of 768 tokens in which every digit and every newline stands alone.

Pre-tokenization is SmolLM's (digits one by one, then GPT-2's pattern), which llama.cpp knows as "smollm".
"""

import json
import random
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from . import chat
from .problems import training_problem
from .styles import STEP_BY_STEP, STYLES, write_answer

VOCABULARY = 768


def train_tokenizer(problems: int = 20_000, seed: int = 0) -> Tokenizer:
    """Learns the merges from training problems in all styles; the same tokenizer for the same arguments."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(chat.SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(problems, seed), trainer)
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in chat.SPECIAL_TOKENS])
    if tokenizer.get_vocab_size() != VOCABULARY:
        raise ValueError(f"expected {VOCABULARY} tokens, found {tokenizer.get_vocab_size()}: train on more problems")
    return tokenizer


def _corpus(problems: int, seed: int):
    rng = random.Random(seed)
    for _ in range(problems):
        problem = training_problem(rng)
        question = problem.question + STEP_BY_STEP * (rng.random() < 0.1)
        yield f"user\n{question}\nassistant\n{write_answer(problem, rng.choice(STYLES))}"
        if rng.random() < 0.05:
            yield f"system\n{rng.choice(chat.SYSTEM_MESSAGES)}"


def load_tokenizer(folder: Path) -> Tokenizer:
    """The shipped tokenizer."""
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def save_tokenizer(tokenizer: Tokenizer, folder: Path, context: int) -> None:
    """Writes tokenizer.json and tokenizer_config.json, as Transformers and Transformers.js read them."""
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "add_bos_token": False,
        "add_prefix_space": False,
        "bos_token": chat.END_OF_TEXT,
        "eos_token": chat.END,
        "pad_token": chat.END_OF_TEXT,
        "unk_token": None,
        "clean_up_tokenization_spaces": False,
        "model_max_length": context,
        "chat_template": chat.CHAT_TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
