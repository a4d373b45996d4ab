"""PyTorch transformers in float32: `generate`, ragged rows padded on the left. Speaks what protocol.ts describes."""

import json
import os
import sys
import time

import torch
import transformers
from transformers import AutoModelForCausalLM, StoppingCriteria

answers = os.fdopen(3, "w")


def answer(value):
    answers.write(json.dumps(value) + "\n")
    answers.flush()


class Clock(StoppingCriteria):
    """Is asked after every token."""

    def __init__(self):
        self.times = []

    def __call__(self, input_ids, scores, **kwargs):
        self.times.append(time.perf_counter())
        return torch.zeros(input_ids.shape[0], dtype=torch.bool)


def measure(model, prompts, new_tokens):
    longest = max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    clock = Clock()
    start = time.perf_counter()
    with torch.inference_mode():
        output = model.generate(
            ids,
            attention_mask=mask,
            max_new_tokens=new_tokens + 1,
            do_sample=False,
            stopping_criteria=[clock],
        )
    first, last = clock.times[0], clock.times[-1]
    return {
        "prefillMs": (first - start) * 1000,
        "decodeMs": (last - first) * 1000,
        "tokens": output[:, longest:].tolist(),
    }


def peak_bytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) * 1024


def main(folder):
    torch.set_num_threads(int(os.environ["BENCH_THREADS"]))
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 0
    about = f"PyTorch {torch.__version__}, transformers {transformers.__version__}, float32"
    answer({"about": about, "sameLengths": False})
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "peak":
            answer({"value": peak_bytes()})
        else:
            answer({"value": measure(model, request["prompts"], request["newTokens"])})


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except Exception as error:
        answer({"error": repr(error)})
        raise
