"""Paired timings: turns, ratios, verdicts."""

import time

import pytest

from dtsen_spark.bench.ratios import Bound, Candidate, PeakMemory, Timing, compare, judge


def test_candidates_take_turns_and_none_always_runs_first():
    order = []
    candidates = [Candidate(name, lambda name=name: order.append(name)) for name in "abc"]
    timings = compare(candidates, rounds=3)
    assert order == [*"abc", *"abc", *"bca", *"cab"]
    assert {name: len(one.seconds) for name, one in timings.items()} == {"a": 3, "b": 3, "c": 3}


def test_a_ratio_pairs_the_rounds_so_that_a_slow_minute_hits_both():
    timings = {
        "mine": Timing("mine", (1.0, 10.0, 1.0), (3.0, 3.0, 9.0), 0),
        "base": Timing("base", (2.0, 20.0, 1.0), (1.0, 2.0, 3.0), 0),
    }
    (verdict,) = judge(timings, [Bound("mine", "base", gate=0.5)])
    assert verdict.ratio == pytest.approx(0.5)
    assert verdict.cpu_ratio == pytest.approx(3.0)
    assert verdict.passed
    assert not judge(timings, [Bound("mine", "base", gate=0.49)])[0].passed


def test_processor_time_is_that_of_the_work_not_of_waiting():
    def work():
        until = time.process_time() + 0.2
        while time.process_time() < until:
            pass

    timings = compare([Candidate("work", work), Candidate("wait", lambda: time.sleep(0.3))], rounds=1, warm_up=False)
    assert timings["work"].median_cpu >= 0.15 > timings["wait"].median_cpu


def test_peak_memory_sees_what_was_held_only_for_a_while():
    with PeakMemory() as small:
        pass
    with PeakMemory() as large:
        held = bytearray(200 * 2**20)
        held[::4096] = b"x" * len(held[::4096])
        while large.peak_bytes < small.peak_bytes + 100 * 2**20:
            pass
    assert large.peak_bytes > small.peak_bytes + 100 * 2**20
