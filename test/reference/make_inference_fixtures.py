"""Makes the tiny random checkpoints and what the reference says about them.

    /usr/bin/python3 test/reference/make_inference_fixtures.py

Writes test/fixtures/models/<name>/ (Hugging Face layout) and test/fixtures/reference/<variant>.safetensors +
.json. Weights are drawn in one stream from a fixed seed; every result is computed in f64 and stored in f32.
Needs Debian's python3-torch.
"""
import json
import math
import os
import sys

import torch

sys.path.insert(0, os.path.dirname(__file__))
import safetensors_file  # noqa: E402
from qwen3 import Qwen3, is_moe_layer  # noqa: E402

torch.set_num_threads(1)
HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = os.path.join(HERE, "../fixtures/models")
RESULTS = os.path.join(HERE, "../fixtures/reference")

COMMON = {
    "hidden_act": "silu",
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": None,
    "eos_token_id": 312,
    "max_position_embeddings": 40960,
    "initializer_range": 0.02,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1000000.0,
    "rope_scaling": None,
    "use_cache": True,
    "use_sliding_window": False,
    "sliding_window": None,
    "torch_dtype": "float32",
    "vocab_size": 320,
}
DENSE = {
    "architectures": ["Qwen3ForCausalLM"],
    "model_type": "qwen3",
    **COMMON,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "intermediate_size": 96,
    "max_window_layers": 1,
    "tie_word_embeddings": True,
}
MOE = {
    "architectures": ["Qwen3MoeForCausalLM"],
    "model_type": "qwen3_moe",
    **COMMON,
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "intermediate_size": 96,
    "moe_intermediate_size": 32,
    "num_experts": 8,
    "num_experts_per_tok": 2,
    "norm_topk_prob": True,
    "decoder_sparse_step": 1,
    "mlp_only_layers": [0],
    "router_aux_loss_coef": 0.001,
    "output_router_logits": False,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32, "attention_factor": None}


def make_weights(config, seed, gain=1.6, embedding=0.5):
    """Weights large enough that logits spread over some units, so that greedy choices have margins."""
    def draw(generator, shape, fan_in, scale=gain):
        return torch.randn(shape, generator=generator, dtype=torch.float64) * (scale / math.sqrt(fan_in))

    g = torch.Generator().manual_seed(seed)
    c, d = config["hidden_size"], config["head_dim"]
    heads, kv = config["num_attention_heads"], config["num_key_value_heads"]
    w = {"model.embed_tokens.weight": draw(g, (config["vocab_size"], c), 1, embedding)}

    def norm(name, size):
        w[name] = 1 + 0.2 * torch.randn(size, generator=g, dtype=torch.float64)

    def mlp(name, width):
        w[name + ".gate_proj.weight"] = draw(g, (width, c), c)
        w[name + ".up_proj.weight"] = draw(g, (width, c), c)
        w[name + ".down_proj.weight"] = draw(g, (c, width), width)

    for layer in range(config["num_hidden_layers"]):
        p = f"model.layers.{layer}"
        norm(p + ".input_layernorm.weight", c)
        w[p + ".self_attn.q_proj.weight"] = draw(g, (heads * d, c), c)
        w[p + ".self_attn.k_proj.weight"] = draw(g, (kv * d, c), c)
        w[p + ".self_attn.v_proj.weight"] = draw(g, (kv * d, c), c)
        w[p + ".self_attn.o_proj.weight"] = draw(g, (c, heads * d), heads * d)
        norm(p + ".self_attn.q_norm.weight", d)
        norm(p + ".self_attn.k_norm.weight", d)
        norm(p + ".post_attention_layernorm.weight", c)
        if is_moe_layer(config, layer):
            w[p + ".mlp.gate.weight"] = draw(g, (config["num_experts"], c), c, 2.5)
            for expert in range(config["num_experts"]):
                mlp(f"{p}.mlp.experts.{expert}", config["moe_intermediate_size"])
        else:
            mlp(p + ".mlp", config["intermediate_size"])
    norm("model.norm.weight", c)
    if not config["tie_word_embeddings"]:
        w["lm_head.weight"] = draw(g, (config["vocab_size"], c), c)
    return w


