"""kernels.cpp for Python: built on first use beside the temporary files, called through ctypes."""
import ctypes
import hashlib
import os
import subprocess
import tempfile

import numpy as np
import torch

LAYER = ("norm1", "norm2", "q", "k", "v", "o", "qn", "kn", "router", "gate_up", "down")


def library():
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kernels.cpp")
    key = hashlib.sha256(open(source, "rb").read()).hexdigest()[:16]
    path = os.path.join(tempfile.gettempdir(), f"pretrain-kernels-{key}.so")
    if not os.path.exists(path):
        made = f"{path}.{os.getpid()}"
        subprocess.run(["g++", "-O3", "-march=native", "-ffast-math", "-fPIC", "-shared", "-o", made, source, "-lpthread"], check=True)
        os.replace(made, path)
    return ctypes.CDLL(path)


def pointer(array, kind):
    return None if array is None else ctypes.cast(array.data_ptr() if isinstance(array, torch.Tensor) else array.ctypes.data, ctypes.POINTER(kind))


class Kernels:
    def __init__(self, model, threads=1, longest=4096, arena=1 << 30):
        c = model.config
        self.lib, self.model = library(), model
        self.L, self.E = c["num_hidden_layers"], c["num_experts"]
        numbers = np.array([self.L, c["hidden_size"], c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"], self.E,
                            c["moe_intermediate_size"], c["vocab_size"], c["num_experts_per_tok"]], np.int32)
        reals = np.array([c["rms_norm_eps"], c["rope_theta"]], np.float32)
        spans = model.spans
        offsets = [spans[n][0] for n in ("embed", "head", "norm")]
        for i in range(self.L):
            offsets += [spans[f"{i}.{n}"][0] for n in LAYER]
        offsets = np.array(offsets + [len(model.flat)], np.int64)
        self.lib.trainer.restype = ctypes.c_void_p
        self.handle = self.lib.trainer(pointer(numbers, ctypes.c_int), pointer(reals, ctypes.c_float),
                                       pointer(offsets, ctypes.c_long), threads, longest, ctypes.c_long(arena))

    def batch(self, ids, weights, lengths, scale, balance=0.0, z=0.0, micro=1024, train=True):
        """Texts behind each other: ids int32, weights float32, lengths int32. Gradients are added to model.grad."""
        results = np.zeros(4 + self.L * self.E)
        best = None if train else np.zeros(len(ids), np.int32)
        self.lib.batch(
            ctypes.c_void_p(self.handle), pointer(self.model.flat, ctypes.c_float),
            pointer(self.model.grad, ctypes.c_float) if train else None,
            pointer(ids, ctypes.c_int), pointer(weights, ctypes.c_float), pointer(lengths, ctypes.c_int), len(lengths),
            ctypes.c_float(scale), ctypes.c_float(balance), ctypes.c_float(z), micro, pointer(best, ctypes.c_int),
            pointer(results, ctypes.c_double))
        loss, aux, right, counted = results[:4]
        return {"loss": loss, "balance": aux, "right": right, "counted": counted, "load": results[4:].reshape(self.L, self.E), "best": best}

    def adam(self, m, v, lr, step, scale, b1=0.9, b2=0.98, eps=1e-8):
        f = ctypes.c_float
        self.lib.adam(pointer(self.model.flat, f), pointer(self.model.grad, f), pointer(m, f), pointer(v, f),
                      ctypes.c_long(len(self.model.flat)), f(lr), f(b1), f(b2), f(eps), f(scale), step)
