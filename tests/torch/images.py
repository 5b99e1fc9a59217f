"""The official image files as tensors, normalised as valleys does, and safetensors files, without any package but torch."""

import gzip
import json
import pathlib

import torch


def content(data, dataset, name):
    for folder in pathlib.Path(data) / dataset, pathlib.Path(data):
        if (folder / name).exists():
            return (folder / name).read_bytes()
        if (folder / f"{name}.gz").exists():
            return gzip.decompress((folder / f"{name}.gz").read_bytes())
    raise SystemExit(f"{name} is not in {data}")


def load(data, dataset, split, limit):
    """The first images and labels of a part, in f32."""
    if dataset == "fashion-mnist":
        prefix = {"train": "train", "test": "t10k"}[split]
        images = content(data, dataset, f"{prefix}-images-idx3-ubyte")[16 : 16 + 784 * limit]
        labels = content(data, dataset, f"{prefix}-labels-idx1-ubyte")[8 : 8 + limit]
        pixels = torch.frombuffer(bytearray(images), dtype=torch.uint8).reshape(-1, 1, 28, 28)
        mean, std = torch.tensor([0.2860]), torch.tensor([0.3530])
    else:
        name = {"train": "data_batch_1.bin", "test": "test_batch.bin"}[split]
        records = torch.frombuffer(bytearray(content(data, dataset, name)), dtype=torch.uint8)
        records = records.reshape(-1, 3073)[:limit]
        labels, pixels = bytes(records[:, 0].tolist()), records[:, 1:].reshape(-1, 3, 32, 32)
        mean = torch.tensor([125.3 / 255, 123.0 / 255, 113.9 / 255])
        std = torch.tensor([63.0 / 255, 62.1 / 255, 66.7 / 255])
    images = (pixels.float().div(255) - mean[:, None, None]) / std[:, None, None]
    return images, torch.tensor(list(labels))


DTYPES = {"F32": torch.float32, "I64": torch.int64}


def save_safetensors(tensors, path):
    header, body = {}, b""
    for name, tensor in tensors.items():
        data = tensor.detach().contiguous().numpy().tobytes()
        kind = next(key for key, dtype in DTYPES.items() if dtype == tensor.dtype)
        offsets = [len(body), len(body) + len(data)]
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": offsets}
        body += data
    text = json.dumps(header).encode()
    pathlib.Path(path).write_bytes(len(text).to_bytes(8, "little") + text + body)


def load_safetensors(path):
    file = pathlib.Path(path).read_bytes()
    length = int.from_bytes(file[:8], "little")
    tensors = {}
    for name, entry in json.loads(file[8 : 8 + length]).items():
        if name != "__metadata__":
            start, end = (8 + length + offset for offset in entry["data_offsets"])
            tensor = torch.frombuffer(bytearray(file[start:end]), dtype=DTYPES[entry["dtype"]])
            tensors[name] = tensor.reshape(entry["shape"])
    return tensors
