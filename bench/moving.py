"""How long an import from Compass takes, and how much memory: `python -m bench.moving --applications 100000`.

It is no phase of `make bench`: nothing is served. The command runs as an operator runs it, into
SQLite, beside a server that is running, from a database that is filled by SQL.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.support.compass import CompassDatabase, OldCA, compass_database, write_revocations
from tests.support.postgres import postgres
from tests.support.server import COMMAND, Server, environment

FILL = """
INSERT INTO business_tenant_mappings (id, external_name, external_tenant, status, type)
    SELECT gen_random_uuid(), 'Tenant ' || n, 'tenant-' || n, 'Active', 'account' FROM generate_series(0, 999) AS n;
CREATE TEMPORARY TABLE numbered AS
    SELECT id, row_number() OVER (ORDER BY external_tenant) - 1 AS n FROM business_tenant_mappings;
INSERT INTO formations (id, tenant_id, formation_template_id, name, state)
    SELECT gen_random_uuid(), id, gen_random_uuid(), 'production', 'READY' FROM business_tenant_mappings;
INSERT INTO applications (id, name, description, provider_name, base_url)
    SELECT gen_random_uuid(), 'application-' || n, 'Orders and invoices', 'ACME', 'https://app-' || n || '.example'
    FROM generate_series(1, {applications}) AS n;
INSERT INTO tenant_applications (tenant_id, id, owner, source)
    SELECT numbered.id, a.id, true, numbered.id
    FROM (SELECT id, row_number() OVER () AS n FROM applications) AS a JOIN numbered ON numbered.n = a.n % 1000;
INSERT INTO labels (id, tenant_id, app_id, key, value, version)
    SELECT gen_random_uuid(), tenant_id, id, 'scenarios', '["production"]', 0 FROM tenant_applications;
INSERT INTO labels (id, app_id, key, value, version)
    SELECT gen_random_uuid(), a.id, l.key, l.value::jsonb, 0 FROM applications AS a,
    (VALUES ('name', '"mp-app"'), ('stage', '"production"'), ('teams', '["blue", "green"]')) AS l (key, value);
INSERT INTO system_auths (id, tenant_id, app_id, value)
    SELECT gen_random_uuid(), tenant_id, id, '{{"CertCommonName": "x"}}' FROM tenant_applications;
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Fill the database, import it twice, and say how long it took."""
    parser = argparse.ArgumentParser(prog="python -m bench.moving", description=__doc__)
    parser.add_argument("--applications", type=int, default=100_000)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="connector-bench-") as name, postgres() as running:
        directory = Path(name)
        with compass_database(running) as there, Server(directory / "server" / "data") as server:
            there.connection.execute(FILL.format(applications=given.applications).encode())
            there.connection.execute(b"ANALYZE")
            for what in ("first import", "second import, nothing new"):
                _import(there, server, directory, what)


def _import(there: CompassDatabase, server: Server, directory: Path, what: str) -> None:
    ca, revocations = directory / "ca", directory / "revocations.json"
    if not ca.exists():
        OldCA().write(ca)
        write_revocations(revocations)
    command = ["import", "compass", "--database", there.url, "--ca", str(ca), "--revocations", str(revocations)]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime, time.monotonic()
    done = subprocess.run(
        [*COMMAND, *command, "--data-dir", str(server.data)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    seconds, used = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    print(done.stdout, done.stderr, file=sys.stderr)
    print(f"{what}: {seconds:.0f} s, {used.ru_utime - before:.0f} s of processor, at most {used.ru_maxrss // 1024} MiB")


if __name__ == "__main__":
    main()
