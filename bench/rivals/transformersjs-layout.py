"""Makes the model folders that two rivals read.

  transformersjs/  config.json and onnx/model_q4.onnx, in the layout of Transformers.js: kvsteer's float32 graph with
                   attention_mask and num_logits_to_keep in front and a growing past, its products then quantised by
                   ONNX Runtime's own tool (MatMulNBits, blocks of 32, symmetric, 8-bit activations: its fastest).
  pytorch/         the GGUF dequantised by transformers, as safetensors.

usage: transformersjs-layout.py GRAPH_FOLDER GGUF OUT
"""

import json
import logging
import sys
from pathlib import Path

import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer


def transformersjs_graph(folder: Path) -> onnx.ModelProto:
    model = onnx.load(folder / "model.onnx")
    graph = model.graph
    shape = json.loads((folder / "graph.json").read_text())["model"]

    replaced = ("seqlens_k", "total_sequence_length", "logits_at")
    kept = [value for value in graph.input if value.name not in replaced]
    for value in [*kept, *graph.output]:
        dims = value.type.tensor_type.shape.dim
        for dim, name in zip(dims, ("batch_size", "sequence_length")):
            if dim.dim_param:
                dim.dim_param = name
        if value.name.startswith("past_key_values."):
            dims[2].dim_param = "past_sequence_length"
        if value.name.startswith("present."):
            dims[2].dim_param = "total_sequence_length_"
    del graph.input[:]
    graph.input.extend(
        [
            *kept,
            helper.make_tensor_value_info("attention_mask", TensorProto.INT64, ["batch_size", "total"]),
            helper.make_tensor_value_info("num_logits_to_keep", TensorProto.INT64, []),
        ]
    )
    for value in graph.output:
        if value.name == "logits":
            value.CopyFrom(
                helper.make_tensor_value_info(
                    "logits", TensorProto.FLOAT, ["batch_size", "kept", shape["vocabSize"]]
                )
            )

    def integers(name: str, values: list[int]) -> str:
        graph.initializer.append(helper.make_tensor(name, TensorProto.INT64, [len(values)], values))
        return name

    one = integers("mask.one", [1])
    front = [
        helper.make_node("ReduceSum", ["attention_mask", one], ["mask.sum"], keepdims=0),
        helper.make_node("Sub", ["mask.sum", one], ["mask.last"]),
        helper.make_node("Cast", ["mask.last"], ["seqlens_k"], to=TensorProto.INT32),
        helper.make_node("Shape", ["attention_mask"], ["mask.total"], start=1),
        helper.make_node("Cast", ["mask.total"], ["total_sequence_length"], to=TensorProto.INT32),
        helper.make_node("Reshape", ["num_logits_to_keep", one], ["keep.count"]),
        helper.make_node("Neg", ["keep.count"], ["keep.from"]),
    ]

    # the last num_logits_to_keep positions of every row, in place of logits_at
    cut = helper.make_node(
        "Slice", ["asked.sum", "keep.from", integers("keep.end", [2**62]), one], ["asked"]
    )
    nodes = []
    for node in graph.node:
        if node.output[0] == "asked.rows":
            continue
        if node.output[0] == "asked":
            node = cut
        if node.output[0] == "logits":
            tied = next(tensor for tensor in graph.initializer if tensor.name == node.input[1])
            table = numpy_helper.to_array(tied)  # [V, C]
            graph.initializer.append(numpy_helper.from_array(table.T.copy(), "lm_head.weight"))
            node = helper.make_node("MatMul", ["finalNorm", "lm_head.weight"], ["logits"], name="lm_head")
        nodes.append(node)
    del graph.node[:]
    graph.node.extend([*front, *nodes])
    used = {name for node in nodes for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name == "output.weight"]:
        if tensor.name not in used:
            graph.initializer.remove(tensor)
    return model


def write_transformersjs(graph_folder: Path, out: Path) -> None:
    quantizer = MatMulNBitsQuantizer(
        transformersjs_graph(graph_folder), block_size=32, is_symmetric=True, accuracy_level=4
    )
    quantizer.process()
    (out / "onnx").mkdir(parents=True, exist_ok=True)
    quantizer.model.save_model_to_file(str(out / "onnx" / "model_q4.onnx"), use_external_data_format=False)
    shape = json.loads((graph_folder / "graph.json").read_text())["model"]
    # no eos_token_id: the benchmark decodes a fixed number of tokens
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": shape["hidden"],
        "head_dim": shape["headDim"],
        "num_attention_heads": shape["heads"],
        "num_key_value_heads": shape["kvHeads"],
        "num_hidden_layers": shape["layers"],
        "vocab_size": shape["vocabSize"],
        "max_position_embeddings": shape["contextLength"],
        "rope_theta": shape["rope"]["theta"],
    }
    (out / "config.json").write_text(json.dumps(config, indent=2))


def write_pytorch(gguf: Path, out: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    # what transformers dequantised is saved as the plain float32 model that it now is
    del model.config.quantization_config
    model.hf_quantizer = None
    model.is_quantized = False
    model.save_pretrained(out)


if __name__ == "__main__":
    logging.disable(logging.INFO)
    graph_folder, gguf, out = (Path(argument) for argument in sys.argv[1:4])
    write_transformersjs(graph_folder, out / "transformersjs")
    write_pytorch(gguf, out / "pytorch")
