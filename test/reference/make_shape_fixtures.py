"""One layer at the true shapes of Qwen3-0.6B and of Qwen3-30B-A3B, as the reference computes it in f64.

    /usr/bin/python3 test/reference/make_shape_fixtures.py

Writes test/fixtures/reference/shape-<variant>.safetensors + .json. The weights are too large to keep: each run of 4,096
numbers of a tensor is a piece of one random table, from a place that a hash of the tensor's name and the run's
number tells; test/helpers/hashedCheckpoint.ts makes the same ones while loading. They are small integers times a
power of two, with one of magnitude 8 in every 32 columns, so that f16 and int4 (per 32 block) hold them without
rounding; those of the vocabulary have one of 127 / 16, so that int8 does. Needs Debian's python3-torch.
"""
import json
import math
import os
import sys

import numpy as np
import torch

sys.path.insert(0, os.path.dirname(__file__))
import safetensors_file  # noqa: E402
from qwen3 import Qwen3  # noqa: E402

torch.set_num_threads(1)
HERE = os.path.dirname(os.path.abspath(__file__))
RESULTS = os.path.join(HERE, "../fixtures/reference")

COMMON = {
    "hidden_act": "silu",
    "attention_bias": False,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1000000.0,
    "rope_scaling": None,
    "max_position_embeddings": 40960,
    "num_hidden_layers": 1,
    "head_dim": 128,
}
VARIANTS = {
    "0.6b": {
        **COMMON,
        "model_type": "qwen3",
        "vocab_size": 151936,
        "hidden_size": 1024,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "intermediate_size": 3072,
        "tie_word_embeddings": True,
    },
    "30b-a3b": {
        **COMMON,
        "model_type": "qwen3_moe",
        # The layer is what is tested; the vocabulary of true size is in the other variant.
        "vocab_size": 4096,
        "hidden_size": 2048,
        "num_attention_heads": 32,
        "num_key_value_heads": 4,
        "intermediate_size": 6144,
        "moe_intermediate_size": 768,
        "num_experts": 128,
        "num_experts_per_tok": 8,
        "norm_topk_prob": True,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
        "tie_word_embeddings": False,
    },
}


def seed_of(name):
    """FNV-1a of the tensor's name."""
    seed = 2166136261
    for byte in name.encode():
        seed = ((seed ^ byte) * 16777619) & 0xFFFFFFFF
    return seed


def is_vocabulary(name):
    return "embed_tokens" in name or "lm_head" in name


RUN = 4096
TABLE = 1 << 20


def scrambled(x):
    """Bits of u32 values, mixed."""
    x = x * np.uint32(2654435761)
    x ^= x >> np.uint32(15)
    x = x * np.uint32(2246822519)
    return x ^ (x >> np.uint32(13))


def make_table():
    index = np.arange(TABLE, dtype=np.uint32)
    x = scrambled(index)
    values = (x % np.uint32(15)).astype(np.float64) - 7
    extreme = index % np.uint32(32) == 0
    values[extreme] = np.where(x[extreme] & np.uint32(1), 8.0, -8.0)
    return values


NUMBERS = make_table()


