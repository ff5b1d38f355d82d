"""Two workers of one listener: prints its port, serves, prints "stopped". A worker does what the first argument says.

``serve``: serve; ``fail``: raise at once; ``stick``: say that it is ready, and then hear nothing.
"""

import asyncio
import os
import sys
import time

import uvloop
from tests.support.serving import listener

from connector.serving import Listener, Loads, Worker, WorkersError, serve, work
from connector.system import telemetry

WORKERS = 2


def run(worker: Worker, listener: Listener, does: str, grace: float) -> None:
    """Be a worker."""
    if does == "fail":
        raise RuntimeError("this worker never works")
    if does == "stick":
        worker.ready()
        time.sleep(60)

    async def main() -> None:
        stop, hurry = asyncio.Event(), asyncio.Event()
        worker.obey(stop, hurry)
        await serve([listener], grace=grace, ready=worker.ready, stop=stop, hurry=hurry)

    uvloop.run(main())


def main(does: str, grace: float) -> None:
    """Serve until a signal comes."""
    telemetry.configure("info", "json")
    one, loads = listener(), Loads(WORKERS)

    def be(worker: Worker) -> None:
        served = Listener(one.bound, one.app, limits=one.limits, load=loads.of(worker.number))
        telemetry.configure("info", "json", fields={"worker": worker.number, "pid": os.getpid()})
        run(worker, served, does, grace)

    try:
        work(
            WORKERS,
            be,
            bound=[one.bound],
            loads=[loads],
            grace=grace,
            ready=lambda: print(one.bound.port, flush=True),  # noqa: T201 - it is read by the test
        )
    except WorkersError as error:
        sys.exit(str(error))
    print("stopped", flush=True)  # noqa: T201 - it is read by the test


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
