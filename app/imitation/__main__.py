"""`python -m app.imitation`: the demo's registries on loopback ports, until standard input ends.

Prints one line of JSON, `{"docker.io": "http://127.0.0.1:PORT", ...}`, with Docker Hub's web API as "hub.docker.com".
`PUT /_imitation/clock` on any port moves time.
"""

import argparse
from datetime import UTC, datetime

import uvloop

from app.imitation.demo import build_demo_world
from app.imitation.hub import HUB_API
from app.imitation.serve import SettableClock, serve_until_stdin_ends, with_clock_control
from app.imitation.wire import App


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m app.imitation")
    parser.add_argument("--now", type=datetime.fromisoformat, default=datetime.now(UTC), help="end of the two years")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    demo = build_demo_world(arguments.now, arguments.seed)
    clock = SettableClock(demo.change_times()[0])
    apps: dict[str, App] = {**demo.registries(clock), HUB_API: demo.hub(clock)}
    uvloop.run(serve_until_stdin_ends({host: with_clock_control(app, clock) for host, app in apps.items()}))


if __name__ == "__main__":
    main()
