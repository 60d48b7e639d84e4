import pytest
from rounds import Spread, interleaved, ratios

SCRIPT = """
import json, os, sys
print("something else")
print(json.dumps({"seconds": {"slow": 4, "fast": 2}[sys.argv[2]], "process": os.getpid()}))
"""


def test_each_round_of_each_variant_has_a_process_of_its_own(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    found = interleaved(script, ("slow", "fast"), 2)
    processes = [reading["process"] for rounds in found.values() for reading in rounds]
    assert len(set(processes)) == 4
    assert ratios(found, "slow", "fast", "seconds") == Spread(2, 2, 2)


def test_a_failing_variant_says_why(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("raise SystemExit('no such variant')")
    with pytest.raises(RuntimeError, match="no such variant"):
        interleaved(script, ("slow",), 1)


def test_ratios_are_formed_within_rounds():
    found = {"a": [{"cpu": 2}, {"cpu": 30}], "b": [{"cpu": 1}, {"cpu": 10}]}
    assert ratios(found, "a", "b", "cpu") == Spread(2.5, 2, 3)


def test_spreads_are_readable():
    assert str(Spread(2132.4, 0.01234, 99.94)) == "2,132 (0.0123 to 99.9)"
