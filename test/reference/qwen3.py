"""Independent reference of Qwen3 and Qwen3-MoE in plain PyTorch (CPU, any dtype).

Written from the architecture's description, without any of the project's TypeScript or WGSL, so that it can
witness them. Materialises everything (scores are T x T): only for short sequences.

Shapes: T tokens, C hidden, H query heads, K kv heads, D head dim, I expert width, E experts, k per token.
"""
import math

import torch


def rope_inverse_frequencies(config, dtype):
    """[D/2] inverse frequencies and the factor on cos and sin: default, linear and YaRN scaling."""
    dim = config["head_dim"]
    theta = config["rope_theta"]
    base = 1.0 / (theta ** (torch.arange(0, dim, 2, dtype=torch.float64) / dim))
    scaling = config.get("rope_scaling")
    if not scaling or scaling.get("rope_type", scaling.get("type")) == "default":
        return base.to(dtype), 1.0
    kind = scaling.get("rope_type", scaling.get("type"))
    factor = scaling["factor"]
    if kind == "linear":
        return (base / factor).to(dtype), 1.0
    assert kind == "yarn", kind
    original = scaling["original_max_position_embeddings"]

    def turns_to_dimension(turns):
        return dim * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(theta))

    low = max(math.floor(turns_to_dimension(scaling.get("beta_fast", 32))), 0)
    high = min(math.ceil(turns_to_dimension(scaling.get("beta_slow", 1))), dim - 1)
    if low == high:
        high += 0.001
    ramp = ((torch.arange(dim // 2, dtype=torch.float64) - low) / (high - low)).clamp(0, 1)
    inverse = ramp * base / factor + (1 - ramp) * base
    attention = scaling.get("attention_factor") or (0.1 * math.log(factor) + 1.0 if factor > 1 else 1.0)
    return inverse.to(dtype), attention


def rms_norm(x, weight, eps):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    turned = torch.cat((-x[..., half:], x[..., :half]), -1)
    return x * cos + turned * sin


def is_moe_layer(config, layer):
    return (
        config.get("num_experts", 0) > 0
        and layer not in config.get("mlp_only_layers", [])
        and (layer + 1) % config.get("decoder_sparse_step", 1) == 0
    )


class Qwen3:
    """A checkpoint's weights (name -> tensor) with a forward pass that can record what happened inside."""

    def __init__(self, config, weights, adapters=None):
        self.config = config
        self.weights = weights
        # name of a linear layer -> (A [r, in], B [out, r], scale)
        self.adapters = adapters or {}

    def linear(self, x, name):
        y = x @ self.weights[name + ".weight"].T
        bias = self.weights.get(name + ".bias")
        if bias is not None:
            y = y + bias
        if name in self.adapters:
            a, b, scale = self.adapters[name]
            y = y + scale * ((x @ a.T) @ b.T)
        return y

    def mlp(self, x, name):
        gate = torch.nn.functional.silu(self.linear(x, name + ".gate_proj"))
        return self.linear(gate * self.linear(x, name + ".up_proj"), name + ".down_proj")

    def moe(self, x, name, record):
        c = self.config
        k = c["num_experts_per_tok"]
        router_logits = self.linear(x, name + ".gate")
        probabilities = torch.softmax(router_logits, -1)
        chosen_weight, chosen = torch.topk(probabilities, k, -1)
        if c["norm_topk_prob"]:
            chosen_weight = chosen_weight / chosen_weight.sum(-1, keepdim=True)
        record.setdefault("router_logits", []).append(router_logits)
        record.setdefault("router_indices", []).append(chosen)
        record.setdefault("router_weights", []).append(chosen_weight)
        out = torch.zeros_like(x)
        for expert in range(c["num_experts"]):
            rows, slots = (chosen == expert).nonzero(as_tuple=True)
            if rows.numel() == 0:
                continue
            y = self.mlp(x[rows], f"{name}.experts.{expert}")
            out = out.index_add(0, rows, y * chosen_weight[rows, slots].unsqueeze(-1))
        return out

    def slides(self, layer):
        c = self.config
        if not c.get("use_sliding_window"):
            return False
        if c.get("layer_types"):
            return c["layer_types"][layer] == "sliding_attention"
        return c["model_type"] == "qwen3_moe" or layer >= c.get("max_window_layers", 0)

    def attention(self, x, name, layer, positions, segments, record):
        c = self.config
        heads, kv_heads, dim = c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"]
        count = x.shape[0]
        eps = c["rms_norm_eps"]
        q = self.linear(x, name + ".q_proj").view(count, heads, dim)
        key = self.linear(x, name + ".k_proj").view(count, kv_heads, dim)
        value = self.linear(x, name + ".v_proj").view(count, kv_heads, dim)
        q = rms_norm(q, self.weights[name + ".q_norm.weight"], eps)
        key = rms_norm(key, self.weights[name + ".k_norm.weight"], eps)
        inverse, factor = rope_inverse_frequencies(c, x.dtype)
        angles = positions.to(x.dtype)[:, None] * inverse[None, :]
        cos = (torch.cat((angles, angles), -1).cos() * factor)[:, None, :]
        sin = (torch.cat((angles, angles), -1).sin() * factor)[:, None, :]
        q, key = rotate(q, cos, sin), rotate(key, cos, sin)
        group = heads // kv_heads
        key_all = key.repeat_interleave(group, 1)
        value_all = value.repeat_interleave(group, 1)
        scores = torch.einsum("ihd,jhd->hij", q, key_all) * dim**-0.5
        i = torch.arange(count)[:, None]
        j = torch.arange(count)[None, :]
        allowed = (j <= i) & (segments[:, None] == segments[None, :])
        if self.slides(layer):
            allowed = allowed & (i - j < c["sliding_window"])
        scores = scores.masked_fill(~allowed, float("-inf"))
        weights = torch.softmax(scores, -1)
        record.setdefault("attention", []).append(weights)
        out = torch.einsum("hij,jhd->ihd", weights, value_all).reshape(count, heads * dim)
        return self.linear(out, name + ".o_proj")

    def forward(self, ids, positions=None, segments=None, record=None):
        """ids [T] -> logits [T, V]. `segments` [T] numbers packed documents (block-diagonal attention)."""
        c = self.config
        record = {} if record is None else record
        positions = torch.arange(len(ids)) if positions is None else positions
        segments = torch.zeros(len(ids), dtype=torch.long) if segments is None else segments
        x = self.weights["model.embed_tokens.weight"][ids]
        for layer in range(c["num_hidden_layers"]):
            name = f"model.layers.{layer}"
            normed = rms_norm(x, self.weights[name + ".input_layernorm.weight"], c["rms_norm_eps"])
            x = x + self.attention(normed, name + ".self_attn", layer, positions, segments, record)
            normed = rms_norm(x, self.weights[name + ".post_attention_layernorm.weight"], c["rms_norm_eps"])
            block = self.moe(normed, name + ".mlp", record) if is_moe_layer(c, layer) else self.mlp(normed, name + ".mlp")
            x = x + block
            record.setdefault("hidden", []).append(x)
        x = rms_norm(x, self.weights["model.norm.weight"], c["rms_norm_eps"])
        head = self.weights.get("lm_head.weight", self.weights["model.embed_tokens.weight"])
        return x @ head.T

    def greedy(self, ids, count):
        """`count` greedy tokens after `ids`, and the smallest margin between the best two logits on the way."""
        ids = list(ids)
        margin = math.inf
        for _ in range(count):
            best = torch.topk(self.forward(torch.tensor(ids))[-1], 2)
            margin = min(margin, float(best.values[0] - best.values[1]))
            ids.append(int(best.indices[0]))
        return ids[-count:], margin
