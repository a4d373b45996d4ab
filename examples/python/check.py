"""That apply_vector.py gives the tokens of fixtures/expected.json, which kvsteer's own tests are held against.

python check.py [--write]    see check.sh; --write makes it anew
"""
import json
import os
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from apply_vector import steered

here = Path(__file__).resolve().parent
root = here.parents[1]
xdg = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
cache = Path(os.environ.get("KVSTEER_CACHE") or xdg / "kvsteer")
pulled = cache / "models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf"
models = {
    "tiny": root / "models/tiny/model.gguf",
    "smollm2-135m-instruct": Path(os.environ.get("SMOLLM2_GGUF") or pulled),
}

PEBBLES = (
    "Ben has 23 pebbles and buys 15 more. Anna adds 5 pebbles. On Monday he gets 77 pebbles from Anna. "
    "How many pebbles are there in the end?"
)
PENS = "A pen costs 3 dollars. How much are 7 pens?"
CASES = [  # model, vector (from the repository's root), question, c_values, c_keys
    ("tiny", "models/tiny/vectors/stepwise.safetensors", PEBBLES, 0.7, 0),
    ("tiny", "models/tiny/vectors/causal.safetensors", PEBBLES, 0.7, 0),
    ("tiny", "models/tiny/vectors/strategy.safetensors", PEBBLES, 0.7, 0),
    ("tiny", "models/tiny/vectors/stepwise.safetensors", PEBBLES, 1, 1),
    ("tiny", "examples/python/vectors/tiny-post-rope.safetensors", PEBBLES, 1, 0.2),
    ("smollm2-135m-instruct", "examples/python/vectors/smollm2-steps.safetensors", PENS, 4, 0),
    ("smollm2-135m-instruct", "examples/python/vectors/smollm2-steps.safetensors", PENS, 2, 1),
]
COMMENT = (
    "Made by check.py --write: transformers and PyTorch in float32, greedy, at most 64 tokens. "
    "margins: by how many logits each token won."
)


def load(path):
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    # A tokenizer.json beside the GGUF comes first, as it does for kvsteer.
    own = (path.parent / "tokenizer.json").exists()
    return model, AutoTokenizer.from_pretrained(path.parent, **({} if own else {"gguf_file": path.name}))


def prompt(tokenizer, question):
    chat = [{"role": "user", "content": question}]
    text = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    return [tokenizer.encode(part, add_special_tokens=False) for part in (text, "\n")]


def margins(model, run):
    """The steered run again, watched: the lead of each token over the next best."""
    logits, generate = [], model.generate

    def watched(*args, **kwargs):
        out = generate(*args, **kwargs, return_dict_in_generate=True, output_logits=True)
        logits.extend(out.logits)
        return out.sequences

    model.generate = watched
    run()
    model.generate = generate
    best = [torch.topk(row[0], 2).values.tolist() for row in logits]
    return [round(first - second, 4) for first, second in best]


def main(write):
    file, loaded, made, failed = here / "fixtures/expected.json", {}, [], 0
    known = {} if write else {case["name"]: case for case in json.loads(file.read_text())["cases"]}
    for model_name, vector, question, c_values, c_keys in CASES:
        name = f"{model_name}, {Path(vector).stem}, values {c_values}, keys {c_keys}"
        if not models[model_name].exists():
            print(f"skipped  {name}: {models[model_name]} is not there (kvsteer pull, or set SMOLLM2_GGUF)")
            continue
        if model_name not in loaded:
            loaded[model_name] = load(models[model_name])
        model, tokenizer = loaded[model_name]
        ids, [offset] = prompt(tokenizer, question)
        run = lambda: steered(model, ids, offset, root / vector, c_values, c_keys)
        tokens = run()
        if write:
            facts = {"name": name, "model": model_name, "vector": vector, "question": question}
            edit = {"values": c_values, "keys": c_keys, "ids": ids, "offset": offset}
            result = {"tokens": tokens, "margins": margins(model, run), "text": tokenizer.decode(tokens)}
            made.append(facts | edit | result)
            continue
        same = (known[name]["ids"], known[name]["tokens"]) == (ids, tokens)
        failed += not same
        print("same    " if same else "OTHER   ", name)
    if write:
        file.write_text(json.dumps({"comment": COMMENT, "cases": made}, separators=(",", ":")) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main("--write" in sys.argv[1:]))