def hashed(name, first, count):
    """Numbers first ... first + count - 1 of a tensor, from -8 to 8."""
    runs = np.arange(first // RUN, (first + count - 1) // RUN + 1, dtype=np.uint32)
    places = scrambled(runs + np.uint32(seed_of(name))) % np.uint32((TABLE - RUN) // 32) * 32
    values = np.concatenate([NUMBERS[place : place + RUN] for place in places])
    values = values[first % RUN : first % RUN + count]
    if is_vocabulary(name):
        values = np.where(np.abs(values) == 8, np.sign(values) * 127 / 16, values)
    return values


def scale_of(name, shape):
    if len(shape) == 1:
        return 1 / 64
    if "embed_tokens" in name:
        return 1 / 4
    return 2.0 ** round(math.log2(1.4 / math.sqrt(shape[-1]) / 4.3))


def rows_of(name, shape, first, count):
    width = shape[-1] if len(shape) > 1 else 1
    values = hashed(name, first * width, count * width) * scale_of(name, shape)
    if len(shape) == 1:
        return torch.from_numpy(1 + values)
    return torch.from_numpy(values.reshape(count, width))


class SomeRows:
    """The embedding or the head, of which only the rows asked for are made."""

    def __init__(self, name, shape, logit_rows):
        self.name, self.shape, self.logit_rows = name, shape, logit_rows

    def __getitem__(self, ids):
        return torch.cat([rows_of(self.name, self.shape, int(i), 1) for i in ids])

    @property
    def T(self):
        return self[self.logit_rows].T


class HashedWeights:
    """name -> tensor, made when asked for."""

    def __init__(self, config, logit_rows):
        self.config, self.logit_rows = config, logit_rows

    def shape(self, name):
        c = self.config
        hidden, dim = c["hidden_size"], c["head_dim"]
        heads, kv = c["num_attention_heads"] * dim, c["num_key_value_heads"] * dim
        width = c["moe_intermediate_size"] if ".experts." in name else c["intermediate_size"]
        for ending, shape in (
            ("layernorm.weight", (hidden,)),
            ("model.norm.weight", (hidden,)),
            ("_norm.weight", (dim,)),
            ("q_proj.weight", (heads, hidden)),
            ("k_proj.weight", (kv, hidden)),
            ("v_proj.weight", (kv, hidden)),
            ("o_proj.weight", (hidden, heads)),
            ("mlp.gate.weight", (c.get("num_experts"), hidden)),
            ("gate_proj.weight", (width, hidden)),
            ("up_proj.weight", (width, hidden)),
            ("down_proj.weight", (hidden, width)),
            ("embed_tokens.weight", (c["vocab_size"], hidden)),
            ("lm_head.weight", (c["vocab_size"], hidden)),
        ):
            if name.endswith(ending):
                return shape
        return None

    def __getitem__(self, name):
        shape = self.shape(name)
        if is_vocabulary(name):
            return SomeRows(name, shape, self.logit_rows)
        return rows_of(name, shape, 0, shape[0])

    def get(self, name, default=None):
        if name.endswith(".bias") or (name == "lm_head.weight" and self.config["tie_word_embeddings"]):
            return default
        return self[name]


def main():
    for variant, config in VARIANTS.items():
        vocabulary = config["vocab_size"]
        ids = [0, vocabulary - 1, 7, vocabulary // 2, vocabulary // 3, 1, 100, 4000, 5]
        # Evenly over the vocabulary, so that every part of a split matrix is met.
        logit_rows = [int(i) for i in np.linspace(0, vocabulary - 1, 64)]
        record = {}
        model = Qwen3(config, HashedWeights(config, logit_rows))
        logits = model.forward(torch.tensor(ids), record=record)
        tensors = {
            "ids": torch.tensor(ids, dtype=torch.int32),
            "logit_rows": torch.tensor(logit_rows, dtype=torch.int32),
            "logits": logits.to(torch.float32),
            "hidden": record["hidden"][0].to(torch.float32),
        }
        summary = {"config": config}
        if "router_logits" in record:
            k = config["num_experts_per_tok"]
            ordered = torch.sort(record["router_logits"][0], -1, descending=True).values
            summary["router_margin"] = float((ordered[:, k - 1] - ordered[:, k]).min())
            tensors["router_indices"] = record["router_indices"][0].to(torch.int32)
            tensors["router_weights"] = record["router_weights"][0].to(torch.float32)
        base = os.path.join(RESULTS, "shape-" + variant)
        safetensors_file.save(base + ".safetensors", tensors)
        with open(base + ".json", "w") as file:
            json.dump(summary, file, indent=1)
            file.write("\n")
        print(variant, "logits", float(logits.min()), float(logits.max()), "hidden", float(record["hidden"][0].abs().max()), summary.get("router_margin"))


main()
