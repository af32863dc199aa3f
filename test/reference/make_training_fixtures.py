"""What PyTorch's autograd and AdamW make of LoRA on the tiny checkpoints.

    /usr/bin/python3 test/reference/make_training_fixtures.py

Reads test/fixtures/models/, writes test/fixtures/reference/train-<variant>.safetensors + .json: adapters as they
start, loss and the gradient of every adapter tensor for one batch, and the losses of 50 AdamW steps with the
adapters at the end. Everything is computed in f64 and stored in f32. Needs Debian's python3-torch.
"""
import json
import math
import os
import sys

import torch

sys.path.insert(0, os.path.dirname(__file__))
import safetensors_file  # noqa: E402
from make_inference_fixtures import MODELS, RESULTS, write_json  # noqa: E402
from qwen3 import Qwen3, is_moe_layer  # noqa: E402

torch.set_num_threads(1)
RANK, ALPHA = 4, 8
COUNT = 40


def load_model(name):
    folder = os.path.join(MODELS, name)
    with open(os.path.join(folder, "config.json")) as file:
        config = json.load(file)
    weights = {}
    for file in sorted(os.listdir(folder)):
        if file.endswith(".safetensors"):
            weights.update(safetensors_file.load(os.path.join(folder, file)))
    return config, {key: tensor.to(torch.float64) for key, tensor in weights.items()}


def target_names(config, router=False):
    names = []
    for layer in range(config["num_hidden_layers"]):
        p = f"model.layers.{layer}"
        names += [f"{p}.self_attn.{x}_proj" for x in "qkvo"]
        mlps = [f"{p}.mlp.experts.{e}" for e in range(config["num_experts"])] if is_moe_layer(config, layer) else [f"{p}.mlp"]
        names += [f"{mlp}.{x}_proj" for mlp in mlps for x in ("gate", "up", "down")]
        if router and is_moe_layer(config, layer):
            names.append(f"{p}.mlp.gate")
    return names


def make_adapters(config, weights, seed, zero_b, router=False):
    """A uniform in ±1/sqrt(in) (Kaiming with a = sqrt 5), B zero or small random."""
    g = torch.Generator().manual_seed(seed)
    adapters = {}
    for name in target_names(config, router):
        out, inner = weights[name + ".weight"].shape
        bound = 1 / math.sqrt(inner)
        a = ((torch.rand((RANK, inner), generator=g, dtype=torch.float64) * 2 - 1) * bound).to(torch.float32)
        b = torch.randn((out, RANK), generator=g, dtype=torch.float64) * 0.05
        b = (torch.zeros_like(b) if zero_b else b).to(torch.float32)
        adapters[name] = (a.to(torch.float64).requires_grad_(), b.to(torch.float64).requires_grad_(), ALPHA / RANK)
    return adapters


def make_batch(seed, packed):
    """ids, labels (-100 where nothing is learnt; labels[i] is the target of position i), segments, positions."""
    g = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 311, (COUNT,), generator=g)
    segments = torch.tensor([0] * 23 + [1] * 17) if packed else torch.zeros(COUNT, dtype=torch.long)
    positions = torch.cat([torch.arange(23), torch.arange(17)]) if packed else torch.arange(COUNT)
    labels = torch.full((COUNT,), -100, dtype=torch.long)
    supervised = torch.rand(COUNT, generator=g) < 0.4
    for i in range(COUNT - 1):
        if supervised[i] and segments[i] == segments[i + 1]:
            labels[i] = ids[i + 1]
    return ids, labels, segments, positions


def batch_loss(model, batch, record=None):
    """Mean cross-entropy over supervised tokens."""
    ids, labels, segments, positions = batch
    logits = model.forward(ids, positions, segments, record)
    kept = labels >= 0
    return torch.nn.functional.cross_entropy(logits[kept], labels[kept])


def balance_loss(config, record):
    """transformers' load_balancing_loss_func without a mask: all layers' tokens together, E * sum of f * P."""
    probabilities = torch.softmax(torch.cat(record["router_logits"]), -1)
    chosen = torch.cat(record["router_indices"])
    hot = torch.nn.functional.one_hot(chosen, config["num_experts"]).to(probabilities.dtype)
    return config["num_experts"] * (hot.mean(0) * probabilities.mean(0)).sum()


