"""Measures checkpoints as they would ship (matrices rounded to Q8_0) and writes results.json.

    python -m train.report work/main-seed-*.safetensors --full
    python -m train.report work/no-mask.safetensors work/no-offset.safetensors

Each checkpoint's record replaces the one of the same name in results.json, so that calls add up.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from safetensors import safe_open

from .bpe import load_tokenizer
from .evaluate import evaluate
from .model import Shape, TinyLlama
from .quantise import round_to_q8_0

TINY = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results.json"


def load_checkpoint(path: Path) -> tuple[TinyLlama, dict]:
    """A checkpoint's model, in float32 on the CPU, and its training record."""
    with safe_open(path, "pt") as file:
        record = json.loads(file.metadata()["record"])
        model = TinyLlama(Shape(**record["shape"]))
        model.load_state_dict({name: file.get_tensor(name) for name in file.keys()})
    return model.eval(), record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--full", action="store_true", help="all styles, positions, negative coefficients too")
    parser.add_argument("--problems", type=int, help="only the first so many problems of each file, for a smoke run")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    for path in options.checkpoints:
        model, record = load_checkpoint(path)
        round_to_q8_0(model)
        started = time.monotonic()
        record["figures"] = evaluate(model.to(device), load_tokenizer(TINY), options.full, options.problems)
        record["measured"] = {
            "weights": "matrices rounded to Q8_0, norms and arithmetic float32",
            "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
            "torch": torch.__version__,
            "seconds": round(time.monotonic() - started, 1),
        }
        # Read anew before each write: several calls may be at work on one file.
        results = json.loads(options.results.read_text()) if options.results.exists() else {"runs": {}}
        results["runs"][record["name"]] = record
        part = options.results.with_suffix(".part")
        part.write_text(json.dumps(results, indent=1) + "\n")
        part.rename(options.results)
        figures = record["figures"]
        shown = {k: figures[k]["accuracy"] for k in ("plain", "steered", "steeredWithKeys", "cot")}
        print(f"{record['name']}: {shown} {figures['chosen']}", flush=True)


if __name__ == "__main__":
    main()
