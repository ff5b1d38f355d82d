"""The certificate's resolver behind a real Envoy, which verifies clients of two CAs and says who they are."""

import json
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from tests.support.ca import CA
from tests.support.gateway_site import own_certificate, program
from tests.support.gateways import ADDRESSES, Forwarded, enrolled
from tests.support.ports import free_port
from tests.support.registrars import Registrars, named
from tests.support.server import Identity, Server

from connector.web.gateways.resolvers import CERTIFICATE

EMPTY = {"subject": "", "extra": None, "header": None}
START_SECONDS = 30.0
SUBJECT = "CN=registrar,OU=Platform,O=Example"
COUNTRY, ORGANIZATION, UNIT, LOCALITY, PROVINCE, NAME = (
    NameOID.COUNTRY_NAME,
    NameOID.ORGANIZATION_NAME,
    NameOID.ORGANIZATIONAL_UNIT_NAME,
    NameOID.LOCALITY_NAME,
    NameOID.STATE_OR_PROVINCE_NAME,
    NameOID.COMMON_NAME,
)
# In the order in which Compass's CA wrote them.
SHARED = [[(COUNTRY, "DE")], [(ORGANIZATION, "Org")], [(UNIT, "OrgUnit")], [(LOCALITY, "locality")]]
SHARED += [[(PROVINCE, "province")]]
CONFIGURATION = """static_resources:
  listeners:
    - address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}
      filter_chains:
        - transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              require_client_certificate: true
              common_tls_context:
                tls_certificates:
                  - {{ certificate_chain: {{ filename: gateway.pem }}, private_key: {{ filename: gateway.key }} }}
                validation_context: {{ trusted_ca: {{ filename: trusted.pem }} }}
          filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": {manager}
                stat_prefix: gateway
                forward_client_cert_details: SANITIZE_SET
                set_current_client_cert_details: {{ subject: true, uri: true }}
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
                route_config:
                  virtual_hosts:
                    - name: gateway
                      domains: ["*"]
                      request_headers_to_add:
                        - header: {{ key: Certificate-Data, value: "%REQ(x-forwarded-client-cert)%" }}
                          append_action: OVERWRITE_IF_EXISTS_OR_ADD
                      routes: [{{ match: {{ prefix: "/" }}, route: {{ cluster: connector }} }}]
  clusters:
    - name: connector
      type: STRICT_DNS
      load_assignment:
        cluster_name: connector
        endpoints:
          - lb_endpoints:
              - endpoint: {{ address: {{ socket_address: {{ address: "{host}", port_value: {to} }} }} }}
"""


MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


