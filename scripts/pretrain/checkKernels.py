"""
Compares losses and gradients of kernels.cpp with autograd in float32 on ragged texts; prints relative errors.

The products of kernels.cpp are in bfloat16, so that a token near the border between two experts may go to another
one than in float32, and its gradient then belongs to another function. Gradients are therefore compared with every
expert chosen for every token, and the choice of two by how many tokens each expert gets.
"""
import sys

import numpy as np
import torch
import torch.nn.functional as F

from kernels import Kernels
from model import CONFIG, Model

torch.set_num_threads(1)
rng = np.random.default_rng(0)
lengths = np.array([37, 64, 5, 100, 33, 2, 70], np.int32)
starts = np.concatenate([[0], np.cumsum(lengths)])
ids = rng.integers(0, CONFIG["vocab_size"], lengths.sum()).astype(np.int32)
for a, n in zip(starts, lengths):
    ids[a + n // 2: a + n] = ids[a: a + n - n // 2]
weights = (rng.random(len(ids)) < 0.6).astype(np.float32)
weights[starts[:-1]] = 0


def run(per_token):
    """A model of random weights with so many experts a token, what kernels.cpp gives for it, and autograd's loss and loads."""
    model = Model({**CONFIG, "num_experts_per_tok": per_token}, exact=True)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for t in model.p.values():
            t.copy_(1 + 0.1 * torch.randn(t.shape, generator=generator) if t.dim() == 1 else 0.06 * torch.randn(t.shape, generator=generator))
    kernels = Kernels(model, threads=2)
    model.grad.zero_()
    result = kernels.batch(ids, weights, lengths, 1 / weights.sum(), balance=0, z=0, micro=150)
    ours = model.grad.clone()
    model.grad.zero_()
    loss, loads = 0, 0
    for a, b in zip(starts[:-1], starts[1:]):
        row = torch.from_numpy(ids[a:b].astype(np.int64))[None]
        logits, stats = model.forward(row)
        loads = loads + np.stack([counts.numpy() for counts, *_ in stats])
        w = torch.from_numpy(weights[a + 1:b])
        loss = loss + (F.cross_entropy(logits[:-1], row[0, 1:], reduction="none") * w).sum() / weights.sum()
    return model, ours, result, loss, loads


model, ours, result, loss, _ = run(CONFIG["num_experts"])
loss.backward()
off = abs(loss.item() - result["loss"]) / loss.item()
worst = 0
for name, (a, b) in model.spans.items():
    x, y = ours[a:b], model.grad[a:b]
    error = ((x - y).norm() / (y.norm() + 1e-12)).item()
    worst = max(worst, error)
    print(f"{name:12} {error:.4f}  |g| {y.norm().item():.4g}")
_, _, chosen, loss2, loads = run(CONFIG["num_experts_per_tok"])
off = max(off, abs(loss2.item() - chosen["loss"]) / loss2.item())
moved = np.abs(chosen["load"] - loads).sum() / 2 / loads.sum()
print(f"worst gradient {worst:.4f}, loss off by {off:.1e}, {100 * moved:.2f} % of the tokens at another expert")
sys.exit(int(worst > 0.03 or off > 0.001 or moved > 0.03))
