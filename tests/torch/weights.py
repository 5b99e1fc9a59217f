"""The study `weights-digits` once more in PyTorch and scipy: an independent road to its correlations.

    pip install torch numpy scipy scikit-learn
    python tests/torch/weights.py [SIZE...]       # about two minutes for seven sizes

Prints Pearson's and Spearman's coefficients of each layer's mean lifetime and H / ln m with the test accuracy over sizes
and seeds, and the metrics before and after training.
"""

import sys

import numpy as np
import torch
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import pdist
from scipy.stats import pearsonr, spearmanr
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SIZES = [int(n) for n in sys.argv[1:]] or [20, 40, 80, 160, 320, 640, 1437]
SEEDS, EPOCHS, BATCH = 5, 60, 32


def metrics(weight):
    l = linkage(pdist(weight.detach().double().numpy()), "single")[:, 2]
    l = l[l > 0]
    p = l / l.sum()
    return l.mean(), -(p * np.log(p)).sum() / np.log(len(l))


def network():
    widths = [64, 64, 64, 64, 10]
    layers = [m for a, b in zip(widths, widths[1:]) for m in (torch.nn.Linear(a, b), torch.nn.ReLU())]
    return torch.nn.Sequential(*layers[:-1])


def measured(net):
    return [metrics(m.weight) for m in net if isinstance(m, torch.nn.Linear)]


torch.set_num_threads(1)
digits = load_digits()
x, y = torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target)
train, test = train_test_split(np.arange(len(y)), test_size=0.2, stratify=y, random_state=0)
rows, untrained = [], []
for size in SIZES:
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        chosen = train if size >= len(train) else train_test_split(
            train, train_size=size, stratify=y[train], random_state=seed)[0]
        chosen, net = torch.tensor(chosen), network()
        untrained.append(measured(net))
        optimiser = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
        for _ in range(EPOCHS):
            for batch in chosen[torch.randperm(len(chosen))].split(BATCH):
                optimiser.zero_grad()
                torch.nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()
                optimiser.step()
        accuracy = (net(x[test]).argmax(1) == y[test]).float().mean().item()
        rows.append((size, accuracy, measured(net)))

accuracy = [r[1] for r in rows]
print("sizes", SIZES)
for metric, name in enumerate(["mean lifetime", "H / ln m"]):
    values = np.array([[layer[metric] for layer in r[2]] for r in rows])
    for coefficient in (pearsonr, spearmanr):
        print(name, coefficient.__name__, [round(float(coefficient(v, accuracy)[0]), 3) for v in values.T])
    before = np.array([[layer[metric] for layer in layers] for layers in untrained]).mean(0)
    after = values[[i for i, r in enumerate(rows) if r[0] == max(SIZES)]].mean(0)
    print(name, "untrained", before.round(4), "trained", after.round(4))