def byte_alphabet():
    """The byte-level BPE alphabet: printable bytes stand for themselves, the rest from U+0100 on."""
    printable = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, extra = {}, 0
    for byte in range(256):
        if byte in printable:
            table[byte] = chr(byte)
        else:
            table[byte] = chr(256 + extra)
            extra += 1
    return [table[byte] for byte in range(256)]


def make_tokenizer():
    """Byte-level BPE of 256 bytes, 55 merges and the chat tokens; ids 311 … 315, rows up to 320 are padding."""
    alphabet = byte_alphabet()
    vocab = {symbol: i for i, symbol in enumerate(alphabet)}
    space = alphabet[32]
    pairs = ["t h", "i n", "e r", "a n", "th e", "r e", "o n", "a t", "e n", "i s", "o r", "in g", "an d", "o u",
             "a l", "s t", "e s", "i t", "a r", "e d", "t i", "ti on", "l e", "o f", "c o", "d e", "r o", "a s",
             "h e", "n o"]
    for word in ["t", "a", "the", "o", "s", "w", "i", "c", "p", "b", "f", "m", "in", "and", "of", "d", "h", "l",
                 "n", "to", "re", "is", "co", "no", "st"]:
        pairs.append(f"{space} {word}")
    pairs.insert(-6, "t o")
    merges = []
    for pair in pairs[:55]:
        left, right = pair.split(" ")
        if left in vocab and right in vocab and left + right not in vocab:
            merges.append([left, right])
            vocab[left + right] = len(vocab)
    while len(vocab) < 311:
        digits = f"{len(vocab):03d}"
        left, right = digits[0], digits[1]
        if left + right not in vocab:
            merges.append([left, right])
            vocab[left + right] = len(vocab)
        else:
            left, right = alphabet[195], alphabet[128 + len(vocab) % 64]
            merges.append([left, right])
            vocab[left + right] = len(vocab)
    added = ["<|endoftext|>", "<|im_end|>", "<|im_start|>", "<think>", "</think>"]
    pattern = (
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
        "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
    )
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": 311 + i, "content": text, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": not text.endswith("think>")}
            for i, text in enumerate(added)
        ],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
        ]},
        "post_processor": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
                  "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": vocab, "merges": [" ".join(merge) for merge in merges]},
    }


