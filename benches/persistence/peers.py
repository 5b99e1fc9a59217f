"""Peers of the persistence bench. Reads tasks, one a line: library, file, rows, columns (f64), and a number or two.
Answers with CPU seconds, a checksum of the bars or the distance, and peak memory of the call in MB; or with `absent`
and the reason. A short task is repeated until 0.2 s have gone by."""

import os
import resource
import subprocess
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402


def checksum(diagrams):
    """Sum of the finite lifetimes of all diagrams."""
    total = 0.0
    for diagram in diagrams:
        bars = np.asarray(diagram, dtype=np.float64).reshape(-1, 2)
        bars = bars[np.isfinite(bars).all(1)]
        total += float((bars[:, 1] - bars[:, 0]).sum())
    return total


def grid_simplices(f):
    """Vertices and values of the triangulated grid, by dimension."""
    n, m = f.shape
    v = np.arange(n * m).reshape(n, m)
    pairs = [(v[:, :-1], v[:, 1:]), (v[:-1], v[1:]), (v[:-1, :-1], v[1:, 1:])]
    edges = np.concatenate([np.stack([p.ravel(), q.ravel()], 1) for p, q in pairs])
    corners = (v[:-1, 1:], v[1:, :-1])
    triangles = [np.stack([v[:-1, :-1].ravel(), x.ravel(), v[1:, 1:].ravel()], 1) for x in corners]
    return [v.reshape(-1, 1), edges, np.sort(np.concatenate(triangles), axis=1)]


def tree_of(cells, values):
    import gudhi

    tree = gudhi.SimplexTree()
    for vertices, value in zip(cells, values):
        tree.insert_batch(np.ascontiguousarray(vertices.T), value)
    return tree


def reduced(tree, indices):
    tree.compute_persistence(homology_coeff_field=2, persistence_dim_max=False)
    return checksum(tree.persistence_intervals_in_dimension(d) for d in range(indices + 1))


def executable(command):
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    total = 0.0
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("[") and "," in line:
            birth, death = line.strip("[] )").split(",")[:2]
            death = death.strip(" )")
            if death and death != "inf":
                total += float(death) - float(birth)
    return total


def task(library, path, x, numbers):
    """The call to time, and what to do before each."""
    dim = int(numbers[0]) if numbers else 0
    threshold = numbers[1] if len(numbers) > 1 else float("inf")
    if library == "ripser.py":
        import ripser

        return lambda: checksum(ripser.ripser(x, maxdim=dim, thresh=threshold)["dgms"])
    if library == "giotto-ph":
        import gph

        return lambda: checksum(gph.ripser_parallel(x, maxdim=dim, thresh=threshold, n_threads=1)["dgms"])
    if library == "GUDHI":
        from gudhi.sklearn.rips_persistence import RipsPersistence

        rips = RipsPersistence(
            homology_dimensions=list(range(dim + 1)), threshold=threshold, homology_coeff_field=2
        )
        return lambda: checksum(rips.fit_transform([x])[0])
    if library == "BLAS + linkage":
        from scipy.cluster.hierarchy import linkage

        def run():
            norms = (x * x).sum(1)
            squares = norms[:, None] + norms[None, :] - 2 * (x @ x.T)
            np.maximum(squares, 0, out=squares)
            np.sqrt(squares, out=squares)
            return float(linkage(squares[np.triu_indices(len(x), 1)], "single")[:, 2].sum())

        return run
    if library in ("Ripser", "holos-tda"):
        limit = [] if np.isinf(threshold) else ["--threshold", repr(threshold)]
        options = ["--format", "point-cloud", "--dim", str(dim), *limit]
        program = os.environ["VALLEYS_RIPSER" if library == "Ripser" else "VALLEYS_HOLOS"]
        if not os.path.exists(path + ".csv"):
            np.savetxt(path + ".csv", x, delimiter=",", fmt="%.17g")
        if library == "Ripser":
            return lambda: executable([program, *options, path + ".csv"])
        return lambda: executable([program, path + ".csv", *options, "--threads", "1"])
    if library == "GUDHI tree, grid":
        cells = grid_simplices(x)
        values = [x.ravel()[c].max(1) for c in cells]
        tree = tree_of(cells, values)
        return lambda: reduced(tree, 1)
    if library == "Oineus, grid":
        import oineus

        def run():
            options = oineus.ReductionParams()
            options.n_threads = 1
            options.clearing_opt = True
            filtration = oineus.freudenthal_filtration(x, max_dim=2, n_threads=1)
            matrix = oineus.Decomposition(filtration, False)
            matrix.reduce(options)
            diagrams = matrix.diagram(fil=filtration, include_inf_points=True)
            return checksum(np.asarray(diagrams.in_dimension(q)).reshape(-1, 2) for q in range(2))

        return run
    if library == "GUDHI tree":
        # Rows: value and vertices, absent ones negative.
        count = (x[:, 1:] >= 0).sum(1)
        rows = [x[count == k] for k in range(1, x.shape[1])]
        tree = tree_of([r[:, 1 : k + 2].astype(int) for k, r in enumerate(rows)], [r[:, 0] for r in rows])
        return lambda: reduced(tree, x.shape[1] - 2)
    half = len(x) // 2
    a, b = x[:half], x[half:]
    import gudhi.hera

    if library == "hera":
        return lambda: gudhi.hera.bottleneck_distance(a, b, 0.0)
    if library.startswith("POT"):
        import gudhi.wasserstein

        q, p = (1, np.inf) if library == "POT W1" else (2, 2)
        return lambda: gudhi.wasserstein.wasserstein_distance(a, b, order=q, internal_p=p)
    raise ValueError(library)


def peak():
    with open("/proc/self/status") as status:
        words = {line.split(":")[0]: line.split() for line in status}
    return int(words["VmHWM"][1]) / 1024, int(words["VmRSS"][1]) / 1024


def cpu():
    return sum(t for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN) for t in resource.getrusage(who)[:2])


resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30))
for line in sys.stdin:
    library, path, rows, columns, *numbers = line.strip().split("\t")
    try:
        x = np.fromfile(path).reshape(int(rows), int(columns))
        run = task(library, path, x, [float(number) for number in numbers])
        with open("/proc/self/clear_refs", "w") as clear:
            clear.write("5")
        before, start, runs = peak()[1], cpu(), 0
        while runs == 0 or cpu() - start < 0.2:
            value = run()
            runs += 1
        print(f"{(cpu() - start) / runs}\t{float(value)!r}\t{peak()[0] - before}", flush=True)
    except Exception as reason:  # A peer that is absent or gives up is a line of the table, too.
        print(f"absent\t{type(reason).__name__}", flush=True)
