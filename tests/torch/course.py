"""A minimum of valleys and the same training in PyTorch: from the same initial weights, over the same batches, by two
recipes: momentum with the schedule of Garipov et al., and Nesterov momentum with the step decay of Li et al.

    cargo build --release
    python tests/torch/course.py DATA [NETWORK [LIMIT [EPOCHS [VALLEYS]]]]

DATA holds the official files of CIFAR-10. Prints rate and mean loss of every epoch on both sides, and the seconds. With a LIMIT
of 128, the default, an epoch is one step. PyTorch's rates are those of its own schedulers. They must be equal to a millionth,
the first epoch's loss to a ten thousandth, later ones to a tenth: rounding grows along a training, slowly at first.
"""

import csv
import pathlib
import subprocess
import sys
import tempfile
import time

import torch
from images import load, load_safetensors
from nets import network

BATCH, MOMENTUM, DECAY, SEED = 128, 0.9, 1e-3, 1
RATES, FIRST, LATER = 1e-6, 1e-4, 0.1


def philox(x, key):
    """Ten rounds of Philox4x32 (Salmon and others, SC 2011)."""
    mask = 0xFFFFFFFF
    for _ in range(10):
        a, b = x[0] * 0xD2511F53, x[2] * 0xCD9E8D57
        x = [(b >> 32) ^ x[1] ^ key[0], b & mask, (a >> 32) ^ x[3] ^ key[1], a & mask]
        key = [(key[0] + 0x9E3779B9) & mask, (key[1] + 0xBB67AE85) & mask]
    return x


def order(count, epoch):
    """The order of an epoch's samples in minimum 0: Fisher and Yates with Lemire's bounded numbers."""
    words, block = [], 0

    def bits():
        nonlocal words, block
        if not words:
            # Purpose 1 in the high byte: the order of samples. Job 1: the vertex 0.
            words = philox([(1 << 24) + block, 0, epoch, 1], [SEED, 0])
            block += 1
        return words.pop(0)

    def below(n):
        while True:
            product = bits() * n
            if product & 0xFFFFFFFF >= (1 << 32) % n:
                return product >> 32

    numbers = list(range(count))
    for last in range(count - 1, 0, -1):
        other = below(last + 1)
        numbers[last], numbers[other] = numbers[other], numbers[last]
    return numbers


def valleys(out, *settings):
    """A run of one minimum: its losses by epoch with their rates, its parameters, the seconds."""
    fixed = [f"network={name}", "dataset=cifar-10", f"data.limit={limit}", "data.take=first", "minima.count=1"]
    fixed += [f"train.batch={BATCH}", f"train.momentum={MOMENTUM}", f"train.weight_decay={DECAY}"]
    sets = [part for setting in [*fixed, *settings] for part in ("--set", setting)]
    begin = time.perf_counter()
    subprocess.run([program, "run", "--data", data, "--out", out, *sets], check=True, capture_output=True)
    seconds = time.perf_counter() - begin
    folder = pathlib.Path(out) / "minima" / "0"
    with open(folder / "training.csv") as rows:
        course = [(float(row["rate"]), float(row["loss"])) for row in csv.DictReader(rows)]
    return course, load_safetensors(folder / "0.safetensors"), seconds


def linear(epoch):
    """The factor of Garipov et al. in an epoch, counted from 0."""
    share = (epoch + 1) / epochs
    return 1 if share <= 0.5 else 1 - 0.99 * (share - 0.5) / 0.4 if share <= 0.9 else 0.01


def compare(schedule, nesterov):
    """Trains on both sides. Returns whether they differ."""
    recipe = [f"train.schedule={schedule}", f"train.nesterov={str(nesterov).lower()}"]
    with tempfile.TemporaryDirectory() as folder:
        # Steps too short to change a number: the parameters are the initial ones.
        still = ["minima.epochs=1", "train.learning_rate=1e-30"]
        _, initial, _ = valleys(f"{folder}/initial", *still)
        course, _, seconds = valleys(f"{folder}/run", f"minima.epochs={epochs}", "train.learning_rate=0.05", *recipe)
    net = network(name)
    own = {key: tensor for key, tensor in initial.items() if "running" not in key and "num_batches" not in key}
    net.load_state_dict(own, strict=False)
    for parameter, value in net.named_parameters():
        assert torch.equal(value, initial[parameter]), parameter
    images, labels = load(data, "cifar-10", "train", limit)
    optimizer = torch.optim.SGD(net.parameters(), 0.05, MOMENTUM, weight_decay=DECAY, nesterov=nesterov)
    if schedule == "step":
        # 150, 225 and 275 of 300 epochs.
        milestones = [-(-epochs * part // 12) for part in (6, 9, 11)]
        scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones)
    else:
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, linear)
    net.train()
    momentum = "Nesterov momentum" if nesterov else "momentum"
    print(f"{name}, {len(labels)} samples, {momentum}, schedule {schedule}: valleys took {seconds:.1f} s")
    begin, wrong = time.perf_counter(), False
    for epoch, (rate, loss) in enumerate(course):
        of_torch = optimizer.param_groups[0]["lr"]
        losses = []
        for chosen in torch.tensor(order(len(labels), epoch)).split(BATCH):
            optimizer.zero_grad()
            of_batch = torch.nn.functional.cross_entropy(net(images[chosen]), labels[chosen])
            of_batch.backward()
            optimizer.step()
            losses.append(of_batch.item() * len(chosen))
        theirs = sum(losses) / len(labels)
        scheduler.step()
        near = abs(loss - theirs) <= (LATER if epoch else FIRST) * theirs and abs(rate - of_torch) <= RATES * rate
        wrong |= not near
        print(
            f"epoch {epoch + 1}: rate {rate:.4g}, PyTorch {of_torch:.4g}; loss {loss:.6f}, PyTorch {theirs:.6f}, "
            f"relative difference {abs(loss - theirs) / theirs:.1e}{'' if near else ': TOO MUCH'}"
        )
    print(f"PyTorch took {time.perf_counter() - begin:.1f} s")
    return wrong


arguments = sys.argv[1:]
if not arguments:
    raise SystemExit(__doc__)
defaults = [None, "resnet20", 128, 12, "target/release/valleys"]
data, name, limit, epochs, program = arguments + defaults[len(arguments) :]
limit, epochs = int(limit), int(epochs)
differ = [compare("linear", False), compare("step", True)]
sys.exit(any(differ))
