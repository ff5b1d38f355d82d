"""Pages about the whole installation: the CA, the settings in force, the tenants."""

from collections.abc import Mapping

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from connector.domain.refusals import Refusal
from connector.domain.refusals.objects import InvalidData, NotUniqueName
from connector.usecases.realms import Installation
from connector.usecases.tenants import create_tenant as make_tenant
from connector.usecases.tenants import rename_tenant
from connector.web.chains import pem
from connector.web.console import unsent
from connector.web.console.describe import described, key_text
from connector.web.console.desk import Desk
from connector.web.console.forms import given
from connector.web.console.layout import asset, download, redirect
from connector.web.console.lists import Listed, rows
from connector.web.console.visits import Visit

DEFAULT_TENANT = "default"
DEFAULT_ORIGIN = "default"


async def assets(_: Desk, request: Request) -> Response:
    """One of our own files."""
    return asset(str(request.path_params["name"])) or PlainTextResponse("Not found.", status_code=404)


async def ca(visit: Visit) -> Response:
    """The issuers, one under the other."""
    certificates = [(name, x509.load_der_x509_certificate(der)) for name, der in _issuers(visit).items()]
    return visit.show(
        "ca.html",
        adopted=len(visit.desk.issuers.adopted),
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
            for name, each in certificates
        ],
    )


async def ca_file(visit: Visit) -> Response:
    """A certificate of the CA, to keep."""
    files, name = _issuers(visit), str(visit.request.path_params["name"])
    if name not in files:
        raise InvalidData("Invalid data name: use root or issuing.")
    return download(pem(files[name]).encode(), f"{name}.pem", "application/x-pem-file")


def _issuers(visit: Visit) -> Mapping[str, bytes]:
    issuers = visit.desk.issuers
    return {"root": issuers.root, "issuing": issuers.current.der}


async def settings(visit: Visit) -> Response:
    """The settings in force: those that were changed, or with ``all`` every one."""
    shows_all = visit.query.get("all") == "1"
    sections: dict[str, list[object]] = {}
    for line in visit.desk.settings:
        if shows_all or line.origin != DEFAULT_ORIGIN:
            sections.setdefault(line.section, []).append(line)
    await visit.installation.read(lambda _: None)
    return visit.show("settings.html", sections=sections, shows_all=shows_all, default=DEFAULT_ORIGIN)


async def tenants(visit: Visit) -> Response:
    """The tenants that the caller may enter."""
    return await _tenants(visit)


async def create_tenant(visit: Visit) -> Response:
    """Create one."""
    form = visit.form
    try:
        await visit.installation.run(make_tenant, given(form, "external_id"), given(form, "name"))
    except (InvalidData, NotUniqueName) as error:
        return await _tenants(visit, error=error)
    return visit.done("/console/tenants", "created")


async def rename(visit: Visit) -> Response:
    """Give the path's tenant another name."""
    try:
        await visit.office.run(rename_tenant, given(visit.form, "name"))
    except InvalidData as error:
        return await _tenants(visit, error=error)
    return visit.done("/console/tenants", "updated")


async def _tenants(visit: Visit, *, error: Refusal | None = None) -> Response:
    def read(installation: Installation) -> object:
        tenants = installation.tenants
        return rows(
            visit.query,
            Listed("/console/tenants", ("tenants", installation.caller.actor), (str,), kept=()),
            read=lambda after, most: tenants.list(after=after[0] if after else None, most=most),
            place=lambda each: (each.external_id,),
        )

    return visit.show(
        "tenants.html",
        error=error,
        found=await visit.installation.read(read),
    )


async def start(visit: Visit) -> Response:
    """The form that came after the caller's former session had ended, if there is one; else the overview of a tenant:
    the default one, or the first that the caller may enter.
    """
    if unsent.kept(visit.request) is not None:
        return redirect(unsent.PATH)

    def first(installation: Installation) -> str | None:
        if installation.tenants.find(DEFAULT_TENANT) is not None:
            return DEFAULT_TENANT
        found = installation.tenants.list(most=1)
        return found[0].external_id if found else None

    external_id = await visit.installation.read(first)
    return redirect("/console/tenants" if external_id is None else f"/console/t/{external_id}")
