"""Writes the shipped files from a checkpoint: model.gguf, the tokenizer files and parity.json.

    python -m train.export work/main-seed-0.safetensors --c-values 0.7

GGUF's llama architecture keeps the rows of the query and key matrices in the interleaved order of llama.cpp's RoPE
(pairs 2i, 2i+1); checkpoints keep them half-split (pairs i, i + D/2). `interleave` and `halve` go between the two.
"""

import argparse
import hashlib
import json
from pathlib import Path

import gguf
import numpy as np
import torch

from . import chat
from .bpe import load_tokenizer, save_tokenizer
from .decode import Edit, generate, last_logits, prefill
from .evaluate import Bench
from .model import Shape, TinyLlama
from .quantise import q8_0_bytes
from .report import load_checkpoint
from .styles import STEP_BY_STEP

TINY = Path(__file__).parent.parent
MODEL, PARITY = TINY / "model.gguf", TINY / "parity.json"
NAMES = {
    "input_norm": "attn_norm", "q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output",
    "mlp_norm": "ffn_norm", "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down",
}
PARITY_TOKENS = 48


def interleave(rows: np.ndarray, head_size: int) -> np.ndarray:
    """Rows [heads * D, in] from half-split to interleaved order within each head."""
    return rows.reshape(-1, 2, head_size // 2, rows.shape[-1]).swapaxes(1, 2).reshape(rows.shape)


def halve(rows: np.ndarray, head_size: int) -> np.ndarray:
    """Rows [heads * D, in] from interleaved to half-split order within each head."""
    return rows.reshape(-1, head_size // 2, 2, rows.shape[-1]).swapaxes(1, 2).reshape(rows.shape)


def gguf_name(name: str) -> str:
    """A checkpoint's tensor name as GGUF has it."""
    if name == "embedding.weight":
        return "token_embd.weight"
    if name == "norm.weight":
        return "output_norm.weight"
    _, layer, part, _ = name.split(".")
    return f"blk.{layer}.{NAMES[part]}.weight"


def write_gguf(model: TinyLlama, path: Path) -> None:
    """Writes the model with its tokenizer; matrices Q8_0, norms F32."""
    s = model.shape
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("kvsteer tiny")
    writer.add_description("Word problems, answered directly until one edit of the KV cache; see the model card")
    writer.add_license("mit")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_vocab_size(s.vocabulary)
    writer.add_context_length(s.context)
    writer.add_embedding_length(s.hidden)
    writer.add_block_count(s.layers)
    writer.add_feed_forward_length(s.mlp)
    writer.add_head_count(s.heads)
    writer.add_head_count_kv(s.kv_heads)
    writer.add_layer_norm_rms_eps(s.norm_epsilon)
    writer.add_rope_dimension_count(s.head_size)
    writer.add_rope_freq_base(s.rope_theta)
    _add_tokenizer(writer, s)
    for name, tensor in model.state_dict().items():
        values = tensor.numpy()
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            values = interleave(values, s.head_size)
        if values.ndim == 1:
            writer.add_tensor(gguf_name(name), values)
        else:
            writer.add_tensor(gguf_name(name), q8_0_bytes(values), raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokenizer(writer: gguf.GGUFWriter, shape: Shape) -> None:
    tokenizer = load_tokenizer(TINY)
    tokens = [tokenizer.id_to_token(i) for i in range(shape.vocabulary)]
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types(
        [gguf.TokenType.CONTROL if t in chat.SPECIAL_TOKENS else gguf.TokenType.NORMAL for t in tokens]
    )
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_bos_token_id(tokens.index(chat.END_OF_TEXT))
    writer.add_eos_token_id(tokens.index(chat.END))
    writer.add_pad_token_id(tokens.index(chat.END_OF_TEXT))
    writer.add_add_bos_token(False)
    writer.add_chat_template(chat.CHAT_TEMPLATE)


def read_gguf(path: Path) -> TinyLlama:
    """The model of a file written by `write_gguf`, dequantised to float32."""
    reader = gguf.GGUFReader(path)
    stored = {t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in reader.tensors}
    model = TinyLlama()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            values = stored.pop(gguf_name(name))
            if name.endswith(("q_proj.weight", "k_proj.weight")):
                values = halve(values, model.shape.head_size)
            weight.copy_(torch.from_numpy(np.array(values)))
    if stored:
        raise ValueError(f"expected no further tensors, found {sorted(stored)}")
    return model.eval()


def write_parity(path: Path, model: TinyLlama, c_values: float) -> None:
    """Records what any other reader of model.gguf must reproduce, from the dequantised weights in float32."""
    bench = Bench(model, load_tokenizer(TINY))
    question, other = bench.test[0]["question"], bench.test[1]["question"]
    cases = {
        "plain": chat.prompt(question),
        "offset": chat.prompt(question) + chat.OFFSET,
        "step by step": chat.prompt(question + STEP_BY_STEP),
        "system message": chat.prompt(other, system=chat.SYSTEM_MESSAGES[0]),
        "example turns": chat.prompt(other, bench.examples(0, "causal")),
    }
    records = []
    for name, text in cases.items():
        ids = bench.ids(text)
        (greedy,) = generate(model, prefill(model, [ids]), bench.end, PARITY_TOKENS)
        records.append({
            "name": name, "text": text, "ids": ids,
            "logits": [float(f"{v:.6g}") for v in last_logits(model, ids).tolist()],
            "greedy": greedy, "margins": _margins(model, ids, greedy), "greedyText": bench.tokenizer.decode(greedy),
        })
    vector = bench.vector("stepwise")
    ids = bench.ids(chat.prompt(question))
    (steered,) = generate(model, prefill(model, [ids]), bench.end, PARITY_TOKENS, bench.offset, Edit(vector, c_values))
    content = {
        "comment": "Made by PyTorch in float32 from model.gguf dequantised. Logits are those after the last id, to 6 digits; "
                   "greedy is without the end token, at most 48 tokens; margins are the logits by which each of its tokens won. "
                   "The model guesses direct answers, so small margins occur: stop an exact comparison there.",
        "modelSha256": hashlib.sha256(MODEL.read_bytes()).hexdigest(),
        "cases": records,
        "steered": {
            "comment": "Vector: mean over all 64 pairs of pairs-items.jsonl (pair i shows items i+1, i+2, i+3 modulo 64 in the "
                       "style, against direct, then item i) of un-rotated keys and values at the last prompt token. Use: "
                       "prefill the ids, add c_values times the values at the last id in layers >= 1, feed the offset token.",
            "ids": ids, "offset": bench.offset, "c_values": c_values, "c_keys": 0.0,
            "keyNorms": [round(v, 4) for v in vector.keys.flatten(1).norm(dim=1).tolist()],
            "valueNorms": [round(v, 4) for v in vector.values.flatten(1).norm(dim=1).tolist()],
            "greedy": steered,
            "greedyText": bench.tokenizer.decode(steered),
        },
    }
    path.write_text(json.dumps(content) + "\n")


def _margins(model: TinyLlama, ids: list[int], greedy: list[int]) -> list[float]:
    """How far each greedy token's logit lies above the runner-up's."""
    tops = [last_logits(model, ids + greedy[:n]).topk(2).values for n in range(len(greedy))]
    return [round(float(first - second), 4) for first, second in tops]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--c-values", type=float, required=True, help="coefficient of the steered parity case")
    options = parser.parse_args()
    model, record = load_checkpoint(options.checkpoint)
    part = MODEL.with_suffix(".part")
    write_gguf(model, part)
    part.rename(MODEL)
    save_tokenizer(load_tokenizer(TINY), TINY, model.shape.context)
    shipped = read_gguf(MODEL)
    write_parity(PARITY, shipped, options.c_values)
    print(f"{record['name']}: {MODEL.stat().st_size} bytes")


if __name__ == "__main__":
    main()
