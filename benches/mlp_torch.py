"""Times training steps of multilayer perceptrons in PyTorch: the peer of mlp.rs.

A step is forward pass, cross-entropy, zero_grad, backward pass, SGD (momentum 0.9, weight decay 1e-3); batches are
ready in memory. A curve step trains the middle of a curve: its parameters and the ends' are mixed first. For every line on
standard input, `tiny`, `wide` or `wide_curve`, it times each variant once and prints `variant min median` in
microseconds, then `end`.
"""
import random
import statistics
import sys
import time

import torch
from torch import nn
import torch.nn.functional as F

SECONDS = 0.4
# Widths and batch.
SIZES = {"tiny": ([64, 32, 32, 10], 32), "wide": ([784, 512, 256, 10], 128)}


def forward_at(theta, widths, x):
    at = 0
    for i, (a, b) in enumerate(zip(widths, widths[1:])):
        weight, bias = theta[at : at + a * b].view(b, a), theta[at + a * b : at + a * b + b]
        at += a * b + b
        x = F.linear(x, weight, bias)
        if i + 2 < len(widths):
            x = F.relu(x)
    return x


def make_step(name, threads, compiled=False, **options):
    torch.manual_seed(0)
    widths, batch = SIZES[name.removesuffix("_curve")]
    layers = []
    for a, b in zip(widths, widths[1:]):
        layers += [nn.Linear(a, b), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    if name.endswith("_curve"):
        ends = [torch.cat([p.detach().flatten() for p in model.parameters()]) for _ in range(2)]
        middle = nn.Parameter(ends[0].clone())
        trained = [middle]

        def forward(x):
            t = random.random()
            end, share = ends[t > 0.5], abs(1 - 2 * t)
            return forward_at(share * end + (1 - share) * middle, widths, x)
    else:
        trained, forward = model.parameters(), model
    if compiled:
        forward = torch.compile(forward)
    optimiser = torch.optim.SGD(trained, lr=1e-2, momentum=0.9, weight_decay=1e-3, **options)
    batches = [(torch.rand(batch, widths[0]), torch.randint(0, 10, (batch,))) for _ in range(8)]
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
    made = {}
    for line in sys.stdin:
        name = line.strip()
        if name not in made:
            made[name] = {}
            for kind, options in kinds.items():
                # A choice at random is nothing to compile.
                if name.endswith("_curve") and "compiled" in options:
                    continue
                for threads in (1, 2):
                    try:
                        made[name][f"{kind}_{threads}"] = make_step(name, threads, **options)
                    except Exception as error:  # torch.compile needs a C++ compiler
                        print(f"{kind}, {threads} threads: {type(error).__name__}", file=sys.stderr)
        for variant, step in made[name].items():
            low, middle = measure(*step)
            print(f"{variant} {low} {middle}", flush=True)
        print("end", flush=True)


main()
