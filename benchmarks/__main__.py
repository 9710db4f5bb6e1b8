"""`make bench`: every benchmark, one after the other."""

from benchmarks import imports, polling, serving, storage


def main() -> None:
    """Print each figure as it comes; a missed aim is said, and is no failure: machines differ."""
    benchmarks = (("polling", polling), ("serving", serving), ("storage", storage), ("imports", imports))
    for title, benchmark in benchmarks:
        print(f"\n{title}: {(benchmark.__doc__ or '').splitlines()[0]}", flush=True)
        for ratio in benchmark.run():
            print(f"  {ratio}", flush=True)


if __name__ == "__main__":
    main()
