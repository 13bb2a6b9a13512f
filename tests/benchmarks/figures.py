"""What all benchmarks print: figures by name, as a table for people or one JSON object on the last line."""

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence


def options(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    return parser


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of the values do not exceed, by nearest rank."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, max(0, round(share * len(ranked) + 0.5) - 1))]


def p50_p99(name: str, values: Sequence[float]) -> dict[str, float]:
    """Figures `<name>_p50_ms` and `<name>_p99_ms` of times in milliseconds."""
    return {f"{name}_p50_ms": round(statistics.median(values), 2), f"{name}_p99_ms": round(percentile(values, 0.99), 2)}


def show(figures: Mapping[str, object], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(figures))
        return
    width = max(map(len, figures))
    for name, value in figures.items():
        print(f"{name:{width}}  {value}")
