"""The driver: makes the data and trains every run of a plan, some side by side.

    python -m train.run --plan smoke                  # CPU, a minute: proves that everything runs, not that it works
    python -m train.run --plan main --parallel 3      # one GPU: three seeds of the shipped recipe
    python -m train.run --plan ablations --parallel 3 # one GPU: without the mask, the offset, the alike keys

Writes one NAME.safetensors per run into --out: float32 weights, with the run's record in the metadata. `train.report`
measures them. --data keeps the shards between calls.
"""

import argparse
import dataclasses
import json
import multiprocessing
import os
import platform
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from . import chat
from .bpe import load_tokenizer
from .conversations import make_shard
from .fit import Recipe, fit

TINY = Path(__file__).parent.parent


@dataclasses.dataclass(frozen=True)
class Plan:
    """Runs by name, and how much data they share."""

    runs: dict[str, Recipe]
    shards: int = 48
    conversations: int = 12_000


PLANS = {
    "main": Plan({f"main-seed-{seed}": Recipe(seed=seed) for seed in (0, 1, 2)}),
    "ablations": Plan({
        "no-mask": Recipe(mask_share=0.0),
        "no-offset": Recipe(offset_rate=0.0),
        "keys-free": Recipe(blind_share=0.0, spread_weight=0.0),
    }),
    "smoke": Plan({"smoke": Recipe(steps=20, tokens_per_step=4096, warmup_steps=5)}, shards=1, conversations=1000),
}


def _shard_path(folder: Path, offset_rate: float, index: int) -> Path:
    return folder / f"offset-{offset_rate}-{index:03d}.npz"


def _write_shard(path: Path, seed: str, conversations: int, offset_rate: float) -> None:
    part = path.with_suffix(".part.npz")
    np.savez(part, **make_shard(load_tokenizer(TINY), seed, conversations, offset_rate))
    part.rename(path)


def make_data(plan: Plan, folder: Path, workers: int) -> None:
    """Writes the shards that the plan's runs need and the folder lacks. Shard i is the same whoever writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        jobs = []
        for rate in sorted({recipe.offset_rate for recipe in plan.runs.values()}):
            for index in range(plan.shards):
                path = _shard_path(folder, rate, index)
                if not path.exists():
                    jobs.append(pool.submit(_write_shard, path, f"shard {index} offset {rate}", plan.conversations, rate))
        for job in as_completed(jobs):
            job.result()


def run_one(name: str, recipe: Recipe, plan: Plan, data: Path, out: Path, device: str) -> None:
    """Trains one run and writes its checkpoint."""
    torch.set_num_threads(2)
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # cuBLAS is deterministic only with a fixed workspace.
    started = time.monotonic()
    shards = [_shard_path(data, recipe.offset_rate, i) for i in range(plan.shards)]
    header = load_tokenizer(TINY).encode(chat.HEADER).ids
    model = fit(recipe, shards, header, device, lambda line: print(f"{name}: {line}", flush=True))
    record = {
        "name": name,
        "recipe": recipe.as_dict(),
        "shape": model.shape.as_dict(),
        "parameters": sum(p.numel() for p in model.parameters()),
        "data": {"shards": plan.shards, "conversationsPerShard": plan.conversations},
        "device": torch.cuda.get_device_name() if device == "cuda" else platform.machine(),
        "torch": torch.__version__,
        "trainingSeconds": round(time.monotonic() - started, 1),
    }
    weights = {k: v.cpu().contiguous() for k, v in model.state_dict().items()}
    save_file(weights, out / f"{name}.safetensors", {"record": json.dumps(record)})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plan", choices=PLANS, required=True)
    parser.add_argument("--only", nargs="*", help="names of runs, default all of the plan")
    parser.add_argument("--out", type=Path, default=TINY / "train" / "work")
    parser.add_argument("--data", type=Path, help="folder of the shards, default OUT/PLAN-data")
    parser.add_argument("--parallel", type=int, default=1, help="runs side by side on the device")
    parser.add_argument("--workers", type=int, default=multiprocessing.cpu_count(), help="processes that make data")
    parser.add_argument("--steps", type=int, help="fewer training steps than the recipe's, for a trial")
    options = parser.parse_args()
    plan = PLANS[options.plan]
    runs = {name: recipe for name, recipe in plan.runs.items() if not options.only or name in options.only}
    if options.steps:
        runs = {name: dataclasses.replace(recipe, steps=options.steps) for name, recipe in runs.items()}
    plan = dataclasses.replace(plan, runs=runs)
    data = options.data or options.out / f"{options.plan}-data"
    options.out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    make_data(plan, data, options.workers)
    print(f"data ready after {time.monotonic() - started:.0f} s", flush=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # One process a run: each has its own random state, and a failed run leaves the others alone.
    failed = 0
    with ProcessPoolExecutor(options.parallel, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        jobs = {pool.submit(run_one, n, r, plan, data, options.out, device): n for n, r in runs.items()}
        for job in as_completed(jobs):
            if job.exception():
                failed += 1
                print(f"{jobs[job]} failed: {job.exception()!r}", file=sys.stderr, flush=True)
    print(f"{len(runs) - failed} of {len(runs)} runs done after {time.monotonic() - started:.0f} s", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
