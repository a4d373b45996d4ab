"""python apply_vector.py MODEL_FOLDER FILE.gguf VECTOR.safetensors C_VALUES C_KEYS "QUESTION" """
import json
import sys

import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache


@torch.no_grad()
def steered(model, prompt_ids, offset_id, vector, c_values, c_keys, max_new_tokens=64):
    """Greedy ids after `prompt_ids` and the offset token; the edit is at the prompt's last token, layers 1 and up."""
    with safe_open(vector, "pt") as file:
        unrotated = json.loads(file.metadata()["kvsteer.keys"])["rope"] == "unrotated"
        keys, values = file.get_tensor("keys"), file.get_tensor("values")  # [L, H, D] each
    cache, last = DynamicCache(config=model.config), len(prompt_ids) - 1
    model(torch.tensor([prompt_ids]), past_key_values=cache, logits_to_keep=1)
    if unrotated:  # RoPE on, at the edited position: transformers caches rotated keys
        cos, sin = model.model.rotary_emb(keys, torch.tensor([[last]]))  # [1, 1, D] each
        x, y = keys.chunk(2, dim=-1)
        keys = keys * cos + torch.cat((-y, x), dim=-1) * sin
    for layer in range(1, len(keys)):
        cache.layers[layer].keys[0, :, last] += c_keys * keys[layer]
        cache.layers[layer].values[0, :, last] += c_values * values[layer]
    ids = torch.tensor([[*prompt_ids, offset_id]])
    out = model.generate(ids, past_key_values=cache, max_new_tokens=max_new_tokens, do_sample=False)
    return out[0, ids.shape[1] :].tolist()


if __name__ == "__main__":
    folder, gguf, vector, c_values, c_keys, question = sys.argv[1:]
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=gguf, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=gguf)
    chat = [{"role": "user", "content": question}]
    prompt_ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)
    newline = tokenizer.encode("\n", add_special_tokens=False)[0]
    print(tokenizer.decode(steered(model, prompt_ids, newline, vector, float(c_values), float(c_keys))))