@dataclass(frozen=True, slots=True)
class Site:
    """The server, Envoy in front of its internal listener, and another CA that Envoy trusts."""

    server: Server
    others: Registrars
    url: str

    def resolve(self, identity: Identity, headers: Mapping[str, str] | None = None) -> Any:
        """The session that a request with this certificate gets."""
        context = ssl.create_default_context(cafile=str(self.others.directory / "gateway.pem"))
        context.load_cert_chain(identity.chain, identity.key)
        with httpx2.Client(verify=context) as client:
            answer = client.post(f"{self.url}{CERTIFICATE}", json=EMPTY, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    here = tmp_path_factory.mktemp("envoy-consumers")
    own_certificate(here)
    others, port = Registrars(CA.make("Others"), here), free_port()
    mapped = [{"subject": SUBJECT, "consumer_id": "registrar", "consumer_type": "Operator", "tenants": ["default"]}]
    given = {
        "CONNECTOR_GATEWAYS__PROXIES": ADDRESSES,
        "CONNECTOR_GATEWAYS__SUBJECTS": json.dumps(mapped),
        "CONNECTOR_GATEWAYS__SUBJECT_RULE": "true",
    }
    with Server(here / "server" / "data", given) as server:
        (here / "trusted.pem").write_bytes(others.ca_file.read_bytes() + server.root)
        at = httpx2.URL(server.urls["internal"])
        with socket.create_connection((at.host, at.port)) as connection:
            host, to = connection.getpeername()[:2]  # Envoy chooses another address of localhost
        (here / "envoy.yaml").write_text(
            CONFIGURATION.format(port=port, host=host, to=to, manager=f"type.googleapis.com/{MANAGER}")
        )
        command = [program("envoy"), "-c", "envoy.yaml", "--concurrency", "1", "--disable-hot-restart"]
        with (here / "envoy.log").open("wb") as log:
            envoy = subprocess.Popen(command, stdout=log, stderr=log, cwd=here)
        made = Site(server, others, f"https://localhost:{port}")
        try:
            wait(made, envoy)
            yield made
        finally:
            envoy.kill()
            envoy.wait()


def wait(site: Site, envoy: "subprocess.Popen[bytes]") -> None:
    """Return once Envoy answers."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        assert envoy.poll() is None, (site.others.directory / "envoy.log").read_text()
        with suppress(httpx2.HTTPError, AssertionError):  # Envoy may answer 503 at first
            site.resolve(client(site, "anybody"))
            return
        assert time.monotonic() < deadline, (site.others.directory / "envoy.log").read_text()
        time.sleep(0.1)


def client(site: Site, common_name: str, unit: str | None = "Platform") -> Identity:
    """A client of the other CA: ``CN=…,OU=Platform,O=Example``."""
    units = [] if unit is None else [[(NameOID.ORGANIZATIONAL_UNIT_NAME, unit)]]
    return site.others.client(named([(NameOID.ORGANIZATION_NAME, "Example")], *units, common_name))


def test_envoy_writes_the_subject_as_the_settings_name_it(site: Site) -> None:
    """The subject that Envoy forwards of another CA's certificate is that of the settings, and leads to a consumer."""
    resolved = site.resolve(client(site, "registrar"))

    assert resolved["extra"]["internal_consumer_id"] == "registrar"
    assert resolved["header"]["Subject-From-Certificate"] == [SUBJECT]
    assert resolved["header"]["Client-Certificate-Issuer"] == ["certificate-service"]


@pytest.mark.parametrize(
    ("common_name", "unit"),
    [
        ("registrar,OU=Platform", None),
        ('registrar",OU=Platform', None),
        ("registrar\\", "Platform"),
        ("registrar+OU=Platform", None),
        ("registrar;Subject=x", "Platform"),
        ('x";Subject="CN=registrar,OU=Platform,O=Example', "Platform"),
        ("registrar\u00e4", "Platform"),
        ("registrar\n", "Platform"),
        ("Registrar", "Platform"),
    ],
)
def test_no_name_of_the_other_ca_passes_for_the_mapped_one(site: Site, common_name: str, unit: str | None) -> None:
    """Whatever characters a name of the other CA has, Envoy's header of it does not lead to another's consumer."""
    assert site.resolve(client(site, common_name, unit)) == EMPTY


def test_the_subject_rule_takes_what_envoy_writes(site: Site, tmp_path: Path) -> None:
    """A certificate of another CA with a subject of our form, in the order of Compass's CA, leads to the system auth in
    it; the holder's certificate of our own, once it is revoked, does not.
    """
    _, identity = enrolled(site.server, "moved", tmp_path)
    auth = identity.subject.rpartition("CN=")[2]
    theirs = site.others.client(named(*SHARED, auth))
    assert site.resolve(theirs)["header"]["Client-Id-From-Certificate"] == [auth]
    assert site.resolve(theirs)["header"]["Client-Certificate-Issuer"] == ["connector"]

    site.server.command("revoke", Forwarded.of(identity).serial)

    assert site.resolve(identity) == EMPTY


def test_no_name_of_another_form_passes_for_a_system_auth(site: Site, tmp_path: Path) -> None:
    """Values with separators, relative names of two attributes, attributes too many or too few: Envoy's header of them
    does not lead to the system auth that they name.
    """
    _, identity = enrolled(site.server, "victim", tmp_path)
    auth = identity.subject.rpartition("CN=")[2]
    country, organization, unit, locality, province = SHARED
    quoted = f'x";Subject="{",".join(reversed(identity.subject.split(",")))}'
    names = [
        named(country, organization, [(LOCALITY, "locality,OU=OrgUnit")], province, auth),
        named(country, [(ORGANIZATION, "Org,OU=OrgUnit")], locality, province, auth),
        named(country, organization, unit, locality, [(PROVINCE, f"province,CN={auth}")]),
        named(country, organization, unit, locality, [(PROVINCE, f"province+CN={auth}")]),
        named(country, organization, unit, locality, [*province, (NAME, auth)]),
        named(country, organization, unit, [(LOCALITY, quoted)], province, "x"),
        named(*SHARED, unit, auth),
        named(*SHARED, [(UNIT, "Another")], auth),
        named(*SHARED, "other", auth),
        named(*SHARED, auth, auth),
        named(*SHARED, [(NameOID.SERIAL_NUMBER, f"CN={auth}")], "x"),
        named(*SHARED[1:], auth),
        named(*SHARED, f"{auth}\n"),
        named(*SHARED, f" {auth}"),
        named(*SHARED, f"{auth}\u00e4"),
        named(*SHARED),
    ]

    assert site.resolve(site.others.client(named(*SHARED, auth))) != EMPTY
    for name in names:
        assert site.resolve(site.others.client(name)) == EMPTY, name


def test_a_client_of_envoy_cannot_say_who_it_is(site: Site, tmp_path: Path) -> None:
    """What a client sends as Certificate-Data or X-Forwarded-Client-Cert is replaced; our own certificates are resolved
    by their hash, and not after their revocation.
    """
    _, identity = enrolled(site.server, "shop", tmp_path)
    ours = Forwarded.of(identity)
    value = f'Hash={"ab" * 32};Subject="{SUBJECT}"'
    forged = {"Certificate-Data": value, "X-Forwarded-Client-Cert": value, "Client-Id-From-Certificate": "registrar"}

    assert site.resolve(client(site, "anybody"), forged) == EMPTY
    leaf = x509.load_der_x509_certificate(ours.der)
    (name,) = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert site.resolve(identity, forged)["header"]["Client-Id-From-Certificate"] == [name.value]
    site.server.command("revoke", ours.serial)
    assert site.resolve(identity, forged) == EMPTY
