"""What starting costs: imports, help, and the first call with and without numba's cache.

    python benchmarks/startup.py                 # a minute or two; writes its part of RESULTS.md
    python benchmarks/startup.py --repeats 3

Every measurement is the wall time of a fresh process, the interpreter's own start included, and
the best of several; the rounds go over all of them in turn, so that a busy minute hits all alike,
and one round before the first fills the file cache and Python's compiled files. The first call
fits, recommends and evaluates in a small world, with an empty folder for numba's cache and then
with what that run left in it. Packages that are not installed are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from accuracy import machine, write_section

#: other packages, of which the import is measured where they are installed
PEERS = ("implicit", "lenskit", "torch")
VERB = "import sys; from suffuse.recsys.cli import main; sys.argv = ['suffuse', {}]; main()"
#: what is measured, and the code that a fresh Python runs
CODES = {
    "`python -c pass`": "pass",
    "`import suffuse`": "import suffuse",
    "`import suffuse.recsys`": "import suffuse.recsys",
    "`suffuse --version`": VERB.format("'--version'"),
    "`suffuse --help`": VERB.format("'--help'"),
    "`suffuse fit --help`": VERB.format("'fit', '--help'"),
    "`from suffuse import PropagationOperator`": "from suffuse import PropagationOperator",
    "`from suffuse import ALS, SocialDiffusion`": "from suffuse import ALS, SocialDiffusion",
    "every import of the first call": (
        "import suffuse as sf; sf.SocialDiffusion, sf.EASE, sf.evaluate; "
        "sf.datasets.make_social_world, sf.datasets.split_random"
    ),
}
CALL = """
import json
import suffuse as sf
from suffuse.recsys.compiling import compiling
world = sf.datasets.make_social_world(n_users=300, n_items=100, homophily=0.6, rng=0)
train, test = sf.datasets.split_random(world.interactions, rng=0)
model = sf.SocialDiffusion(sf.EASE(regularization=10.0), damping=0.3, memory=0.5, background=0.01)
with compiling() as compiled:
    recs = model.fit(train, social=world.social).recommend(k=10)
    sf.evaluate(recs, test, train=train)
print(json.dumps([compiled.functions, compiled.seconds]))
"""
COLD, WARM = "first call, nothing compiled yet", "first call, compiled by an earlier run"


def timed(code: str, cache: Path | None = None) -> tuple[float, str]:
    """Wall seconds of a fresh Python that runs the code, and what it printed."""
    place = {} if cache is None else {"NUMBA_CACHE_DIR": str(cache)}
    command = [sys.executable, "-c", code]
    began = time.perf_counter()
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | place
    )
    return time.perf_counter() - began, done.stdout


def measured(repeats: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds of every process, and what numba compiled in the first call: functions, seconds."""
    peers = {f"`import {name}`": f"import {name}" for name in PEERS if find_spec(name)}
    codes = CODES | peers
    seconds: dict[str, list[float]] = {name: [] for name in (*codes, COLD, WARM)}
    compiled: dict[str, list[float]] = {}
    for turn in range(repeats + 1):
        for name, code in codes.items():
            taken, _ = timed(code)
            if turn:
                seconds[name].append(taken)
        with tempfile.TemporaryDirectory() as folder:
            for name in (COLD, WARM):
                taken, told = timed(CALL, Path(folder))
                if not turn:
                    continue
                if taken <= min(seconds[name], default=taken):
                    compiled[name] = json.loads(told)
                seconds[name].append(taken)
        print(f"round {turn} of {repeats}", flush=True)
    return seconds, compiled


def text_of(seconds: dict[str, list[float]], compiled: dict[str, list[float]], repeats: int) -> str:
    """The section, as Markdown."""
    missing = [name for name in PEERS if not find_spec(name)]
    left_out = f" Not installed here: {', '.join(missing)}." if missing else ""
    lines = [
        "## Start-up",
        "",
        f"{machine()}. Seconds of a fresh process, the interpreter's own start included; best of "
        f"{repeats} rounds, and the slowest.{left_out} The first call fits, recommends and "
        "evaluates in a world of 300 users. `python benchmarks/startup.py`",
        "",
        "| process | best s | slowest s | functions compiled | compiling s |",
        "|---|---|---|---|---|",
    ]
    for name, values in seconds.items():
        functions, taken = compiled.get(name, (0, 0.0))
        told = f"{functions:.0f} | {taken:.2f}" if name in compiled else " | "
        lines.append(f"| {name} | {min(values):.2f} | {max(values):.2f} | {told} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--dry", action="store_true", help="print, and write nothing")
    options = parser.parse_args()
    text = text_of(*measured(options.repeats), options.repeats)
    print(text)
    if not options.dry:
        write_section("startup", text)


if __name__ == "__main__":
    main()
