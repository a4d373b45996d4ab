"""The shipped files: the GGUF reads back as the rounded checkpoint, and parity.json is what it computes."""

import json

import gguf
import numpy as np
import pytest
import torch

from .decode import last_logits
from .export import MODEL, PARITY, halve, interleave, read_gguf, write_gguf
from .model import TinyLlama
from .quantise import q8_0_bytes, round_to_q8_0


def test_interleaving_is_undone_by_halving():
    rows = np.arange(64 * 3, dtype=np.float32).reshape(64, 3)
    assert (halve(interleave(rows, 32), 32) == rows).all()
    # llama.cpp rotates rows 2i and 2i+1 together, the checkpoint rows i and i+16.
    assert (interleave(rows, 32)[[0, 1]] == rows[[0, 16]]).all()


def test_q8_0_bytes_are_those_of_the_gguf_package():
    values = np.random.default_rng(1).normal(size=(8, 64)).astype(np.float32)
    assert (q8_0_bytes(values) == gguf.quants.quantize(values, gguf.GGMLQuantizationType.Q8_0)).all()


def test_a_written_model_reads_back_as_its_rounded_self(tmp_path):
    torch.manual_seed(0)
    model = TinyLlama().eval()
    write_gguf(model, tmp_path / "model.gguf")
    again = read_gguf(tmp_path / "model.gguf")
    round_to_q8_0(model)
    ids = [1, 300, 200, 100]
    assert torch.equal(last_logits(model, ids), last_logits(again, ids))


@pytest.mark.skipif(not PARITY.exists(), reason="nothing exported yet")
def test_the_shipped_model_computes_its_parity_file():
    model = read_gguf(MODEL)
    for case in json.loads(PARITY.read_text())["cases"]:
        assert np.allclose(last_logits(model, case["ids"]).numpy(), case["logits"], atol=1e-3)
