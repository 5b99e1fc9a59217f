"""Copies the summary of a run directory here, without the paths of the machine.

    python docs/results/collect.py RUN NAME
"""

import json
import pathlib
import sys

run, name = sys.argv[1:]
summary = json.loads((pathlib.Path(run) / "summary.json").read_text())
summary["config"]["data"].pop("dir", None)
source = summary["provenance"].get("source")
if source and "files" in source:
    source["files"] = [pathlib.Path(file).name for file in source["files"]]
out = pathlib.Path(__file__).parent / f"{name}.json"
out.write_text(json.dumps(summary, indent=1) + "\n")
print(f"{out}: {out.stat().st_size} bytes")
