"""Gateways that know nothing of Connector but the files that `connector-agent crl` keeps (docs/gateways.md)."""

import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest
from cryptography import x509
from tests.support.crl_files import SECONDS, fetch, keeping, until_listed
from tests.support.gateway_site import own_certificate, program
from tests.support.ports import free_port
from tests.support.server import Identity, Server

NGINX = """\
daemon off; pid {here}/nginx.pid; error_log {here}/nginx.log info;
events {{ }}
http {{
    access_log off;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {here}/gateway.pem;
        ssl_certificate_key {here}/gateway.key;
        ssl_client_certificate {root};
        ssl_verify_client on;
        ssl_verify_depth 2;
        ssl_session_cache off;
        ssl_session_tickets off;
        ssl_crl {crl}/crls.pem;
        location / {{ return 200 "in"; }}
    }}
}}
"""
APACHE = """\
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
LoadModule socache_shmcb_module /usr/lib/apache2/modules/mod_socache_shmcb.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
ServerName localhost
User www-data
Group www-data
PidFile {here}/apache.pid
ErrorLog {here}/apache.log
Mutex file:{here}
Listen 127.0.0.1:{port}
Redirect 204 /
SSLEngine on
SSLCertificateFile {here}/gateway.pem
SSLCertificateKeyFile {here}/gateway.key
SSLCACertificateFile {root}
SSLVerifyClient require
SSLVerifyDepth 2
SSLSessionCache none
SSLSessionTickets off
SSLCARevocationFile {crl}/crls.pem
SSLCARevocationCheck chain
"""
HAPROXY = """\
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend gateway
    bind 127.0.0.1:{port} ssl crt {here}/both.pem ca-file {root} verify required no-tls-tickets crl-file {crl}/crls.pem
    http-request return status 200
"""
ENVOY = """\
node: {{ id: gateway, cluster: gateway }}
static_resources:
  listeners:
    - name: gateway
      address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}
      filter_chains:
        - transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": {extensions}.transport_sockets.tls.v3.DownstreamTlsContext
              require_client_certificate: true
              disable_stateless_session_resumption: true
              disable_stateful_session_resumption: true
              common_tls_context:
                tls_certificates:
                  - certificate_chain: {{ filename: "{here}/gateway.pem" }}
                    private_key: {{ filename: "{here}/gateway.key" }}
                validation_context_sds_secret_config:
                  name: clients
                  sds_config: {{ path_config_source: {{ path: "{here}/clients.yaml" }} }}
          filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": {extensions}.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: gateway
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": {extensions}.filters.http.router.v3.Router
                route_config:
                  virtual_hosts:
                    - name: gateway
                      domains: ["*"]
                      routes: [{{ match: {{ prefix: "/" }}, direct_response: {{ status: 200 }} }}]
"""
ENVOY_CLIENTS = """\
resources:
  - "@type": {extensions}.transport_sockets.tls.v3.Secret
    name: clients
    validation_context:
      trusted_ca: {{ filename: "{crl}/cas.pem" }}
      crl: {{ filename: "{crl}/crls.pem" }}
      watched_directory: {{ path: "{crl}" }}
"""


class Gateway(NamedTuple):
    """Its command, and the command that makes it read the files again, where it needs one."""

    command: Sequence[str]
    reload: str | None


class Place(NamedTuple):
    """The gateway's directory and port, the root's file, and the directory of the CRLs."""

    here: Path
    port: int
    root: Path
    crl: Path

    def write(self, name: str, text: str) -> Path:
        path = self.here / name
        path.write_text(text.format(extensions="type.googleapis.com/envoy.extensions", **self._asdict()))
        return path


def nginx(at: Place) -> Gateway:
    config = at.write("nginx.conf", NGINX)
    return Gateway(["nginx", "-c", str(config)], f"nginx -s reload -c {config}")


