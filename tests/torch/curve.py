"""Curves between minima of valleys, fitted in PyTorch: are the largest losses the same on average?

    valleys run --preset lenet5 --data DIR --set data.take=first --set data.limit=10000 --set index=0 \
        --set convergence.depth=0 --set curves.epochs=50 --set measure.samples=0 --out RUN
    python tests/torch/curve.py RUN DIR

Reads the minima of RUN, a run on the first N images of FashionMNIST, and fits every curve anew: one bend, started half way,
t uniform in [0, 1], one t for each batch, SGD with the momentum, weight decay at the mixed point, rates and epochs of the
run. Order of the samples and t are PyTorch's own, so the losses agree on average only. Prints for each curve the largest
training loss on the lattice of the run in both programs.
"""

import csv
import json
import math
import pathlib
import sys

import torch
from images import load, load_safetensors
from nets import network

run, data = sys.argv[1:]
run = pathlib.Path(run)
summary = json.loads((run / "summary.json").read_text())
config = summary["config"]
train, curves, n = config["train"], config["curves"], config["lattice"]["n"]
images, labels = load(data, config["dataset"], "train", summary["provenance"]["train_samples"])
net = network(config["network"])
names = [name for name, _ in net.named_parameters()]


def loss(parameters, x, y):
    return torch.nn.functional.cross_entropy(torch.func.functional_call(net, parameters, (x,)), y)


def factor(epoch):
    share = (epoch + 1) / curves["epochs"]
    return 1 if share <= 0.5 else 1 - 0.99 * (share - 0.5) / 0.4 if share <= 0.9 else 0.01


def mixed(a, bend, b, t):
    """Equation (5): from a to the bend, then to b."""
    end, share = (a, 1 - 2 * t) if t < 0.5 else (b, 2 * t - 1)
    return {name: share * end[name] + (1 - share) * bend[name] for name in names}


def fit(a, b, seed):
    torch.manual_seed(seed)
    bend = {name: ((a[name] + b[name]) / 2).requires_grad_() for name in names}
    optimizer = torch.optim.SGD(bend.values(), train["learning_rate"], train["momentum"])
    for epoch in range(curves["epochs"]):
        optimizer.param_groups[0]["lr"] = factor(epoch) * train["learning_rate"]
        for chosen in torch.randperm(len(labels)).split(train["batch"]):
            point = mixed(a, bend, b, torch.rand(()).item())
            squares = sum((value**2).sum() for value in point.values())
            optimizer.zero_grad()
            (loss(point, images[chosen], labels[chosen]) + train["weight_decay"] / 2 * squares).backward()
            optimizer.step()
    with torch.no_grad():
        return max(loss(mixed(a, bend, b, i / n), images, labels).item() for i in range(n + 1))


def of_run(edge):
    with open(run / "uniform-1" / f"{edge}.csv") as rows:
        return max(float(row["train_loss"]) for row in csv.DictReader(rows))


ratios = []
for curve in summary["fits"][0]["curves"]:
    i, j = curve["edge"]
    a, b = (load_safetensors(run / "minima" / str(k) / f"{k}.safetensors") for k in (i, j))
    ours, theirs = of_run(f"{i}-{j}"), [fit(a, b, seed) for seed in range(2)]
    ratios += [math.log(ours / x) for x in theirs]
    print(f"curve {i}-{j}: valleys {ours:.4f}, PyTorch " + ", ".join(f"{x:.4f}" for x in theirs), flush=True)
mean = sum(ratios) / len(ratios)
deviation = math.sqrt(sum((x - mean) ** 2 for x in ratios) / (len(ratios) - 1))
print(f"valleys / PyTorch: {math.exp(mean):.3f} (geometric mean of {len(ratios)}, deviation {deviation:.3f})")
sys.exit(abs(mean) > 0.1)
