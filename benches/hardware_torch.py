"""Times the training step of ResNet-20, batch 128, in PyTorch on a GPU: eager, compiled, and as a CUDA graph.

Prints one JSON document: milliseconds of a step, the least and the median of 200, by way. The ways take turns, so that clocks
and temperatures are the same for all. On a machine without CUDA it times the eager step on the processor.
"""
import importlib.util
import json
import pathlib
import statistics
import sys
import time

import torch
import torch.nn.functional as F

BATCH, STEPS, ROUNDS = 128, 50, 4
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def resnet20():
    """The network of images_torch.py, whose program reads standard input: only its definitions are used."""
    path = pathlib.Path(__file__).with_name("images_torch.py")
    source = path.read_text().rsplit("\nmain()", 1)[0]
    spec = importlib.util.spec_from_loader("images_torch", loader=None)
    module = importlib.util.module_from_spec(spec)
    exec(compile(source, str(path), "exec"), module.__dict__)
    return module.resnet(3, 1).to(DEVICE, memory_format=torch.channels_last)


def make(way):
    """A step on static inputs."""
    torch.manual_seed(0)
    model = resnet20()
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, nesterov=True, weight_decay=5e-4, fused=True)
    images = torch.rand(BATCH, 3, 32, 32, device=DEVICE).to(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (BATCH,), device=DEVICE)
    forward = torch.compile(model) if way == "compiled" else model

    def step():
        optimiser.zero_grad(set_to_none=way != "graph")
        F.cross_entropy(forward(images), labels).backward()
        optimiser.step()

    if way != "graph":
        return step
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def wait():
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def main():
    ways = ["eager", "compiled", "graph"] if DEVICE == "cuda" else ["eager"]
    steps, times = {}, {way: [] for way in ways}
    for way in ways:
        try:
            steps[way] = make(way)
            for _ in range(5):
                steps[way]()
            wait()
        except Exception as error:  # A way that this installation lacks is told, and the others are timed.
            print(f"{way}: {error}", file=sys.stderr)
            steps.pop(way, None)
    for _ in range(ROUNDS):
        for way, step in steps.items():
            for _ in range(STEPS if DEVICE == "cuda" else 2):
                wait()
                begin = time.perf_counter()
                step()
                wait()
                times[way].append(1e3 * (time.perf_counter() - begin))
    name = torch.cuda.get_device_name() if DEVICE == "cuda" else "processor"
    result = {way: {"least_ms": min(t), "median_ms": statistics.median(t)} for way, t in times.items() if t}
    print(json.dumps({"device": name, "torch": torch.__version__, "batch": BATCH, "steps": result}, indent=1))


main()
