"""What concerns the whole installation: the CA, the settings in force, the tenants."""

from collections.abc import Mapping

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from connector.domain.principals import Caller
from connector.domain.refusals import Refusal
from connector.domain.refusals.objects import InvalidData, NotUniqueName
from connector.ports.transaction import Transaction
from connector.usecases import access
from connector.web.chains import pem
from connector.web.console.describe import described, key_text
from connector.web.console.desk import Desk
from connector.web.console.forms import given
from connector.web.console.layout import asset, download, redirect
from connector.web.console.lists import rows
from connector.web.console.visits import Visit
from connector.web.notes import note
from connector.web.problems import problem

DEFAULT_TENANT = "default"


async def assets(_: Desk, request: Request) -> Response:
    """One of our own files."""
    return asset(str(request.path_params["name"])) or PlainTextResponse("Not found.", status_code=404)


async def ca(visit: Visit) -> Response:
    """The issuers, one under the other."""
    told = [(name, x509.load_der_x509_certificate(der)) for name, der in _issuers(visit).items()]
    return visit.show(
        "ca.html",
        issuers=[
            {
                "name": name,
                "subject": each.subject.rfc4514_string(),
                "key": key_text(each),
                "fingerprint": each.fingerprint(SHA256()).hex(":").upper(),
                "from": each.not_valid_before_utc,
                "until": each.not_valid_after_utc,
                "fields": described(each.public_bytes(Encoding.DER)),
            }
            for name, each in told
        ],
    )


async def ca_file(visit: Visit) -> Response:
    """A certificate of the CA, to keep."""
    files, name = _issuers(visit), str(visit.request.path_params["name"])
    if name not in files:
        raise InvalidData("Invalid data name: use root or issuing.")
    return download(pem(files[name]).encode(), f"{name}.pem", "application/x-pem-file")


def _issuers(visit: Visit) -> Mapping[str, bytes]:
    issuers = visit.desk.enrollment.issuers
    return {"root": issuers.root, "issuing": issuers.current.der}


async def settings(visit: Visit) -> Response:
    """The settings in force."""
    sections: dict[str, list[object]] = {}
    for line in visit.desk.settings:
        sections.setdefault(line.section, []).append(line)
    await visit.ask(lambda _tx, _caller: None)
    return visit.show("settings.html", sections=sections)


async def tenants(visit: Visit) -> Response:
    """The tenants that the caller may enter."""
    return await _tenants(visit)


async def create_tenant(visit: Visit) -> Response:
    """Create one."""
    form, enrollment = visit.form, visit.desk.enrollment
    try:
        await visit.change(
            lambda tx, caller: access.create_tenant(
                tx,
                caller,
                given(form, "external_id"),
                given(form, "name"),
                make_id=enrollment.make_id,
                now=enrollment.clock(),
            )
        )
    except (InvalidData, NotUniqueName) as error:
        note(error)
        return await _tenants(visit, error=error)
    return visit.done("/console/tenants", "created")


async def _tenants(visit: Visit, *, error: Refusal | None = None) -> Response:
    def read(tx: Transaction, caller: Caller) -> object:
        return rows(
            visit.query,
            "/console/tenants",
            ("tenants", caller.actor),
            (str,),
            read=lambda after, most: tx.tenants.list(
                within=caller.tenants, after=after[0] if after else None, most=most
            ),
            place=lambda each: (each.external_id,),
            kept=(),
        )

    return visit.show(
        "tenants.html",
        status=200 if error is None else problem(error).status,
        found=await visit.ask(read),
        wrong=None if error is None else str(error),
        given=visit.form,
    )


async def start(visit: Visit) -> Response:
    """The overview of a tenant: the default one, or the first that the caller may enter."""

    def first(tx: Transaction, caller: Caller) -> str | None:
        within = caller.tenants
        if (within is None or DEFAULT_TENANT in within) and tx.tenants.find(DEFAULT_TENANT) is not None:
            return DEFAULT_TENANT
        found = tx.tenants.list(within=within, most=1)
        return found[0].external_id if found else None

    external_id = await visit.ask(first)
    return redirect("/console/tenants" if external_id is None else f"/console/t/{external_id}")
