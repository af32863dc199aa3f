"""Compares losses and gradients of kernels.cpp with autograd in float32 on ragged texts; prints relative errors."""
import sys

import numpy as np
import torch
import torch.nn.functional as F

import construct
from kernels import Kernels
from model import CONFIG, Model

torch.set_num_threads(1)
model = Model(CONFIG, exact=True)
construct.construct(model, 0)
with torch.no_grad():
    for t in model.p.values():
        t.add_(torch.randn(t.shape, generator=torch.Generator().manual_seed(1)) * 0.02)
kernels = Kernels(model, threads=2)
rng = np.random.default_rng(0)
lengths = np.array([37, 64, 5, 100, 33, 2, 70], np.int32)
ids = rng.integers(0, CONFIG["vocab_size"], lengths.sum()).astype(np.int32)
at = 0
for n in lengths:
    ids[at + n // 2: at + n] = ids[at: at + n - n // 2]
    at += n
weights = (rng.random(len(ids)) < 0.6).astype(np.float32)
at = np.concatenate([[0], np.cumsum(lengths)])
weights[at[:-1]] = 0
model.grad.zero_()
result = kernels.batch(ids, weights, lengths, 1 / weights.sum(), balance=0, z=0, micro=150)
ours = model.grad.clone()
model.grad.zero_()
loss = 0
for a, b in zip(at[:-1], at[1:]):
    row = torch.from_numpy(ids[a:b].astype(np.int64))[None]
    logits, _ = model.forward(row)
    w = torch.from_numpy(weights[a + 1:b])
    loss = loss + (F.cross_entropy(logits[:-1], row[0, 1:], reduction="none") * w).sum() / weights.sum()
loss.backward()
print("loss", loss.item(), result["loss"])
worst = 0
for name, (a, b) in model.spans.items():
    x, y = ours[a:b], model.grad[a:b]
    error = ((x - y).norm() / (y.norm() + 1e-12)).item()
    worst = max(worst, error)
    print(f"{name:12} {error:.4f}  |g| {y.norm().item():.4g}")
sys.exit(worst > 0.06)
