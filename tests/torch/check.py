"""valleys against PyTorch itself, on real images and both ways: PyTorch's checkpoints evaluated by valleys, and the files
that a run writes loaded by PyTorch.

    cargo build --release
    python tests/torch/check.py DATA [VALLEYS]

DATA holds the official files; VALLEYS is target/release/valleys by default. Ends with a line "all equal", or with what
is not.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import torch
from images import content, load, load_safetensors, save_safetensors
from nets import network, recompute_statistics

NETWORKS = [
    ("lenet5", "fashion-mnist"),
    ("resnet20", "cifar-10"),
    ("resnet20-ns", "cifar-10"),
    ("wrn8-2", "cifar-10"),
]
# Relative: f32 on both sides.
LOSS = 1e-5
LIMIT = 50


def valleys(*arguments):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"valleys {' '.join(map(str, arguments))}: {done.stderr}")
    return json.loads(done.stdout)


def measure(net, images, labels):
    net.eval()
    with torch.no_grad():
        logits = net(images)
    loss = torch.nn.functional.cross_entropy(logits, labels).item()
    return loss, (logits.argmax(1) != labels).double().mean().item()


def compare(what, ours, theirs):
    (loss, error), (their_loss, their_error) = ours, theirs
    print(f"{what}: loss {loss:.8f}, PyTorch {their_loss:.8f}; error {error}, PyTorch {their_error}")
    if abs(loss - their_loss) > LOSS * their_loss or error != their_error:
        raise SystemExit(f"{what}: not equal")


def evaluated(name, dataset, path, *more):
    arguments = ["--network", name, "--dataset", dataset, "--data", data, "--weights", path, "--json"]
    answer = valleys("evaluate", *arguments, "--limit", LIMIT, *more)
    return answer["loss"], answer["error"]


def trained(name, dataset, steps=3):
    """A network after a few steps, with the running statistics that PyTorch keeps."""
    net = network(name)
    images, labels = load(data, dataset, "train", 32 * steps)
    optimizer = torch.optim.SGD(net.parameters(), 0.05, 0.9)
    net.train()
    for x, y in zip(images.split(32), labels.split(32)):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
    return net


def checkpoints(name, dataset, folder):
    net = trained(name, dataset)
    path = folder / f"{name}.safetensors"
    save_safetensors(net.state_dict(), path)
    test = load(data, dataset, "test", LIMIT)
    compare(name, evaluated(name, dataset, path), measure(net, *test))
    wrapped = folder / f"{name}-wrapped.safetensors"
    save_safetensors({f"module.{key}": value for key, value in net.state_dict().items()}, wrapped)
    train = load(data, dataset, "train", LIMIT)
    compare(f"{name}, training part", evaluated(name, dataset, wrapped, "--split", "train"), measure(net, *train))
    if name == "lenet5":
        numbers = zip([0, 3, 7, 10, 12], ["conv1", "conv2", "fc1", "fc2", "fc3"])
        state = net.state_dict()
        for number, module in numbers:
            state = {key.replace(module, str(number)): value for key, value in state.items()}
        save_safetensors(state, wrapped)
        compare("lenet5 by order", evaluated(name, dataset, wrapped, "--by-order"), measure(net, *test))


def run_and_back(name, dataset, parts, folder):
    """Minima from files, everything else straight; each file of the run is a network of PyTorch, with its statistics."""
    files = []
    for i in range(3):
        files.append(str(folder / f"{name}-{i}.safetensors"))
        save_safetensors(trained(name, dataset).state_dict(), files[-1])
    count, batch = 60, 25
    out = folder / "run"
    keys = {
        "network": f'"{name}"',
        "dataset": f'"{dataset}"',
        "minima.files": json.dumps(files),
        "curves.epochs": 0,
        "triangles.epochs": 0,
        "lattice.n": 2,
        "data.limit": count,
        "data.take": '"first"',
        "train.batch": batch,
    }
    config = folder / "run.toml"
    config.write_text("".join(f"{key} = {value}\n" for key, value in keys.items()))
    summary = valleys("run", config, "--data", parts, "--out", out, "--json")
    images, labels = load(data, dataset, "train", count)
    for minimum, file in zip(summary["minima"], files):
        net = network(name)
        net.load_state_dict(load_safetensors(out / "minima" / str(minimum["id"]) / f"{minimum['id']}.safetensors"))
        ours = minimum["train_loss"], minimum["train_error"]
        compare(f"run of {name}, minimum {minimum['id']}", ours, measure(net, images, labels))
        # The file that came in, with PyTorch's own pass over the data.
        net.load_state_dict(load_safetensors(file))
        recompute_statistics(net, images, batch)
        compare(f"run of {name}, file {minimum['id']}", ours, measure(net, images, labels))
    for file in sorted(out.glob("*-1/*/*.safetensors")):
        net = network(name)
        net.load_state_dict(load_safetensors(file), strict=True)
        print(f"{file.relative_to(out)} is loaded, loss {measure(net, images, labels)[0]:.6f}")


def short_cifar(folder):
    """CIFAR-10 with a short test part: a run measures all of it."""
    parts = folder / "short"
    parts.mkdir()
    (parts / "data_batch_1.bin").write_bytes(content(data, "cifar-10", "data_batch_1.bin"))
    (parts / "test_batch.bin").write_bytes(content(data, "cifar-10", "test_batch.bin")[: 3073 * 20])
    return parts


data = sys.argv[1]
program = sys.argv[2] if len(sys.argv) > 2 else "target/release/valleys"
torch.manual_seed(1)
with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    for each in NETWORKS:
        checkpoints(*each, folder)
    run_and_back("resnet8", "cifar-10", short_cifar(folder), folder)
print("all equal")
