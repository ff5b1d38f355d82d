"""The page for operators, against real databases and real balancers."""

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import psycopg
import pytest
from tests.support.pages import DOCS, SHELL, blocks, commands
from tests.support.ports import free_port
from tests.support.postgres import Postgres
from tests.support.server import Server, environment

from connector.client import Client, Refused

PAGE = DOCS / "operations.md"
PASSWORD = "choose-a-better-one"  # noqa: S105 - the page's


def shell(text: str, here: Path, **variables: str) -> str:
    """What the page's commands print, with ``connector`` and PostgreSQL's own programs where a shell finds them."""
    path = os.pathsep.join((str(Path(sys.executable).parent), variables.pop("PROGRAMS", ""), os.environ["PATH"]))
    done = subprocess.run(
        [*SHELL, text],
        cwd=here,
        env=environment({**variables, "PATH": path}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def database(postgresql: Postgres, tmp_path: Path) -> Iterator[str]:
    """A database that was made as the page says."""
    shell(commands(PAGE, "sh psql"), tmp_path, ADMIN_URL=postgresql.url, PROGRAMS=str(postgresql.programs))
    yield f"postgresql://connector:{PASSWORD}@127.0.0.1:{postgresql.port}/connector"
    with psycopg.connect(postgresql.url, autocommit=True) as connection:
        connection.execute("DROP DATABASE connector WITH (FORCE)")
        connection.execute("DROP ROLE connector")


@pytest.fixture
def replicas(database: str, tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """Two replicas as the page says, which tell clients the balancer's addresses."""
    ports = free_port(), free_port()
    settings = {
        "CONNECTOR_DATABASE__URL": database,
        "CONNECTOR_URLS__PUBLIC": f"https://localhost:{ports[0]}",
        "CONNECTOR_URLS__MTLS": f"https://localhost:{ports[1]}",
        "CONNECTOR_QUOTAS__TOKENS_A_MINUTE": "0",  # one system asks for its configuration again and again
        "CONNECTOR_LIMITS__BALANCERS": "127.0.0.1",
    }
    first, second = (Server(tmp_path / name / "data", settings) for name in ("a", "b"))
    with first:
        shutil.copytree(first.data / "ca", second.data / "ca", ignore=shutil.ignore_patterns("root.key"))
        with second:
            yield first, second


def placed(text: str, replicas: tuple[Server, Server], root: Path) -> str:
    """The page's configuration with the ports of this test in the place of the page's."""
    for number, server in enumerate(replicas, start=1):
        for port, name in (("8443", "public"), ("8444", "mtls")):
            text = text.replace(f"10.0.0.{number}:{port}", f"127.0.0.1:{httpx2.URL(server.urls[name]).port}")
    for port, name in (("8443", "PUBLIC"), ("8444", "MTLS")):
        bound = httpx2.URL(replicas[0].settings[f"CONNECTOR_URLS__{name}"]).port
        text = re.sub(rf"(bind |listen ):?{port}", rf"\g<1>127.0.0.1:{bound}", text)
    for line in text.splitlines():
        if " port 8443" in line:
            mtls = re.search(r"127\.0\.0\.1:(\d+)", line)
            assert mtls is not None
            (server,) = (one for one in replicas if one.urls["mtls"].endswith(mtls[1]))
            text = text.replace(line, line.replace("8443", str(httpx2.URL(server.urls["public"]).port)))
    return text.replace("/etc/connector/root.pem", str(root))


@contextmanager
def balancer(kind: str, replicas: tuple[Server, Server], here: Path) -> Iterator[None]:
    """HAProxy or nginx with the page's configuration, until the end of the block."""
    root = here / "root.pem"
    root.write_bytes(replicas[0].root)
    configuration = here / f"{kind}.conf"
    text = placed(commands(PAGE, kind), replicas, root)
    if kind == "nginx":
        module = "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n"
        text = f"{module}daemon off; pid {here}/nginx.pid; error_log {here}/nginx.log;\nevents {{ }}\n{text}"
    configuration.write_text(text)
    command = ["haproxy", "-f", str(configuration)] if kind == "haproxy" else ["nginx", "-c", str(configuration)]
    with (here / f"{kind}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def until_ready(url: str, root: bytes) -> None:
    """Wait until the balancer leads to somebody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=root.decode())
    deadline = time.monotonic() + 15
    with httpx2.Client(verify=context) as client:
        while time.monotonic() < deadline:
            with suppress(httpx2.HTTPError):
                if client.get(f"{url}/readyz").status_code == 200:
                    return
            time.sleep(0.1)
    raise AssertionError(url)


def outcome(client: Client, url: str) -> str:
    """What comes of asking for the configuration over a connection of its own: "answered", or the refusal's code."""
    with client:
        try:
            client.configuration(url)
        except Refused as refused:
            return refused.code
    return "answered"


@pytest.mark.parametrize("kind", ["haproxy", "nginx"])
def test_replicas_behind_a_balancer(kind: str, replicas: tuple[Server, Server], tmp_path: Path) -> None:
    """As the page configures it, a system lives its life through the balancer, on whatever replica it comes out; when
    one replica is restarted and the other killed, clients go on. The replicas see the clients' own addresses.
    """
    first, second = replicas
    with balancer(kind, replicas, tmp_path):
        public, mtls = (first.settings[f"CONNECTOR_URLS__{name}"] for name in ("PUBLIC", "MTLS"))
        until_ready(public, first.root)
        through = Server(first.data, first.settings, urls={"public": public, "mtls": mtls})
        identity = through.enroll(through.token(through.application("shop")), tmp_path / "identity")

        def ask() -> str:
            return outcome(through.holder(identity), through.mtls_connector)

        assert [ask() for _ in range(10)] == ["answered"] * 10
        curl = ["curl", "--silent", "--interface", "127.0.0.5", "--cacert", str(first.data / "ca" / "root.pem")]
        told = subprocess.run([*curl, f"{public}/nowhere"], check=True, capture_output=True, text=True).stdout
        assert "path_not_found" in told
        guess = [*curl, "--json", '{"query": "{ viewer { id } }"}', "-H", "Authorization: Bearer connector-key-guess"]
        subprocess.run([*guess, f"{public}/director/graphql"], check=True, capture_output=True)
        logs = first.log.read_text() + second.log.read_text()
        assert '"127.0.0.5"' in logs
        assert '"code":"key_unknown","address":"127.0.0.5"' in logs
        second.stop()
        assert ask() == "answered"
        second.start()  # on other ports, which the balancer does not know: the first is left
        assert ask() == "answered"
        serial = through.command("certificate", "list").stdout.split()[0]
        through.command("revoke", serial)
        assert ask() == "certificate_revoked"


def test_a_restore_of_sqlite(tmp_path: Path) -> None:
    """The page's backup, taken while the server runs, and its restore: who was in is in, what was spent is spent, what
    was revoked is revoked, and what came after the backup is not there.
    """
    with Server(tmp_path / "a" / "DIR") as server:
        kept, revoked = (server.enroll(server.token(server.application(name)), tmp_path / name) for name in "kr")
        spent = server.token(server.application("spent"))
        server.enroll(spent, tmp_path / "spent")
        serial = server.command("certificate", "list").stdout.splitlines()
        (of_revoked,) = (line.split()[0] for line in serial if revoked.subject.rpartition("=")[2] in line)
        server.command("revoke", of_revoked)
        shell(commands(PAGE, "sh backup"), server.data.parent)
        server.application("later")
        server.stop()

    shell(commands(PAGE, "sh restore"), server.data.parent)
    with tarfile.open(server.data.parent / "ca.tar") as archive:
        assert {Path(name).name for name in archive.getnames()} >= {"root.pem", "issuing.key", "issuing.pem"}
    restored = Server(server.data.parent / "RESTORED")
    with restored:
        shutil.copy(server.data / "admin.key", restored.data)
        assert outcome(restored.holder(kept), restored.mtls_connector) == "answered"
        assert outcome(restored.holder(revoked), restored.mtls_connector) == "certificate_revoked"
        assert outcome(restored.bearer(spent), restored.public_connector) == "token_spent"
        assert "later" not in restored.command("application", "list").stdout


def test_a_move_and_a_restore_of_postgresql(database: str, postgresql: Postgres, tmp_path: Path) -> None:
    """A SQLite installation is moved by the page's commands, dumped, and restored into another database: the holder of
    a certificate notices nothing.
    """
    server = Server(tmp_path / "a" / "DIR")
    with server:
        identity = server.enroll(server.token(server.application("shop")), tmp_path / "identity")
        server.stop()
    here = server.data.parent
    told = shell(commands(PAGE, "sh copy").replace(":5432", f":{postgresql.port}"), here)
    assert "certificates\t1\n" in told

    # The restored database is opened as the role of the page, which is no superuser.
    admin, restored = postgresql.url, database.removesuffix("connector") + "restored"
    names = {"ADMIN_URL": admin, "RESTORED_URL": restored, "PROGRAMS": str(postgresql.programs)}
    shell(commands(PAGE, "sh dump"), here, CONNECTOR_DATABASE__URL=database, **names)
    try:
        shell(commands(PAGE, "sh undump"), here, **names)
        for url in (database, restored):
            server.settings = {"CONNECTOR_DATABASE__URL": url}
            with server:
                assert outcome(server.holder(identity), server.mtls_connector) == "answered"
                assert server.stop() == 0
    finally:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute("DROP DATABASE IF EXISTS restored WITH (FORCE)")


def test_the_page_starts_a_server_as_it_says(database: str, postgresql: Postgres, tmp_path: Path) -> None:
    """The page's two lines start a server on PostgreSQL."""
    text = commands(PAGE, "sh serve").replace(":5432", f":{postgresql.port}").rstrip("\n")
    ports = "".join(f" --{listener} localhost:0" for listener in ("public", "mtls", "pki", "internal"))
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*SHELL, f"{text}{ports}".replace("connector serve", "exec connector serve")],
            cwd=tmp_path,
            env=environment({"PATH": path}),
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + 20
        while not (tmp_path / "DIR" / "addresses.json").exists():
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert not (tmp_path / "DIR" / "connector.db").exists()
    finally:
        process.terminate()
        process.wait(20)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM tenants").fetchone() == (1,)


def at(text: str, server: Server) -> str:
    """The commands with the address at which the pki listener really is."""
    assert "http://localhost:8080" in text
    return text.replace("http://localhost:8080", server.urls["pki"])


def test_the_page_asks_for_the_state_of_certificates(tmp_path: Path) -> None:
    """The page's commands fetch the CRL, and again only when it has changed; OpenSSL reads it, and is answered by OCSP;
    grep finds in the log all that one request did.
    """
    lists, status, search = (block for fence, block in blocks(PAGE) if fence == "sh")
    with Server(tmp_path / "asked" / "data", {"CONNECTOR_LOG__FORMAT": "json"}) as server:
        identity = server.enroll(server.token(server.application("asked")), tmp_path)
        shutil.copy(identity.chain, tmp_path / "certificate.pem")
        for name in ("root.pem", "issuing.pem"):
            shutil.copy(server.data / "ca" / name, tmp_path)
        deadline = time.monotonic() + 20
        while httpx2.get(f"{server.urls['pki']}/issuing.crl").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        for _ in range(2):
            shell(at(lists, server), tmp_path)
            assert "BEGIN X509 CRL" in (tmp_path / "issuing.crl.pem").read_text()
        assert "certificate.pem: good" in shell(at(status, server), tmp_path)

        shutil.copy(server.log, tmp_path / "connector.log")
        issued = [line for line in server.log.read_text().splitlines() if '"certificate.issued"' in line]
        (request_id,) = {json.loads(line)["request_id"] for line in issued}
        found = shell(re.sub("[0-9a-f]{16}", request_id, search), tmp_path)
        assert {json.loads(line)["event"] for line in found.splitlines()} >= {"token.spent", "certificate.issued"}


def test_the_page_says_what_is_refused(tmp_path: Path) -> None:
    """The sentence about a file that others can read is the command's own; the page's settings are settings."""
    (told,) = (block for fence, block in blocks(PAGE) if fence == "text")
    (settings,) = (block for fence, block in blocks(PAGE) if fence == "toml")
    with Server(tmp_path / "refused" / "data") as server:
        assert server.stop() == 0
        (server.data / "connector.toml").write_text(settings)
        server.command("config", "check")
        (command,) = (block for fence, block in blocks(PAGE) if fence == "sh doctor")
        assert "cannot be reached" in shell(f"{command.strip().replace('DIR', str(server.data))} || true", tmp_path)
        assert "http://pki.example.com" in server.command("config", "show").stdout
        (server.data / "admin.key").chmod(0o644)
        refused = server.command("tenant", "list", check=False)
        assert refused.returncode == 2
        assert told.replace("/var/lib/connector", str(server.data)).strip() in refused.stderr


def test_every_command_of_the_page_is_run() -> None:
    """No block of the page is one that no test here takes."""
    run = {"psql", "serve", "copy", "backup", "restore", "dump", "undump", "doctor"}
    kinds = [fence for fence, _ in blocks(PAGE)]
    assert {kind for kind in kinds if kind.startswith("sh ")} == {f"sh {each}" for each in run}
    assert sorted(kind for kind in kinds if not kind.startswith("sh ")) == [
        *("haproxy", "nginx"),
        *("sh", "sh", "sh"),
        *("text", "toml", "toml balancers"),
    ]
