"""The examples, run by the programs that they are for."""

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from tests.support.agents import agent, enrolled
from tests.support.server import Server, environment

from connector.agent.cli import parser

EXAMPLES = Path(__file__).parents[3] / "examples"
SECONDS = 20.0
VIEWER = '{"data": {"viewer": {"id": '


@pytest.fixture
def directory(server: Server, tmp_path: Path) -> Path:
    return enrolled(server, tmp_path / "identity")


def run(*command: str, directory: Path) -> "subprocess.CompletedProcess[str]":
    """Run it with the directory where the examples look for it."""
    env = environment({"CONNECTOR_AGENT_DIR": str(directory)})
    return subprocess.run(command, capture_output=True, text=True, env=env, check=False, timeout=60)


def revoke_former(server: Server, chain: bytes) -> None:
    """Revoke a certificate by its serial number: whoever still uses it is refused."""
    serial = f"{x509.load_pem_x509_certificates(chain)[0].serial_number:x}"
    assert server.command("revoke", serial).returncode == 0


def test_curl(directory: Path) -> None:
    """The shell's call is answered."""
    done = run(str(EXAMPLES / "curl" / "call.sh"), directory=directory)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["data"]["viewer"]["type"] == "APPLICATION"


def test_python_follows_a_renewal(server: Server, directory: Path) -> None:
    """The Python client's next request comes with the renewed certificate: the former may be revoked meanwhile."""
    former = (directory / "tls.crt").read_bytes()
    env = environment({"CONNECTOR_AGENT_DIR": str(directory)})
    command = [sys.executable, str(EXAMPLES / "python" / "call.py"), "2", "6"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert agent("renew", directory).returncode == 0
        revoke_former(server, former)
        second = process.stdout.readline()
    assert first == second
    assert first.startswith(VIEWER)


@contextmanager
def nginx(config: Path) -> Iterator[None]:
    """Run nginx in the foreground."""
    with subprocess.Popen(["nginx", "-c", str(config), "-g", "daemon off;"], stderr=subprocess.PIPE) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(SECONDS)


def test_nginx_takes_up_a_renewal(server: Server, directory: Path, tmp_path: Path) -> None:
    """Nginx brings the certificate, and after the agent's reload the renewed one."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = urlsplit(server.urls["mtls"])
    text = (EXAMPLES / "nginx" / "nginx.conf").read_text()
    text = text.replace("/var/lib/connector-agent/billing", str(directory)).replace(
        "127.0.0.1:8085", f"127.0.0.1:{port}"
    )
    text = text.replace("connector.example:8444", url.netloc).replace("connector.example;", f"{url.hostname};")
    config = tmp_path / "nginx.conf"
    config.write_text(text.replace("/run/nginx.pid", str(tmp_path / "nginx.pid")))

    def ask() -> str:
        command = ["curl", "--silent", "--json", '{"query": "{ viewer { type } }"}']
        done = subprocess.run([*command, f"http://127.0.0.1:{port}/director/graphql"], capture_output=True, check=False)
        return done.stdout.decode()

    with nginx(config):
        deadline = time.monotonic() + SECONDS
        while not ask() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert '"APPLICATION"' in ask()
        former = (directory / "tls.crt").read_bytes()
        done = agent("renew", directory, "--reload", f"nginx -c {config} -s reload")
        assert done.returncode == 0, done.stderr
        revoke_former(server, former)
        while '"APPLICATION"' not in (answer := ask()) and time.monotonic() < deadline:
            time.sleep(0.05)  # the workers of before end when they are done
        assert '"APPLICATION"' in answer


def test_java(server: Server, directory: Path, tmp_path: Path) -> None:
    """Java reads the exported stores, and its call is answered; keytool lists the key and the anchor."""
    password, identity, trust = (tmp_path / name for name in ("password", "identity.p12", "trust.p12"))
    password.write_text("change it\n")
    password.chmod(0o600)
    arguments = ("--pkcs12", str(identity), "--truststore", str(trust), "--password-file", str(password))
    done = agent("export", directory, *arguments)
    assert done.returncode == 0, done.stderr
    assert {path.stat().st_mode & 0o777 for path in (identity, trust)} == {0o600}

    stores = (str(identity), str(trust), str(password), server.mtls_director)
    done = run("java", str(EXAMPLES / "java" / "Call.java"), *stores, directory=directory)

    assert '"APPLICATION"' in done.stdout, done.stderr
    for store, what in ((identity, "PrivateKeyEntry"), (trust, "trustedCertEntry")):
        listed = run("keytool", "-list", "-keystore", str(store), "-storepass", "change it", directory=directory)
        assert f"connector, {what}" in re.sub(r"connector, .*, (?=\w+Entry)", "connector, ", listed.stdout), (
            listed.stdout
        )


@pytest.mark.parametrize("kind", ["connector-agent@", "connector-agent-renew@", "connector", "connector-crl"])
def test_systemd(tmp_path: Path, kind: str) -> None:
    """Systemd finds no fault with the units, and grants them little: its measure of exposure is below 2 of 10."""
    for path in (EXAMPLES / "systemd").iterdir():
        installed = Path(sys.prefix) / "bin"
        text = re.sub(r"/usr/local/bin/(?=connector-agent)|/opt/connector/bin/", f"{installed}/", path.read_text())
        (tmp_path / path.name.replace("@.", "@billing.")).write_text(text.replace("%i", "billing"))
    name = f"{kind}billing" if kind.endswith("@") else kind
    units = sorted(str(path) for path in tmp_path.glob(f"{name}.*"))

    done = run("systemd-analyze", "verify", "--man=no", *units, directory=tmp_path)
    assert [line for line in done.stderr.splitlines() if str(tmp_path) in line or "connector" in line] == []
    service = str(tmp_path / f"{name}.service")
    done = run("systemd-analyze", "security", "--offline=true", "--threshold=20", service, directory=tmp_path)
    assert done.returncode == 0, done.stdout[-2000:]


def test_commands_in_the_examples_are_the_agents() -> None:
    """Every command line of the agent in units and manifests is one that it understands."""
    found = []
    for path in (*(EXAMPLES / "systemd").iterdir(), *(EXAMPLES / "kubernetes").iterdir()):
        text = path.read_text()
        found += re.findall(r"^ExecStart=\S*connector-agent (.*?)(?: \$OPTIONS)?$", text, re.MULTILINE)
        found += [each.replace(",", "") for each in re.findall(r"\[connector-agent, (.*)\]$", text, re.MULTILINE)]
        found += re.findall(r"exec connector-agent (.*)$", text, re.MULTILINE)
    assert len(found) == 6
    for line in found:
        assert parser().parse_args(line.split()).command in {"run", "renew", "enroll", "status", "crl"}


def test_a_directory_is_shaped_like_a_secret(directory: Path) -> None:
    """The names are those of a Kubernetes TLS secret, every link is relative, and one of them is swapped."""
    for name in ("tls.crt", "tls.key", "ca.crt"):
        assert str((directory / name).readlink()) == f"current/{name}"
    assert not (directory / "current").readlink().is_absolute()


def test_kubernetes(tmp_path: Path) -> None:
    """Kubectl reads the manifest; as there is no cluster here, it is not applied."""
    (tmp_path / "sidecar.yaml").write_text((EXAMPLES / "kubernetes" / "sidecar.yaml").read_text())
    (tmp_path / "kustomization.yaml").write_text("resources: [sidecar.yaml]\n")

    done = run("kubectl", "kustomize", str(tmp_path), directory=tmp_path)

    assert done.returncode == 0, done.stderr
    assert re.findall("^kind: (.*)$", done.stdout, re.MULTILINE) == ["PersistentVolumeClaim", "Deployment"]
    assert done.stdout.count("readOnlyRootFilesystem: true") == 3
