"""Reads and writes the safetensors format (8-byte little-endian header length, JSON header, raw bytes)."""
import json
import struct

import numpy
import torch

NAMES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int32: "I32", torch.float64: "F64"}
DTYPES = {name: dtype for dtype, name in NAMES.items()}


def raw_bytes(tensor):
    tensor = tensor.detach().contiguous()
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().tobytes()
    return tensor.numpy().tobytes()


def save(path, tensors, metadata=None):
    header = {"__metadata__": metadata} if metadata else {}
    offset = 0
    for name, tensor in tensors.items():
        size = tensor.numel() * tensor.element_size()
        header[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for tensor in tensors.values():
            file.write(raw_bytes(tensor))


def load(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        dtype = DTYPES[entry["dtype"]]
        if dtype == torch.bfloat16:
            array = torch.from_numpy(numpy.frombuffer(data[start:end], dtype="<i2").copy()).view(torch.bfloat16)
        else:
            array = torch.frombuffer(bytearray(data[start:end]), dtype=dtype)
        tensors[name] = array.reshape(entry["shape"])
    return tensors
