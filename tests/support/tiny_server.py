"""A server of one listener in a process of its own: prints its port, serves, prints "stopped"."""

import asyncio
import sys

import uvloop
from tests.support.serving import listener

from connector.serving import serve


def main(grace: float) -> None:
    """Serve until a signal comes."""
    one = listener()
    uvloop.run(serve([one], grace=grace, ready=lambda: print(one.bound.port, flush=True), stop=asyncio.Event()))  # noqa: T201 - it is read by the test
    print("stopped", flush=True)  # noqa: T201 - it is read by the test


if __name__ == "__main__":
    main(float(sys.argv[1]))
