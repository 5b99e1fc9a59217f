"""Times a training step of mlp:64-32-32-10, batch 32, in PyTorch: the peer of mlp.rs.

A step is forward pass, cross-entropy, zero_grad, backward pass, SGD (momentum 0.9, weight decay 1e-3); batches are
ready in memory. For every line on standard input it times each variant once and prints `variant min median` in
microseconds, then `end`.
"""
import statistics
import sys
import time

import torch
from torch import nn
import torch.nn.functional as F

SECONDS = 0.4


def make_step(threads, compiled=False, **options):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10))
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9, weight_decay=1e-3, **options)
    batches = [(torch.rand(32, 64), torch.randint(0, 10, (32,))) for _ in range(8)]
    forward = torch.compile(model) if compiled else model
    count = 0

    def step():
        nonlocal count
        x, y = batches[count % len(batches)]
        count += 1
        loss = F.cross_entropy(forward(x), y)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()

    torch.set_num_threads(threads)
    for _ in range(20):
        step()
    return threads, step


def measure(threads, step):
    torch.set_num_threads(threads)
    for _ in range(20):
        step()
    times, begin = [], time.perf_counter()
    while time.perf_counter() - begin < SECONDS:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return min(times) * 1e6, statistics.median(times) * 1e6


def main():
    kinds = {
        "eager": {"foreach": False, "fused": False},
        "eager_foreach": {"foreach": True},
        "eager_fused": {"fused": True},
        "compile_fused": {"fused": True, "compiled": True},
    }
    variants = {}
    for name, options in kinds.items():
        for threads in (1, 2):
            try:
                variants[f"{name}_{threads}"] = make_step(threads, **options)
            except Exception as error:  # torch.compile needs a C++ compiler
                print(f"{name}, {threads} threads: {type(error).__name__}", file=sys.stderr)
    for _ in sys.stdin:
        for name, variant in variants.items():
            low, middle = measure(*variant)
            print(f"{name} {low} {middle}", flush=True)
        print("end", flush=True)


main()
