"""Times training steps and evaluation of lenet5, VGG and residual networks, batch 128, in PyTorch: the peer of images.rs.

A step is forward pass, cross-entropy, zero_grad, backward pass, fused SGD (momentum 0.9, weight decay 1e-3); model and
batches, ready in memory, are channels_last; the faster of one and two threads counts. For every line on standard input, `step NETWORK` or `values
NETWORK`, it prints the least and the median milliseconds of some steps, or of forward passes of a batch.
"""
import statistics
import sys
import time

import torch
from torch import nn
import torch.nn.functional as F

BATCH = 128
SECONDS = 1.5


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


def resnet(blocks, width):
    layers = [nn.Conv2d(3, 16 * width, 3, 1, 1, bias=False), nn.BatchNorm2d(16 * width), nn.ReLU()]
    inputs = 16 * width
    for stage in range(3):
        outputs = (16 * width) << stage
        for block in range(blocks):
            layers.append(Block(inputs, outputs, 2 if stage > 0 and block == 0 else 1))
            inputs = outputs
    return nn.Sequential(*layers, nn.AvgPool2d(8), nn.Flatten(), nn.Linear(inputs, 10))


def lenet5():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )


def vgg11_bn():
    layers, inputs = [], 3
    for outputs in (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0):
        if outputs == 0:
            layers.append(nn.MaxPool2d(2))
            continue
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
        inputs = outputs
    for _ in range(2):
        layers += [nn.Linear(512, 512), nn.ReLU(), nn.Dropout(0.5)]
    layers.insert(len(layers) - 6, nn.Flatten())
    return nn.Sequential(*layers, nn.Linear(512, 10))


NETWORKS = {
    "vgg11-bn": (vgg11_bn, (3, 32, 32)),
    "lenet5": (lenet5, (1, 28, 28)),
    "resnet20": (lambda: resnet(3, 1), (3, 32, 32)),
    "resnet56": (lambda: resnet(9, 1), (3, 32, 32)),
    "resnet110": (lambda: resnet(18, 1), (3, 32, 32)),
    "wrn56-2": (lambda: resnet(9, 2), (3, 32, 32)),
}


def make(name):
    torch.manual_seed(0)
    build, shape = NETWORKS[name]
    model = build().to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-3, fused=True)
    images = [torch.rand(BATCH, *shape).to(memory_format=torch.channels_last) for _ in range(4)]
    labels = [torch.randint(0, 10, (BATCH,)) for _ in images]
    count = 0

    def step():
        nonlocal count
        x, y = images[count % len(images)], labels[count % len(images)]
        count += 1
        model.train()
        loss = F.cross_entropy(model(x), y)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()

    def values():
        nonlocal count
        count += 1
        model.eval()
        with torch.no_grad():
            model(images[count % len(images)])

    return {"step": step, "values": values}


def measure(work, threads):
    torch.set_num_threads(threads)
    for _ in range(3):
        work()
    times, begin = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - begin < SECONDS:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times) * 1e3, statistics.median(times) * 1e3


def main():
    made = {}
    for line in sys.stdin:
        kind, name = line.split()
        if name not in made:
            made[name] = make(name)
        times = [measure(made[name][kind], threads) for threads in (1, 2)]
        print(*(min(column) for column in zip(*times)), flush=True)


main()