def apache(at: Place) -> Gateway:
    config = at.write("apache.conf", APACHE)
    command = ["apache2", "-d", str(at.here), "-f", str(config)]
    return Gateway([*command, "-D", "FOREGROUND"], " ".join([*command, "-k", "graceful"]))


def haproxy(at: Place) -> Gateway:
    (at.here / "both.pem").write_bytes((at.here / "gateway.pem").read_bytes() + (at.here / "gateway.key").read_bytes())
    config, pid = at.write("haproxy.cfg", HAPROXY), at.here / "haproxy.pid"
    return Gateway(["haproxy", "-W", "-f", str(config), "-p", str(pid)], f"sh -c 'kill -USR2 $(head -n1 {pid})'")


def envoy(at: Place) -> Gateway:
    at.write("clients.yaml", ENVOY_CLIENTS)
    config = at.write("envoy.yaml", ENVOY)
    return Gateway(
        [str(program("envoy")), "-c", str(config), "--concurrency", "1", "--disable-hot-restart"], reload=None
    )


@contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[None]:
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(SECONDS)


def is_let_in(at: Place, identity: Identity) -> bool:
    """Whether a request over a new connection with this certificate gets in."""
    context = ssl.create_default_context(cafile=at.here / "gateway.pem")
    context.load_cert_chain(identity.chain, identity.key)
    with httpx2.Client(verify=context) as client:
        try:
            status = client.get(f"https://localhost:{at.port}/").status_code
        except httpx2.HTTPError:  # a handshake that is refused, or nobody who listens
            return False
    assert status in (200, 204, 400)  # nginx answers 400 where the client's certificate is not good
    return status != 400


def until(at: Place, identity: Identity, *, is_in: bool) -> None:
    deadline = time.monotonic() + SECONDS
    while is_let_in(at, identity) is not is_in:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture(scope="module")
def good(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """A certificate that is never revoked."""
    return server.enroll(server.token(server.application("crl-files")), tmp_path_factory.mktemp("good"))


@pytest.mark.parametrize("configure", [nginx, apache, haproxy, envoy])
def test_a_gateway_refuses_within_a_minute(
    server: Server, good: Identity, tmp_path: Path, configure: Callable[[Place], Gateway]
) -> None:
    """The holder gets in until the certificate is revoked and the files say so, without anything else being done;
    others stay in. Everybody can read the files, and OpenSSL takes them.
    """
    bad = server.enroll(server.token(server.application(f"crl-files-{configure.__name__}")), tmp_path / "bad")
    at = Place(tmp_path, free_port(), server.data / "ca" / "root.pem", tmp_path / "crl")
    source = ("--url", server.urls["pki"], "--root", str(at.root))
    assert fetch(at.crl, *source, "--retry-for", "60s").returncode == 0
    modes = {path.name: path.stat().st_mode & 0o777 for path in (at.crl, *at.crl.glob("[!.]*"))}
    assert modes == {"crl": 0o755, "cas.pem": 0o644, "crls.pem": 0o644}
    own_certificate(tmp_path)
    gateway = configure(at)
    then = () if gateway.reload is None else ("--then", gateway.reload)
    with running(gateway.command, tmp_path / "gateway.log"):
        until(at, bad, is_in=True)
        with keeping(at.crl, *source, *then):
            serial = x509.load_pem_x509_certificates(bad.chain.read_bytes())[0].serial_number
            server.command("revoke", f"{serial:x}")
            until_listed(at.crl, serial)
            until(at, bad, is_in=False)
            until(at, good, is_in=True)
            assert not is_let_in(at, bad)
    verify = ["openssl", "verify", "-x509_strict", "-crl_check_all", "-CAfile", str(at.root)]
    files = ["-CRLfile", str(at.crl / "crls.pem"), "-untrusted", str(at.crl / "cas.pem")]
    for identity, status in ((good, 0), (bad, 2)):
        done = subprocess.run([*verify, *files, str(identity.chain)], capture_output=True, check=False)
        assert done.returncode == status
