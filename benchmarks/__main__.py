"""`make bench`: every benchmark, one after the other."""

from importlib import import_module

TITLES = ("polling", "serving", "storage", "imports")


def main() -> None:
    """Print each figure as it comes; a missed aim is said, and is no failure: machines differ.

    Each is imported in its turn: processes that a benchmark starts import this module, and their memory is measured.
    """
    for title in TITLES:
        benchmark = import_module(f"benchmarks.{title}")
        print(f"\n{title}: {(benchmark.__doc__ or '').splitlines()[0]}", flush=True)
        for ratio in benchmark.run():
            print(f"  {ratio}", flush=True)


if __name__ == "__main__":
    main()
