"""OAuth 2.0 clients: how they get their credentials and their access tokens."""

from typing import Any

import httpx2
from tests.support.director import Director
from tests.support.server import Server

REQUEST = """mutation ($id: ID!) {{ result: requestClientCredentialsFor{kind}(id: $id) {{
    id auth {{ credential {{ ... on OAuthCredentialData {{ clientId clientSecret url }} }} }}
}} }}"""


def credentials(admin: Director, id: str, kind: str = "IntegrationSystem") -> dict[str, str]:
    """New client credentials of the object: clientId, clientSecret, url."""
    answer = admin.ask(REQUEST.format(kind=kind), {"id": id})
    credential: dict[str, str] = answer["auth"]["credential"]
    assert credential["clientId"] == answer["id"]
    return credential


def access_of(http: httpx2.Client, server: Server, id: str, kind: str, tenant: str = "default") -> str:
    """An access token of the object, by new client credentials."""
    answer = server.administer(REQUEST.format(kind=kind), {"id": id}, tenant)
    return access_token(http, answer["auth"]["credential"])


def grant(http: httpx2.Client, credential: dict[str, str], **parameters: str) -> dict[str, Any]:
    """What the token endpoint answers to good credentials."""
    answer = http.post(
        credential["url"],
        data={"grant_type": "client_credentials", **parameters},
        auth=(credential["clientId"], credential["clientSecret"]),
    )
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


def access_token(http: httpx2.Client, credential: dict[str, str], **parameters: str) -> str:
    """An access token."""
    return str(grant(http, credential, **parameters)["access_token"])
