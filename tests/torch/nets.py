"""The networks of valleys in PyTorch, with the module names of its checkpoints.

Residual networks as Li et al. 2018 have them: basic blocks with the ReLU after the addition, widths 16, 32, 64 times k,
where the shape changes a convolution of 1 x 1 with batch norm as the shortcut, or no shortcuts at all.
"""

import re

from torch import nn
from torch.nn import functional as F


class Lenet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2).flatten(1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride, shortcuts):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcuts = shortcuts
        if shortcuts:
            self.shortcut = nn.Sequential()
            if stride != 1 or inputs != outputs:
                projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
                self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x) if self.shortcuts else y)


class Resnet(nn.Module):
    def __init__(self, blocks, width, shortcuts):
        super().__init__()
        widths = [16 * width, 16 * width, 32 * width, 64 * width]
        self.conv1 = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        for stage in 1, 2, 3:
            first = Block(widths[stage - 1], widths[stage], 1 if stage == 1 else 2, shortcuts)
            others = [Block(widths[stage], widths[stage], 1, shortcuts) for _ in range(blocks - 1)]
            self.add_module(f"layer{stage}", nn.Sequential(first, *others))
        self.linear = nn.Linear(widths[3], 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


class Mlp(nn.Module):
    def __init__(self, widths):
        super().__init__()
        for i, (inputs, outputs) in enumerate(zip(widths, widths[1:]), 1):
            self.add_module(f"fc{i}", nn.Linear(inputs, outputs))

    def forward(self, x):
        layers = list(self.children())
        x = x.flatten(1)
        for layer in layers[:-1]:
            x = F.relu(layer(x))
        return layers[-1](x)


def network(name):
    """A network by the name that valleys knows it by."""
    if name == "lenet5":
        return Lenet5()
    if name.startswith("mlp:"):
        return Mlp([int(width) for width in name[4:].split("-")])
    depth, width, plain = re.fullmatch(r"(?:resnet|wrn)(\d+)(?:-(\d+))?(-ns)?", name).groups()
    return Resnet((int(depth) - 2) // 6, int(width or 1), plain is None)


def recompute_statistics(net, inputs, batch):
    """Sample-weighted averages of the means and unbiased variances of batches in order (Garipov et al. 2018)."""
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
    net.train()
    seen = 0
    for part in inputs.split(batch):
        seen += len(part)
        for norm in norms:
            norm.momentum = len(part) / seen
        net(part)
    net.eval()