def tensors_of(adapters, prefix=""):
    out = {}
    for name, (a, b, _) in adapters.items():
        out[f"{prefix}{name}.lora_A.weight"] = a.detach().to(torch.float32)
        out[f"{prefix}{name}.lora_B.weight"] = b.detach().to(torch.float32)
    return out


def gradients(variant, model_name, packed, overrides=None, router=False, aux=0.0):
    config, weights = load_model(model_name)
    config.update(overrides or {})
    adapters = make_adapters(config, weights, 5, zero_b=False, router=router)
    model = Qwen3(config, weights, adapters)
    batch = make_batch(17, packed)
    record = {}
    loss = batch_loss(model, batch, record)
    balance = balance_loss(config, record) if "router_logits" in record else torch.zeros(())
    (loss + aux * balance).backward()
    out = tensors_of(adapters)
    for name, (a, b, _) in adapters.items():
        for part, tensor in (("lora_A", a), ("lora_B", b)):
            grad = tensor.grad if tensor.grad is not None else torch.zeros_like(tensor)
            out[f"grad.{name}.{part}.weight"] = grad.to(torch.float32)
    out["ids"], out["labels"], out["segments"], out["positions"] = (t.to(torch.int32) for t in batch)
    safetensors_file.save(os.path.join(RESULTS, f"train-{variant}.safetensors"), out)
    write_json(os.path.join(RESULTS, f"train-{variant}.json"), {
        "model": model_name, "rank": RANK, "alpha": ALPHA, "packed": packed, "loss": float(loss),
        "overrides": overrides or {}, "trainRouter": router, "auxLossCoef": aux, "auxLoss": float(balance)})
    print(variant, "loss", float(loss))


def curve(variant, model_name, steps=50):
    """AdamW on four sequences in turn, linear warm-up of 5 steps, clipping at norm 1."""
    config, weights = load_model(model_name)
    adapters = make_adapters(config, weights, 9, zero_b=True)
    model = Qwen3(config, weights, adapters)
    start = tensors_of(adapters, "start.")
    batches = [make_batch(100 + i, packed=False) for i in range(4)]
    parameters = [t for a, b, _ in adapters.values() for t in (a, b)]
    optimiser = torch.optim.AdamW(parameters, lr=1.0, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
    losses, norms = [], []
    for step in range(steps):
        rate = 5e-3 * min(1.0, (step + 1) / 5)
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad()
        loss = batch_loss(model, batches[step % 4])
        loss.backward()
        for p in parameters:
            if p.grad is None:
                p.grad = torch.zeros_like(p)
        norms.append(float(torch.nn.utils.clip_grad_norm_(parameters, 1.0)))
        optimiser.step()
        losses.append(float(loss))
    out = {**start, **tensors_of(adapters, "end.")}
    for i, (ids, labels, _, _) in enumerate(batches):
        out[f"ids.{i}"], out[f"labels.{i}"] = ids.to(torch.int32), labels.to(torch.int32)
    safetensors_file.save(os.path.join(RESULTS, f"curve-{variant}.safetensors"), out)
    write_json(os.path.join(RESULTS, f"curve-{variant}.json"), {
        "model": model_name, "rank": RANK, "alpha": ALPHA, "learningRate": 5e-3, "warmupSteps": 5,
        "weightDecay": 0.01, "maxGradNorm": 1.0, "losses": losses, "gradNorms": norms})
    print(variant, "losses", losses[0], "…", losses[-1])


def main():
    gradients("dense", "tiny-dense", packed=False)
    gradients("moe", "tiny-moe", packed=False)
    gradients("moe-packed", "tiny-moe", packed=True)
    gradients("moe-router", "tiny-moe", packed=True, overrides={"norm_topk_prob": False}, router=True, aux=0.5)
    sliding = {"use_sliding_window": True, "sliding_window": 7, "max_window_layers": 1}
    gradients("dense-sliding", "tiny-dense", packed=True, overrides=sliding)
    curve("dense", "tiny-dense")
    curve("moe", "tiny-moe")


if __name__ == "__main__":
    main()
