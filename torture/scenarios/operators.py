"""What operators can type and send, and what comes of it: no page that breaks, no value repeated (S25, S26)."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from tests.support.console import Visitor, administrator, visitor

from torture.sites import Site

T = "/console/t/default"
LIST = f"{T}/applications"
HALF = r'{"a":"\udfff"}'
TYPED = [
    *(
        HALF,
        r'"\ud83d"',
        r'{"\ude00": 1}',
        r'"\u0000"',
        "NaN",
        "1e999",
        "9" * 5000,
        '{"a":1,"a":2}',
        "[" * 2000,
        "\ufeff1",
    ),
    *("a\0b", "\u202e\u200b", "\U0001f600", "<script>", "x" * 20_000),
]
# As they stand in a form's body: octets that are no UTF-8, half of a surrogate pair as CESU-8, UTF-16.
ESCAPED = ["%ED%BF%BF", "%ED%A0%BD%ED%B8%80", "%FF%FE%7B%00", "%00", "%C0%80"]
BODIES = [
    *('{"query":"{ __typename }"}'.encode(encoding) for encoding in ("utf-16", "utf-16-le", "utf-32", "utf-8-sig")),
    *(
        b'{"query":"{ __typename }","variables":{"a":' + each + b"}}"
        for each in (rb'"\udfff"', b'"\xed\xbf\xbf"', b"NaN")
    ),
    b'{"query":"{ __typename }","query":"{ __typename }"}',
    b'{"query":"{ __typename }","variables":' + b'{"a":' * 1000 + b"1" + b"}" * 1001,
]
FORMS = {
    LIST: ("name", "description"),
    f"{LIST}/{{id}}": ("name", "description"),
    f"{LIST}/{{id}}/labels": ("key", "value"),
    f"{LIST}/{{id}}/labels/delete": ("key",),
    f"{LIST}/{{id}}/connect": ("minutes", "network", "key"),
    f"{LIST}/{{id}}/revoke": ("reason",),
    "/console/theme": ("theme", "next"),
}
SECRET = "eyJzZWNyZXQiOiJTM2NyM3RWNGx1ZSJ9c2VjcmV0c2VjcmV0"  # noqa: S105 - of the test; as long as a token
PIECE = 12
"""No message repeats so many characters of a value."""


def bad_input(site: Site, *, typed: int | None = None) -> dict[str, int]:
    """Each bad text in each field of each form, each bad cursor and body, and a label that an earlier version kept: no
    answer is a 5xx, and every page and list is served to everybody after each.
    """
    for role in ("operator", "viewer"):
        administrator(site.first, role, role)
    made = site.first.application("operated")
    counts = {"forms sent": 0, "cursors and bodies sent": 0, "answers of 5xx": 0, "pages looked at": 0}
    with visitor(site.first, "operator") as operator, visitor(site.first, "viewer") as viewer:
        readers = (operator, viewer)
        for body, path in _forms(made, TYPED[:typed]):
            operator.get(f"{LIST}/{made}")
            _sent(counts, "forms sent", _post(operator, path, body))
            if "/labels" in path:
                _look(site, readers, made, counts)
        _look(site, readers, made, counts)
        for cursor in _cursors(site):
            _sent(counts, "cursors and bodies sent", operator.get(f"{LIST}?after={quote(cursor)}").status_code)
        for body in BODIES:
            answer = operator.http.post(
                "/director/graphql", content=body, headers={"content-type": "application/json"}
            ).status_code
            assert answer in {400, 401}, f"{answer} for {body[:80]!r}"
            _sent(counts, "cursors and bodies sent", answer)
        kept = json.dumps({"bad": {"a": "\udfff"}}, separators=(",", ":"))
        site.database.change(f"UPDATE entities SET labels = '{kept}' WHERE id = '{made}'")  # noqa: S608
        _look(site, readers, made, counts)
        operator.get(f"{LIST}/{made}")
        assert _post(operator, f"{LIST}/{made}/labels", "key=bad&value=mended") == 303
        _look(site, readers, made, counts)
    assert counts["answers of 5xx"] == 0, counts
    told = site.first.administer(f'{{ result: application(id: "{made}") {{ labels }} }}')
    assert told["labels"]["bad"] == "mended"
    return counts


def repeats(site: Site, *, attempts: int = 5) -> dict[str, int]:
    """No message repeats a value of the caller, and a refused sign-in writes as much for a name that nobody has."""
    administrator(site.first, "known", "viewer")
    counts = {"wrong documents": 0, "values repeated": 0, "sign-ins refused": 0}
    with visitor(site.first) as made:
        for body in _wrong():
            answer = made.http.post("/connector/graphql", json=body, headers={"connector-token": SECRET}).text
            counts["wrong documents"] += 1
            pieces = (SECRET[at : at + PIECE] for at in range(len(SECRET) - PIECE + 1))
            counts["values repeated"] += any(piece in answer for piece in pieces)
        written = {name: _written(site, made, name, attempts) for name in ("known", "nobody", "")}
        counts["sign-ins refused"] = 3 * attempts
    assert counts["values repeated"] == 0, counts
    assert set(written.values()) == {attempts}, written
    return counts


def _forms(application: str, typed: list[str]) -> Iterator[tuple[str, str]]:
    for path, fields in FORMS.items():
        for field in fields:
            others = "".join(f"&{name}=x" for name in fields if name != field)
            for text in (*map(quote, typed), *ESCAPED):
                yield f"{field}={text}{others}", path.format(id=application)


def _post(made: Visitor, path: str, body: str) -> int:
    content = f"csrf={made.csrf}&{body}"
    headers = {"origin": made.server.urls["public"], "content-type": "application/x-www-form-urlencoded"}
    return made.http.post(path, content=content, headers=headers).status_code


def _sent(counts: dict[str, int], what: str, status: int) -> None:
    counts[what] += 1
    counts["answers of 5xx"] += status >= 500


def _look(site: Site, readers: tuple[Visitor, ...], application: str, counts: dict[str, int]) -> None:
    """Each page on which the application stands, as each reader sees it, and the API's list."""
    for path in (LIST, f"{LIST}?sort=newest", f"{LIST}/{application}", T, f"{T}/audit", f"{T}/audit/export?format=csv"):
        for reader in readers:
            status = reader.get(path).status_code
            assert status == 200 or (status == 403 and reader is readers[-1]), f"{path} answers {status}"
            counts["pages looked at"] += 1
    listed = site.first.administer("{ result: applications { data { id labels } } }")["data"]
    assert application in {each["id"] for each in listed}


