"""
Qwen3-MoE in PyTorch for training on a CPU: matrix products in bfloat16 (AMX where the processor has it),
norms, softmax, router and residual stream in float32. Same arithmetic as the Hugging Face class.
Letters: N tokens of a batch, B rows, T row length, C hidden, H query heads, K kv heads, D head dim, E experts.
"""
import json
import math

import torch
import torch.nn.functional as F

CONFIG = {
    "architectures": ["Qwen3MoeForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "decoder_sparse_step": 1,
    "head_dim": 64,
    "hidden_act": "silu",
    "hidden_size": 192,
    "initializer_range": 0.02,
    "intermediate_size": 256,
    "max_position_embeddings": 4096,
    "mlp_only_layers": [],
    "model_type": "qwen3_moe",
    "moe_intermediate_size": 64,
    "norm_topk_prob": True,
    "num_attention_heads": 4,
    "num_experts": 8,
    "num_experts_per_tok": 2,
    "num_hidden_layers": 5,
    "num_key_value_heads": 2,
    "output_router_logits": False,
    "rms_norm_eps": 1e-6,
    "rope_scaling": None,
    "rope_theta": 10000000.0,
    "router_aux_loss_coef": 0.001,
    "sliding_window": None,
    "tie_word_embeddings": False,
    "torch_dtype": "float16",
    "use_cache": True,
    "use_sliding_window": False,
    "vocab_size": 2048,
}


class MatMul(torch.autograd.Function):
    """x [N, in] float32 or bfloat16, weight [out, in] float32 → [N, out] in the dtype of x, multiplied in bfloat16."""

    @staticmethod
    def forward(ctx, x, weight):
        xb, wb = x.bfloat16(), weight.bfloat16()
        ctx.save_for_backward(xb, wb)
        ctx.dtype = x.dtype
        return F.linear(xb, wb).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        xb, wb = ctx.saved_tensors
        dyb = dy.bfloat16()
        return (dyb @ wb).to(ctx.dtype), (dyb.t() @ xb).float()


class GroupedMatMul(torch.autograd.Function):
    """Rows sorted by expert: x [N, in] bfloat16, weight [E, out, in] float32, counts of rows per expert → [N, out]."""

    @staticmethod
    def forward(ctx, x, weight, counts):
        wb = weight.bfloat16()
        ctx.save_for_backward(x, wb)
        ctx.counts = counts
        return torch.cat([F.linear(part, wb[e]) for e, part in enumerate(x.split(counts))])

    @staticmethod
    def backward(ctx, dy):
        x, wb = ctx.saved_tensors
        dy = dy.bfloat16()
        parts = list(zip(dy.split(ctx.counts), x.split(ctx.counts)))
        dx = torch.cat([d @ wb[e] for e, (d, _) in enumerate(parts)])
        dw = torch.stack([d.t() @ part for d, part in parts]).float()
        return dx, dw, None


def exact_mm(x, weight):
    return x @ weight.t()


class Model:
    def __init__(self, config, exact=False):
        """`exact`: everything in float32 (or float64), for comparing with other implementations."""
        self.config = c = config
        self.exact = exact
        L, C, H, K, D = (c[k] for k in ("num_hidden_layers", "hidden_size", "num_attention_heads", "num_key_value_heads", "head_dim"))
        E, I, V = c["num_experts"], c["moe_intermediate_size"], c["vocab_size"]
        shapes = {"embed": (V, C), "head": (V, C), "norm": (C,)}
        for i in range(L):
            shapes.update({
                f"{i}.norm1": (C,), f"{i}.norm2": (C,), f"{i}.q": (H * D, C), f"{i}.k": (K * D, C), f"{i}.v": (K * D, C),
                f"{i}.o": (C, H * D), f"{i}.qn": (D,), f"{i}.kn": (D,), f"{i}.router": (E, C),
                f"{i}.gate_up": (E, 2 * I, C), f"{i}.down": (E, C, I),
            })
        self.flat = torch.zeros(sum(math.prod(s) for s in shapes.values()))
        self.grad = torch.zeros_like(self.flat)
        self.p, self.spans, at = {}, {}, 0
        for name, shape in shapes.items():
            size = math.prod(shape)
            self.p[name] = self.flat[at:at + size].view(shape).requires_grad_()
            self.p[name].grad = self.grad[at:at + size].view(shape)
            self.spans[name] = (at, at + size)
            at += size

    def rope(self, T):
        D = self.config["head_dim"]
        inverse = 1.0 / self.config["rope_theta"] ** (torch.arange(0, D, 2, dtype=torch.float32) / D)
        angles = torch.arange(T, dtype=torch.float32)[:, None] * inverse[None]
        return torch.cat([angles.cos()] * 2, 1), torch.cat([angles.sin()] * 2, 1)

    def rms(self, x, weight):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.config["rms_norm_eps"]) * weight

    def attention(self, x, i, B, T, cos, sin, mask):
        c, p = self.config, self.p
        H, K, D = c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"]
        if self.exact:
            q, k, v = (exact_mm(x, p[f"{i}.{n}"]) for n in "qkv")
        else:
            xb = x.bfloat16()
            qkv = MatMul.apply(xb, torch.cat([p[f"{i}.q"], p[f"{i}.k"], p[f"{i}.v"]]))
            q, k, v = qkv.split([H * D, K * D, K * D], 1)
        # Queries and keys go through norm and rotation together: [B, T, H + K, D].
        scale = torch.cat([(p[f"{i}.qn"] * D ** -0.5).expand(H, D), p[f"{i}.kn"].expand(K, D)])
        qk = torch.cat([q.reshape(B, T, H, D), k.reshape(B, T, K, D)], 2)
        qk = self.rms(qk if self.exact else qk.float(), scale)
        left, right = qk.chunk(2, -1)
        c_, s_ = cos[:T, None, :D // 2], sin[:T, None, :D // 2]
        qk = torch.cat([left * c_ - right * s_, right * c_ + left * s_], -1)
        if not self.exact:
            qk = qk.bfloat16()
        qk = qk.transpose(1, 2)
        # One kv head serves H / K query heads: their rows are stacked along T.
        q = qk[:, :H].reshape(B * K, (H // K) * T, D)
        k = qk[:, H:].reshape(B * K, T, D)
        v = v.reshape(B, T, K, D).transpose(1, 2).reshape(B * K, T, D)
        scores = torch.bmm(q, k.transpose(1, 2)).view(B * K, H // K, T, T) + mask[:T, :T]
        weights = torch.softmax(scores, -1).view(B * K, (H // K) * T, T)
        out = torch.bmm(weights, v).view(B, H, T, D).transpose(1, 2).reshape(B * T, H * D)
        return exact_mm(out, p[f"{i}.o"]) if self.exact else MatMul.apply(out, p[f"{i}.o"]).float()

    def moe(self, x, i, stats):
        c, p = self.config, self.p
        E, k = c["num_experts"], c["num_experts_per_tok"]
        logits = x @ p[f"{i}.router"].t()
        probs = torch.softmax(logits.float() if not self.exact else logits, -1)
        weights, chosen = probs.topk(k, -1)
        weights = weights / weights.sum(-1, keepdim=True)
        flat = chosen.flatten()
        order = torch.argsort(flat, stable=True)
        counts = torch.bincount(flat, minlength=E)
        stats.append((counts, probs.mean(0), torch.logsumexp(logits, -1).square().mean()))
        inverse = torch.empty_like(order)
        inverse[order] = torch.arange(len(order))
        rows = (x if self.exact else x.bfloat16()).index_select(0, order // k)
        if self.exact:
            parts = rows.split(counts.tolist())
            gu = torch.cat([exact_mm(part, p[f"{i}.gate_up"][e]) for e, part in enumerate(parts)])
        else:
            gu = GroupedMatMul.apply(rows, p[f"{i}.gate_up"], counts.tolist())
        gate, up = gu.chunk(2, -1)
        h = F.silu(gate) * up
        if self.exact:
            y = torch.cat([exact_mm(part, p[f"{i}.down"][e]) for e, part in enumerate(h.split(counts.tolist()))])
        else:
            y = GroupedMatMul.apply(h, p[f"{i}.down"], counts.tolist())
        y = y.index_select(0, inverse).view(len(x), k, -1)
        if not self.exact:
            y = y.float()
        return (y * weights[:, :, None]).sum(1)

    def forward(self, ids, picked=None):
        """ids [B, T]; `picked` flat positions whose logits are wanted (all when None) → logits, router statistics."""
        B, T = ids.shape
        p = self.p
        x = F.embedding(ids.flatten(), p["embed"])
        cos, sin = (t.to(x.dtype) for t in self.rope(T))
        mask = torch.full((T, T), -1e4, dtype=x.dtype if self.exact else torch.bfloat16).triu(1)
        stats = []
        for i in range(self.config["num_hidden_layers"]):
            x = x + self.attention(self.rms(x, p[f"{i}.norm1"]), i, B, T, cos, sin, mask)
            x = x + self.moe(self.rms(x, p[f"{i}.norm2"]), i, stats)
        if picked is not None:
            x = x.index_select(0, picked)
        x = self.rms(x, p["norm"])
        logits = exact_mm(x, p["head"]) if self.exact else MatMul.apply(x, p["head"])
        return logits, stats

    def load_exact(self, other):
        self.flat = self.flat.to(torch.float64)
        for name, (a, b) in self.spans.items():
            self.p[name] = other.flat[a:b].to(torch.float64).view(self.p[name].shape)


def balance_loss(stats, k):
    """The load-balancing loss of the Hugging Face class over all layers together, and the z-loss."""
    E = stats[0][1].numel()
    counts = sum(s[0] for s in stats).float()
    share = counts / (counts.sum() / k)
    mean = sum(s[1] for s in stats) / len(stats)
    per_layer = sum(E * ((s[0].float() / s[0].sum() * k) * s[1]).sum() for s in stats) / len(stats)
    return E * (share * mean).sum(), per_layer, sum(s[2] for s in stats) / len(stats)


def names_of(model):
    """Hugging Face tensor names with their tensors, experts one by one."""
    c, p = model.config, model.p
    I = c["moe_intermediate_size"]
    yield "model.embed_tokens.weight", p["embed"]
    yield "lm_head.weight", p["head"]
    yield "model.norm.weight", p["norm"]
    for i in range(c["num_hidden_layers"]):
        at = f"model.layers.{i}."
        yield at + "input_layernorm.weight", p[f"{i}.norm1"]
        yield at + "post_attention_layernorm.weight", p[f"{i}.norm2"]
        for n in "qkvo":
            yield at + f"self_attn.{n}_proj.weight", p[f"{i}.{n}"]
        yield at + "self_attn.q_norm.weight", p[f"{i}.qn"]
        yield at + "self_attn.k_norm.weight", p[f"{i}.kn"]
        yield at + "mlp.gate.weight", p[f"{i}.router"]
        for e in range(c["num_experts"]):
            yield at + f"mlp.experts.{e}.gate_proj.weight", p[f"{i}.gate_up"][e, :I]
            yield at + f"mlp.experts.{e}.up_proj.weight", p[f"{i}.gate_up"][e, I:]
            yield at + f"mlp.experts.{e}.down_proj.weight", p[f"{i}.down"][e]


def write_safetensors(path, tensors, metadata):
    header, blobs, at = {"__metadata__": metadata}, [], 0
    for name, tensor in tensors:
        data = tensor.detach().contiguous().numpy().tobytes()
        kind = {torch.float16: "F16", torch.float32: "F32"}[tensor.dtype]
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [at, at + len(data)]}
        blobs.append(data)
        at += len(data)
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    with open(path, "wb") as file:
        file.write(len(head).to_bytes(8, "little") + head)
        for blob in blobs:
            file.write(blob)


def read_safetensors(path):
    """Tensors of a file by name, in float32."""
    kinds = {"F16": torch.float16, "F32": torch.float32}
    with open(path, "rb") as file:
        data = file.read()
    start = 8 + int.from_bytes(data[:8], "little")
    out = {}
    for name, entry in json.loads(data[8:start]).items():
        if name == "__metadata__":
            continue
        a, b = entry["data_offsets"]
        out[name] = torch.frombuffer(bytearray(data[start + a:start + b]), dtype=kinds[entry["dtype"]]).view(entry["shape"]).float()
    return out


def load_weights(model, folder):
    """Gives a model the weights of a checkpoint folder."""
    stored = read_safetensors(f"{folder}/model.safetensors")
    with torch.no_grad():
        for name, tensor in names_of(model):
            tensor.copy_(stored[name])
