"""Paired timings: candidates take turns in one run, so that a noisy machine troubles all of them alike."""

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final

import psutil
from rich.console import Console
from rich.table import Table

_SAMPLE_SECONDS: Final = 0.25


@dataclass(frozen=True)
class Candidate:
    """One way to do the work that is compared.

    Attributes:
        name: What it is, for people.
        run: Does the work once, completely.
    """

    name: str
    run: Callable[[], None]


@dataclass(frozen=True)
class Bound:
    """What a ratio should be at most.

    Attributes:
        candidate: Name of the candidate that is judged.
        base: Name of the candidate that it is divided by.
        gate: Largest ratio that is accepted.
        goal: Largest ratio that is hoped for, if that is less.
    """

    candidate: str
    base: str
    gate: float
    goal: float | None = None


@dataclass(frozen=True)
class Timing:
    """Rounds of one candidate.

    Attributes:
        name: The candidate.
        seconds: Seconds of each round.
        cpu_seconds: Processor time of each round, all processes and cores together; other work does not change it.
        peak_bytes: Largest resident memory of the process tree while it ran.
    """

    name: str
    seconds: tuple[float, ...]
    cpu_seconds: tuple[float, ...]
    peak_bytes: int

    @property
    def median(self) -> float:
        """Median of its rounds, seconds."""
        return statistics.median(self.seconds)

    @property
    def median_cpu(self) -> float:
        """Median of the processor time of its rounds, seconds."""
        return statistics.median(self.cpu_seconds)


@dataclass(frozen=True)
class Verdict:
    """A ratio against its bound: the median over rounds of one candidate's seconds by another's.

    Attributes:
        bound: What it is held against.
        ratio: Of the seconds; this one is judged.
        cpu_ratio: Of the processor time, where it was measured: told beside it, for a machine that does other work.
    """

    bound: Bound
    ratio: float
    cpu_ratio: float | None = None

    @property
    def passed(self) -> bool:
        """Whether the gate holds."""
        return self.ratio <= self.bound.gate


class PeakMemory:
    """Context that samples the resident memory of this process and all its children."""

    def __enter__(self) -> "PeakMemory":
        self.peak_bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        while True:
            total = 0
            for process in (me, *me.children(recursive=True)):
                try:
                    total += process.memory_info().rss
                except psutil.Error:  # it ended between the listing and the look
                    continue
            self.peak_bytes = max(self.peak_bytes, total)
            if self._stop.wait(_SAMPLE_SECONDS):
                return


def _cpu_seconds() -> float:
    """Return the processor time that this process and its children have used, those that ended among them."""
    me = psutil.Process()
    ended = me.cpu_times()
    total = float(ended.children_user + ended.children_system)
    for process in (me, *me.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.Error:  # it ended between the listing and the look
            continue
        total += times.user + times.system
    return total


def compare(candidates: Sequence[Candidate], rounds: int, *, warm_up: bool = True) -> dict[str, Timing]:
    """Time candidates in turns; the order rotates, so that none always runs first.

    Args:
        candidates: What is compared.
        rounds: Timed rounds of each.
        warm_up: Run each once before, untimed: compilation is not what is compared.

    Returns:
        The timings by name.
    """
    if warm_up:
        for one in candidates:
            one.run()
    seconds: dict[str, list[float]] = {one.name: [] for one in candidates}
    cpu: dict[str, list[float]] = {one.name: [] for one in candidates}
    peaks = dict.fromkeys(seconds, 0)
    for number in range(rounds):
        turn = number % len(candidates)
        for one in (*candidates[turn:], *candidates[:turn]):
            with PeakMemory() as memory:
                used, began = _cpu_seconds(), time.perf_counter()
                one.run()
                seconds[one.name].append(time.perf_counter() - began)
                cpu[one.name].append(_cpu_seconds() - used)
            peaks[one.name] = max(peaks[one.name], memory.peak_bytes)
    return {name: Timing(name, tuple(times), tuple(cpu[name]), peaks[name]) for name, times in seconds.items()}


def together(name: str, parts: Sequence[Timing]) -> Timing:
    """Return the timing of several candidates that are one thing, round by round."""
    seconds = zip(*(one.seconds for one in parts), strict=True)
    cpu = zip(*(one.cpu_seconds for one in parts), strict=True)
    return Timing(name, tuple(map(sum, seconds)), tuple(map(sum, cpu)), max(one.peak_bytes for one in parts))


def judge(timings: dict[str, Timing], bounds: Sequence[Bound]) -> list[Verdict]:
    """Return the ratio of each bound: the median of the ratios of the rounds, which were paired."""
    verdicts = []
    for bound in bounds:
        mine, other = timings[bound.candidate], timings[bound.base]
        cpu = _median_ratio(mine.cpu_seconds, other.cpu_seconds) if all(other.cpu_seconds) else None
        verdicts.append(Verdict(bound, _median_ratio(mine.seconds, other.seconds), cpu))
    return verdicts


def judge_seconds(timing: Timing, goal: float) -> Verdict:
    """Return the verdict on a candidate that is held to seconds: the median of its rounds over those of the goal."""
    return Verdict(Bound(timing.name, f"{goal:g} s", 1.0), timing.median / goal)


def _median_ratio(mine: Sequence[float], others: Sequence[float]) -> float:
    return statistics.median(one / other for one, other in zip(mine, others, strict=True))


def print_comparison(out: Console, title: str, timings: dict[str, Timing], verdicts: Sequence[Verdict]) -> None:
    """Print seconds and memory of each candidate, then each ratio with its gate and goal."""
    table = Table(title=title, title_justify="left")
    for heading in ("candidate", "median s", "least s", "most s", "median CPU s", "rounds", "peak GiB"):
        table.add_column(heading, justify="left" if heading == "candidate" else "right")
    for one in timings.values():
        span = (f"{value:.2f}" for value in (one.median, min(one.seconds), max(one.seconds), one.median_cpu))
        table.add_row(one.name, *span, str(len(one.seconds)), f"{one.peak_bytes / 2**30:.2f}")
    out.print(table)
    for verdict in verdicts:
        print_verdict(out, verdict)


def print_verdict(out: Console, verdict: Verdict) -> None:
    """Print a ratio with its gate and goal."""
    bound = verdict.bound
    goal = "" if bound.goal is None else f", goal {bound.goal:g}"
    word = "holds" if verdict.passed else "MISSED"
    cpu = "" if verdict.cpu_ratio is None else f" ({verdict.cpu_ratio:.2f} of the processor time)"
    out.print(
        f"{bound.candidate} / {bound.base} = {verdict.ratio:.2f}{cpu}   gate {bound.gate:g}{goal}: {word}", markup=False
    )
