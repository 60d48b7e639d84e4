"""How long `python -m imagenet_transfer labels` takes, next to what it cannot do without.

    .venv/bin/python benchmarks/command_start.py

takes under a minute. Prints the least of some starts of Python, of Python with pandas (and so NumPy),
and of the command, as ratios to the second: the command should stay within twice of that.
"""

import subprocess
import sys
import time

REPEATS = 7
STARTS = {
    "Python": ["-c", "pass"],
    "import pandas": ["-c", "import pandas"],
    "labels top-down --round 1": ["-m", "imagenet_transfer", "labels", "top-down", "--round", "1"],
}


def seconds(words: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    least = dict.fromkeys(STARTS, float("inf"))
    for _ in range(REPEATS):  # in turns, so that another load meets all of them
        least = {name: min(least[name], seconds(words)) for name, words in STARTS.items()}
    for name, time_of in least.items():
        print(f"{name:28} {time_of:5.2f} s  {time_of / least['import pandas']:5.2f}")


if __name__ == "__main__":
    main()