def _cursors(site: Site) -> Iterator[str]:
    ((tenant,),) = site.database.rows("SELECT id FROM tenants WHERE external_id = 'default'")
    about = f"applications\0{tenant}".encode()
    values = (
        rb'["\udfff"]',
        b'["\xed\xbf\xbf"]',
        rb'["\u0000"]',
        b"[NaN]",
        b"[[]]",
        '["a"]'.encode("utf-16"),
        b"[" * 1000,
    )
    for body in values:
        yield urlsafe_b64encode(sha256(about + b"\0" + body).digest()[:12] + body).decode()
    yield from ("x", "\0", "\udfff".encode("utf-8", "surrogatepass").hex(), "=" * 4000)


def _wrong() -> Iterator[dict[str, Any]]:
    literal = json.dumps(SECRET)
    for text in (
        f"{{ {literal} }}",
        f"{{ configuration(csr: {literal}) {{ token }} }}",
        f"{{ x(a: {literal} }}",
        literal,
    ):
        yield {"query": text}
    sign = "mutation (%s) { signCertificateSigningRequest(csr: $csr) { caCertificate } }"
    for value in ({"a": SECRET}, [SECRET], [[SECRET]], {SECRET: 1}):
        yield {"query": sign % "$csr: String!", "variables": {"csr": value}}
    yield {"query": sign % f"$csr: Int = {literal}"}
    yield {"query": f"mutation {{ signCertificateSigningRequest(csr: [{literal}]) {{ caCertificate }} }}"}
    yield {"query": f"mutation {{ signCertificateSigningRequest(csr: {SECRET}) {{ caCertificate }} }}"}
    yield {"query": f"{{ {SECRET} }}"}


def _written(site: Site, made: Visitor, name: str, attempts: int) -> int:
    """How many records of a refusal so many refused sign-ins leave."""
    statement = "SELECT count(*) FROM audit_events WHERE action = 'sign_in.refused'"
    before = site.database.rows(statement)[0][0]
    for _ in range(attempts):
        status = made.sign_in(name, "a wrong password").status_code
        assert status == 401, status
    return int(site.database.rows(statement)[0][0] - before)
