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


VGG = {
    "11": [64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0],
    "13": [64, 64, 0, 128, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0],
    "16": [64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0],
    "19": [64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512, 0],
}


class Vgg(nn.Module):
    """VGG for 32 x 32; `dropout` is 0.5 in training, 0 where gradients are recorded."""

    def __init__(self, depth, norms, dropout=0.0):
        super().__init__()
        layers, inputs = [], 3
        for outputs in VGG[depth]:
            if outputs == 0:
                layers.append(nn.MaxPool2d(2))
                continue
            layers.append(nn.Conv2d(inputs, outputs, 3, padding=1))
            layers += [nn.BatchNorm2d(outputs)] if norms else []
            layers.append(nn.ReLU())
            inputs = outputs
        self.features = nn.Sequential(*layers)
        hidden = lambda: [nn.Linear(512, 512), nn.ReLU(), nn.Dropout(dropout)]
        self.classifier = nn.Sequential(*hidden(), *hidden(), nn.Linear(512, 10))

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


class ConvFc(nn.Module):
    """Garipov et al. 2018."""

    def __init__(self, flat):
        super().__init__()
        block = lambda i, o: [nn.Conv2d(i, o, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)]
        self.conv_part = nn.Sequential(*block(3, 32), *block(32, 64), *block(64, 128))
        linear = [nn.Linear(flat, 1000), nn.ReLU(), nn.Linear(1000, 1000), nn.ReLU(), nn.Linear(1000, 10)]
        self.fc_part = nn.Sequential(*linear)

    def forward(self, x):
        return self.fc_part(self.conv_part(x).flatten(1))


class PreBlock(nn.Module):
    """Batch norm and ReLU before each convolution; `path` has (outputs, kernel, stride) of the convolutions."""

    def __init__(self, inputs, path):
        super().__init__()
        self.count, width, stride = len(path), inputs, 1
        for number, (outputs, kernel, step) in enumerate(path, 1):
            self.add_module(f"bn{number}", nn.BatchNorm2d(width))
            self.add_module(f"conv{number}", nn.Conv2d(width, outputs, kernel, step, kernel // 2, bias=False))
            width, stride = outputs, stride * step
        self.downsample = None
        if stride != 1 or inputs != width:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, width, 1, stride, bias=False))

    def forward(self, x):
        y = x
        for number in range(1, self.count + 1):
            y = getattr(self, f"conv{number}")(F.relu(getattr(self, f"bn{number}")(y)))
        return y + (x if self.downsample is None else self.downsample(x))


class PreResnet(nn.Module):
    """Garipov et al. 2018: basic blocks below a depth of 44, bottlenecks from there on."""

    def __init__(self, depth):
        super().__init__()
        basic = depth < 44
        blocks, expansion = ((depth - 2) // 6, 1) if basic else ((depth - 2) // 9, 4)
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        inputs = 16
        for stage in 1, 2, 3:
            width, layers = 8 * 2**stage, []
            for block in range(blocks):
                stride = 2 if stage > 1 and block == 0 else 1
                path = [(width, 3, stride), (width, 3, 1)]
                if not basic:
                    path = [(width, 1, 1), (width, 3, stride), (4 * width, 1, 1)]
                layers.append(PreBlock(inputs, path))
                inputs = expansion * width
            self.add_module(f"layer{stage}", nn.Sequential(*layers))
        self.bn = nn.BatchNorm2d(inputs)
        self.fc = nn.Linear(inputs, 10)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(self.conv1(x))))
        return self.fc(F.relu(self.bn(x)).mean((2, 3)))


class Resnet9(nn.Module):
    def __init__(self):
        super().__init__()

        def block(inputs, outputs, pool=False):
            layers = [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
            return nn.Sequential(*layers, *([nn.MaxPool2d(2)] if pool else []))

        self.conv1, self.conv2 = block(3, 64), block(64, 128, True)
        self.res1 = nn.Sequential(block(128, 128), block(128, 128))
        self.conv3, self.conv4 = block(128, 256, True), block(256, 512, True)
        self.res2 = nn.Sequential(block(512, 512), block(512, 512))
        self.classifier = nn.Sequential(nn.MaxPool2d(4), nn.Flatten(), nn.Linear(512, 10))

    def forward(self, x):
        x = self.conv2(self.conv1(x))
        x = self.conv4(self.conv3(self.res1(x) + x))
        return self.classifier(self.res2(x) + x)


class Residual(nn.Module):
    def __init__(self, layers, shortcut):
        super().__init__()
        self.layers, self.shortcut = nn.Sequential(*layers), nn.Sequential(*shortcut)

    def forward(self, x):
        return self.layers(x) + self.shortcut(x)


def every_layer(shape):
    """The network of tests/torch/every-layer.toml for inputs (4, 12, 10)."""
    assert shape == (4, 12, 10)
    layers = [
        nn.Conv2d(4, 6, 3, padding=2, dilation=2, groups=2),
        nn.SiLU(),
        nn.BatchNorm2d(6),
        nn.LeakyReLU(0.125),
        nn.MaxPool2d(3, 2, 1),
        Residual(
            [nn.Conv2d(6, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.GELU(), nn.Conv2d(8, 8, 3, padding=1, groups=8)],
            [nn.Conv2d(6, 8, 1, 2, bias=False)],
        ),
        nn.Tanh(),
        Residual([nn.LayerNorm([8, 3, 3]), nn.GELU(), nn.Conv2d(8, 8, 1)], []),
        nn.AvgPool2d(2, 1, 1),
        nn.Sigmoid(),
        nn.Dropout(0.0),
        nn.Flatten(),
        nn.Linear(128, 12),
        nn.LayerNorm(12),
        nn.SiLU(),
        nn.Linear(12, 10),
    ]
    return nn.Sequential(*layers)


def network(name, shape=None):
    """A network by the name that valleys knows it by; `shape` of an input where it depends on that."""
    if name == "every-layer":
        return every_layer(tuple(shape))
    if name.startswith("vgg"):
        return Vgg(name[3:].removesuffix("-bn"), name.endswith("-bn"))
    if name == "convfc":
        edge = lambda n: (n - 1) // 2
        return ConvFc(128 * edge(edge(edge(shape[1]))) * edge(edge(edge(shape[2]))))
    if name.startswith("preresnet"):
        return PreResnet(int(name[9:]))
    if name == "resnet9":
        return Resnet9()
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
