"""Certificate profiles: chosen by API, shown, and kept to by a start."""

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from spiffe import SpiffeId
from tests.support.server import Server

from connector.client.errors import Refused

REGISTER = """mutation ($in: ApplicationRegisterInput!) {
  result: registerApplication(in: $in) { id certificateProfile }
}"""
UPDATE = """mutation ($id: ID!, $in: ApplicationUpdateInput!) {
  result: updateApplication(id: $id, in: $in) { certificateProfile }
}"""

DEFAULT = "mutation { result: setTenantCertificateProfile(certificateProfile: %s) { certificateProfile } }"


def name_in(server: Server, application: str, directory: Path) -> str | None:
    """The URI in a certificate that the application is issued."""
    identity = server.enroll(server.token(application), directory)
    leaf = x509.load_pem_x509_certificates(identity.chain.read_bytes())[0]
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return None
    (name,) = found.value.get_values_for_type(x509.UniformResourceIdentifier)
    return str(name)


def test_profile_is_chosen_by_api(fresh_server: Server, tmp_path: Path) -> None:
    """An application is registered with a profile or given one later; its certificates go by it. While any has it, a
    server without the trust domain does not start.
    """
    fresh_server.settings = {"CONNECTOR_CERTIFICATES__SPIFFE_TRUST_DOMAIN": "example.org"}
    fresh_server.start()
    made: Any = fresh_server.administer(REGISTER, {"in": {"name": "with", "certificateProfile": "spiffe"}})
    assert made["certificateProfile"] == "spiffe"
    name = name_in(fresh_server, made["id"], tmp_path / "with")
    assert SpiffeId(name).path.endswith(f"/application/{made['id']}")
    plain = fresh_server.application("plain")
    assert name_in(fresh_server, plain, tmp_path / "plain") is None
    changed: Any = fresh_server.administer(UPDATE, {"id": plain, "in": {"certificateProfile": "spiffe"}})
    assert changed["certificateProfile"] == "spiffe"
    assert name_in(fresh_server, plain, tmp_path / "later") is not None
    for application in (plain, made["id"]):
        fresh_server.administer(UPDATE, {"id": application, "in": {"certificateProfile": None}})
    assert name_in(fresh_server, plain, tmp_path / "again") is None
    fresh_server.administer(UPDATE, {"id": plain, "in": {"certificateProfile": "spiffe"}})
    fresh_server.stop()
    fresh_server.settings = {}
    with pytest.raises(AssertionError, match=r"certificates\.spiffe_trust_domain"):
        fresh_server.start()


def test_default_of_a_tenant_is_chosen_by_api(fresh_server: Server, tmp_path: Path) -> None:
    """Applications without a profile of their own get their tenant's default, those of other tenants do not. While a
    tenant has it, a server without the trust domain does not start.
    """
    fresh_server.settings = {"CONNECTOR_CERTIFICATES__SPIFFE_TRUST_DOMAIN": "example.org"}
    fresh_server.start()
    other: Any = fresh_server.administer('mutation { result: createTenant(in: {externalID: "other"}) { id } }')
    assert fresh_server.administer(DEFAULT % '"spiffe"') == {"certificateProfile": "spiffe"}
    tenants: Any = fresh_server.administer("{ result: tenants { data { id certificateProfile } } }")
    assert tenants["data"] == [{"id": "default", "certificateProfile": "spiffe"}, {**other, "certificateProfile": None}]
    plain = fresh_server.application("plain")
    assert name_in(fresh_server, plain, tmp_path / "plain") is not None
    fresh_server.administer(UPDATE, {"id": plain, "in": {"certificateProfile": "client"}})
    assert name_in(fresh_server, plain, tmp_path / "own") is None
    with pytest.raises(Refused, match="Invalid data certificateProfile: use client or spiffe, or null"):
        fresh_server.administer(DEFAULT % '"of-yesterday"')
    fresh_server.stop()
    fresh_server.settings = {}
    with pytest.raises(AssertionError, match=r"certificates\.spiffe_trust_domain"):
        fresh_server.start()


def test_profile_that_is_not_set_up_is_refused(server: Server) -> None:
    """By API no profile can be chosen that the settings do not have."""
    with pytest.raises(Refused, match="Invalid data certificateProfile: use client, or null"):
        server.administer(REGISTER, {"in": {"name": "without", "certificateProfile": "spiffe"}})