CHAT_TEMPLATE = (
    "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)


def write_json(path, value):
    with open(path, "w") as file:
        json.dump(value, file, indent=1, ensure_ascii=False)
        file.write("\n")


def write_checkpoint(name, config, weights, dtype, shards):
    folder = os.path.join(MODELS, name)
    os.makedirs(folder, exist_ok=True)
    write_json(os.path.join(folder, "config.json"), config)
    write_json(os.path.join(folder, "generation_config.json"), {"eos_token_id": [312, 311], "do_sample": False})
    write_json(os.path.join(folder, "tokenizer.json"), make_tokenizer())
    write_json(os.path.join(folder, "tokenizer_config.json"), {
        "tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
        "chat_template": CHAT_TEMPLATE, "model_max_length": 40960})
    stored = {key: tensor.to(dtype) for key, tensor in weights.items()}
    if shards == 1:
        safetensors_file.save(os.path.join(folder, "model.safetensors"), stored, {"format": "pt"})
        return
    names = list(stored)
    index = {"metadata": {"total_size": sum(t.numel() * t.element_size() for t in stored.values())}, "weight_map": {}}
    for shard in range(shards):
        file = f"model-{shard + 1:05d}-of-{shards:05d}.safetensors"
        part = names[shard * len(names) // shards:(shard + 1) * len(names) // shards]
        safetensors_file.save(os.path.join(folder, file), {key: stored[key] for key in part}, {"format": "pt"})
        index["weight_map"].update({key: file for key in part})
    write_json(os.path.join(folder, "model.safetensors.index.json"), index)


def attention_statistics(weights):
    """Per layer [H] means over query tokens: distance, sink-free distance, relative distance, entropy, sink mass."""
    count = weights[0].shape[-1]
    i = torch.arange(count, dtype=torch.float64)[:, None]
    j = torch.arange(count, dtype=torch.float64)[None, :]
    rows = {"meanDistance": [], "relativeDistance": [], "entropy": [], "sinkMass": []}
    for alpha in weights:
        distance = (alpha * (i - j).clamp(min=0)).sum(-1)
        rows["meanDistance"].append(distance.mean(-1))
        rows["relativeDistance"].append((distance[:, 1:] / i[1:, 0]).mean(-1))
        rows["entropy"].append(-(alpha * alpha.clamp(min=1e-300).log()).sum(-1).mean(-1))
        rows["sinkMass"].append(alpha[..., :4].sum(-1).mean(-1))
    return {f"attention.{key}": torch.stack(value) for key, value in rows.items()}


def write_results(variant, model_name, overrides, config, weights, packed=False):
    model = Qwen3({**config, **overrides}, weights)
    g = torch.Generator().manual_seed(7)
    ids = torch.randint(0, 311, (48,), generator=g)
    segments = torch.tensor([0] * 17 + [1] * 20 + [2] * 11) if packed else None
    positions = torch.cat([torch.arange(n) for n in (17, 20, 11)]) if packed else None
    record = {}
    logits = model.forward(ids, positions, segments, record)
    out = {"ids": ids.to(torch.int32), "logits": logits, "hidden": torch.stack(record["hidden"])}
    if "router_indices" in record:
        out["router_indices"] = torch.stack(record["router_indices"]).to(torch.int32)
        out["router_weights"] = torch.stack(record["router_weights"])
        gap = torch.sort(torch.stack(record["router_logits"]), -1, descending=True).values
        k = model.config["num_experts_per_tok"]
        router_margin = float((gap[..., k - 1] - gap[..., k]).min())
    else:
        router_margin = None
    out.update(attention_statistics(record["attention"]))
    summary = {"model": model_name, "overrides": overrides, "packed": packed, "routerMargin": router_margin}
    if packed:
        out["segments"], out["positions"] = segments.to(torch.int32), positions.to(torch.int32)
    else:
        tokens, margin = model.greedy(ids[:16].tolist(), 64)
        summary.update({"greedyPrompt": ids[:16].tolist(), "greedyTokens": tokens, "greedyMargin": margin})
    as_f32 = {key: t.to(torch.float32) if t.dtype == torch.float64 else t for key, t in out.items()}
    safetensors_file.save(os.path.join(RESULTS, variant + ".safetensors"), as_f32)
    write_json(os.path.join(RESULTS, variant + ".json"), summary)
    print(variant, "greedy margin", summary.get("greedyMargin"), "router margin", router_margin,
          "logit std", float(logits.std()))


def main():
    os.makedirs(RESULTS, exist_ok=True)
    dense = {key: t.to(torch.float32).to(torch.float64) for key, t in make_weights(DENSE, 11, 1.5, 0.25).items()}
    moe = {key: t.to(torch.bfloat16).to(torch.float64) for key, t in make_weights(MOE, 25).items()}
    write_checkpoint("tiny-dense", DENSE, dense, torch.float32, 1)
    write_checkpoint("tiny-moe", MOE, moe, torch.bfloat16, 2)
    write_results("dense", "tiny-dense", {}, DENSE, dense)
    write_results("dense-packed", "tiny-dense", {}, DENSE, dense, packed=True)
    write_results("dense-yarn", "tiny-dense", {"rope_scaling": YARN}, DENSE, dense)
    write_results("dense-sliding", "tiny-dense", {"use_sliding_window": True, "sliding_window": 9}, DENSE, dense)
    write_results("moe", "tiny-moe", {}, MOE, moe)
    write_results("moe-packed", "tiny-moe", {}, MOE, moe, packed=True)
    write_results("moe-unnormalised", "tiny-moe", {"norm_topk_prob": False}, MOE, moe)


if __name__ == "__main__":
    main()
