"""`make bench`: measure, print tables, and write them into docs/performance.md.

Three parts: `throughput` compares the whole path with a script, `supervision` measures what happens when things go
wrong, `client` what a program of the user's own has to wait for.

In the first part both clients take turns, in the other order each round, so that a noisy minute hits both; what is
reported are medians of the rounds, and the ratio is the median of the ratios within each round.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from bench.client_library import measure as measure_client
from bench.clients import machine, run_handwritten, run_upbitd
from bench.document import write_part
from bench.figures import Figures
from bench.rows import Row
from bench.rows import report as report_rows
from bench.supervision import measure as measure_supervision

PARTS: Final = ("throughput", "supervision", "client")
MEASURES: Final[dict[str, Callable[[float], list[Row]]]] = {
    "supervision": measure_supervision,
    "client": measure_client,
}
MB: Final = 1024 * 1024


class Case(NamedTuple):
    """One load: kind of message, how many, and at which rate (0 is flat out)."""

    name: str
    kind: str
    count: int
    rate: float


CASES: Final = (
    Case("tickers, flat out", "ticker", 300_000, 0),
    Case("books of 30 levels, flat out", "orderbook", 60_000, 0),
    Case("tickers, 1,000/s", "ticker", 4_000, 1_000),
    Case("tickers, 5,000/s", "ticker", 20_000, 5_000),
)
CLIENTS: Final[dict[str, Callable[[str, int, float], Figures]]] = {"script": run_handwritten, "upbitd": run_upbitd}

Results = dict[Case, dict[str, list[Figures]]]


def measure(rounds: int, scale: float) -> Results:
    """Run all cases with both clients, with progress on stderr."""
    results: Results = {case: {name: [] for name in CLIENTS} for case in CASES}
    began_s = time.monotonic()
    for number in range(rounds):
        order = list(CLIENTS) if number % 2 == 0 else list(reversed(CLIENTS))
        for case in CASES:
            for name in order:
                figures = CLIENTS[name](case.kind, max(int(case.count * scale), 1000), case.rate)
                results[case][name].append(figures)
                passed_s = time.monotonic() - began_s
                print(
                    f"{passed_s:5.0f} s  round {number + 1}/{rounds}  {case.name:30} {name:7} {figures.rate:10,.0f}/s",
                    file=sys.stderr,
                )
    return results


def median(values: list[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def p50_us(figures: Figures) -> float:
    """Median latency of one run, from the server's send to the callback."""
    return statistics.median(figures.latencies_us)


def report(results: Results, rounds: int) -> str:
    """The tables, as they stand in the document."""
    lines = [
        f"Measured {time.strftime('%Y-%m-%d')} on {machine()}; {rounds} rounds, medians.",
        "",
        "| load | script, events/s | upbitd, events/s | ratio | lost |",
        "|---|---|---|---|---|",
    ]
    for case, runs in results.items():
        if case.rate == 0:
            ratio = median(
                [ours.rate / theirs.rate for ours, theirs in zip(runs["upbitd"], runs["script"], strict=True)]
            )
            rates = [median([figures.rate for figures in runs[name]]) for name in CLIENTS]
            lost = sum(figures.lost for figures in runs["upbitd"])
            lines.append(f"| {case.name} | {rates[0]:,.0f} | {rates[1]:,.0f} | {ratio:.2f} | {lost} |")
    lines += ["", "| load | script, p50 | upbitd, p50 |", "|---|---|---|"]
    for case, runs in results.items():
        if case.rate:
            times = [median([p50_us(figures) for figures in runs[name]]) for name in CLIENTS]
            lines.append(f"| {case.name} | {times[0]:.0f} µs | {times[1]:.0f} µs |")
    lines += [
        "",
        "| load | CPU an event: script | upbitd, connection actor | upbitd, consumer |",
        "|---|---|---|---|",
    ]
    for case, runs in results.items():
        costs = [
            median([figures.cpu_us() for figures in runs["script"]]),
            median([figures.cpu_us("connection") for figures in runs["upbitd"]]),
            median([figures.cpu_us("consumer") for figures in runs["upbitd"]]),
        ]
        lines.append(f"| {case.name} | {costs[0]:.1f} µs | {costs[1]:.1f} µs | {costs[2]:.1f} µs |")
    flat = results[CASES[0]]
    memory = [
        median([figures.rss_bytes[role] / MB for figures in flat[name]])
        for name, role in (("script", "script"), ("upbitd", "connection"), ("upbitd", "consumer"))
    ]
    script, connection, consumer = memory
    lines += [
        "",
        f"Resident memory: script {script:.0f} MiB, connection actor {connection:.0f}, consumer {consumer:.0f}.",
    ]
    return "\n".join(lines) + "\n"


def measure_part(part: str, rounds: int, scale: float) -> str:
    """Measure one part and return its tables."""
    if part == "throughput":
        return report(measure(rounds, scale), rounds)
    head = f"Measured {time.strftime('%Y-%m-%d')} on {machine()}."
    return f"{head}\n\n{report_rows(MEASURES[part](scale))}\n"


def main() -> None:
    """Measure, print, write."""
    options = argparse.ArgumentParser(prog="bench", description=__doc__)
    options.add_argument("--only", choices=PARTS, help="measure this part alone")
    options.add_argument("--rounds", type=int, default=5, help="of the comparison with a script")
    options.add_argument("--scale", type=float, default=1.0, help="times as many events; below 1 for a quick look")
    options.add_argument("--print", action="store_true", help="print only; leave docs/performance.md as it is")
    chosen = options.parse_args()
    for part in (chosen.only,) if chosen.only else PARTS:
        tables = measure_part(part, chosen.rounds, chosen.scale)
        print(tables)
        if not chosen.print:
            write_part(part, tables)


if __name__ == "__main__":
    main()
