"""Records what PyTorch says of the networks at parameters and inputs that a formula gives: tests/torch/vectors.json.

    python tests/torch/record.py > tests/torch/vectors.json
    python tests/torch/record.py DATA > tests/torch/images.json
    python tests/torch/record.py families > tests/torch/families.json

With a directory of the official files: on real images. Everything in f64. Of large tensors the sum, the norm and some elements are recorded.
"""

import json
import math
import sys

import torch
from images import load
from nets import network, recompute_statistics

# (name, shape of an input): small images keep the tests quick.
CASES = [
    ("lenet5", (1, 28, 28)),
    ("resnet8", (3, 8, 8)),
    ("resnet20", (3, 8, 8)),
    ("resnet20-ns", (3, 12, 8)),
    ("wrn8-2", (3, 9, 7)),
]
# (name, shape of an input), for tests/torch/families.json: networks beyond those of the papers.
FAMILIES = [
    ("vgg11", (3, 32, 32)),
    ("vgg11-bn", (3, 32, 32)),
    ("convfc", (3, 23, 24)),
    ("preresnet8", (3, 8, 8)),
    ("preresnet47", (3, 8, 6)),
    ("resnet9", (3, 32, 32)),
    ("every-layer", (4, 12, 10)),
]
SAMPLES, BATCH = 7, 3


def unit(seed, i):
    """The i-th number of a sequence, a multiple of 2^-24 from 0 to below 1 (the mixer of MurmurHash3)."""
    x = (i + seed * 0x9E3779B9) & 0xFFFFFFFF
    x = ((x ^ x >> 16) * 0x85EBCA6B) & 0xFFFFFFFF
    x = ((x ^ x >> 13) * 0xC2B2AE35) & 0xFFFFFFFF
    return ((x ^ x >> 16) >> 8) / 2**24


def sequence(seed, shape):
    numbers = [2 * unit(seed, i) - 1 for i in range(math.prod(shape))]
    return torch.tensor(numbers, dtype=torch.float64).reshape(shape)


def parameters(net):
    """Weights uniform with the variance 2/fan_in, gamma in 0.5 to 1.5, biases and beta in -0.5 to 0.5."""
    with torch.no_grad():
        for seed, (name, p) in enumerate(net.named_parameters()):
            if p.dim() > 1:
                p.copy_(sequence(seed, p.shape) * math.sqrt(6 / p[0].numel()))
            else:
                p.copy_(sequence(seed, p.shape) * 0.5 + (1.0 if name.endswith("weight") else 0.0))


def print_of(tensor):
    flat = tensor.detach().flatten()
    places = [k * (len(flat) - 1) // 4 for k in range(5)]
    return {
        "sum": flat.sum().item(),
        "norm": flat.norm().item(),
        "elements": [[place, flat[place].item()] for place in places],
    }


def case(name, shape):
    net = network(name, shape).double()
    parameters(net)
    inputs = sequence(1000, (SAMPLES, *shape))
    labels = torch.tensor([int(10 * unit(2000, i)) for i in range(SAMPLES)])
    net.train()
    first = net(inputs[:BATCH])
    loss = torch.nn.functional.cross_entropy(first, labels[:BATCH])
    loss.backward()
    recompute_statistics(net, inputs, BATCH)
    with torch.no_grad():
        logits = net(inputs)
    running = {key: print_of(value) for key, value in net.state_dict().items() if "running" in key}
    return {
        "network": name,
        "input": shape,
        "samples": SAMPLES,
        "batch": BATCH,
        "state_dict": [[key, list(value.shape)] for key, value in net.state_dict().items()],
        "labels": labels.tolist(),
        "batch_loss": loss.item(),
        "gradients": {key: print_of(p.grad) for key, p in net.named_parameters()},
        "running": running,
        "logits": logits.flatten().tolist(),
        "loss": torch.nn.functional.cross_entropy(logits, labels).item(),
        "wrong": int((logits.argmax(1) != labels).sum()),
    }


# (name, data set): the first images of the test part, statistics over the first ones of the training part.
REAL = [("lenet5", "fashion-mnist"), ("resnet20", "cifar-10"), ("resnet20-ns", "cifar-10"), ("wrn14-2", "cifar-10")]
TRAIN, REAL_BATCH, TEST = 24, 10, 4


def real_case(name, dataset, data):
    net = network(name).double()
    parameters(net)
    train, _ = load(data, dataset, "train", TRAIN)
    test, labels = load(data, dataset, "test", TEST)
    recompute_statistics(net, train.double(), REAL_BATCH)
    with torch.no_grad():
        logits = net(test.double())
    return {
        "network": name,
        "dataset": dataset,
        "train": TRAIN,
        "batch": REAL_BATCH,
        "test": TEST,
        "labels": labels.tolist(),
        "logits": logits.flatten().tolist(),
        "loss": torch.nn.functional.cross_entropy(logits, labels).item(),
    }


if sys.argv[1:] == ["families"]:
    cases = [case(*each) for each in FAMILIES]
elif len(sys.argv) > 1:
    cases = [real_case(*each, sys.argv[1]) for each in REAL]
else:
    cases = [case(*each) for each in CASES]
print(json.dumps({"torch": torch.__version__, "cases": cases}))
