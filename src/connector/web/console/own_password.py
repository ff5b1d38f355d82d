"""A change of one's own password, by those who sign in with one."""

from starlette.responses import Response

from connector.domain.administrators import MOST_PASSWORD, Administrator, check_password
from connector.domain.refusals.objects import InvalidData, ObjectNotFound
from connector.usecases import administrators
from connector.usecases.realms import Installation
from connector.web.console import signing
from connector.web.console.layout import redirect
from connector.web.console.visits import Visit

PATH = "/console/password"


async def show(visit: Visit) -> Response:
    """The form."""
    await visit.installation.read(_own, visit)
    return visit.show("password.html")


async def change(visit: Visit) -> Response:
    """Set it; the caller's other sessions end, and this one is replaced."""
    try:
        found = await _changed(visit)
    except InvalidData as error:
        return visit.show("password.html", error=error)
    return await signing.began(visit.desk, found.caller, found.id, redirect("/console/sessions?done=password-set"))


async def _changed(visit: Visit) -> Administrator:
    form, desk, address = visit.form, visit.desk, signing.source(visit.request)
    found = await visit.installation.read(_own, visit)
    desk.throttle.admit(address)
    if not await desk.passwords.check(found.password, form.get("current", "")[: MOST_PASSWORD + 1]):
        desk.throttle.failed(address)
        await desk.office.run(administrators.refused, found.name)
        raise InvalidData("Current password: it is not the one that you sign in with.")
    password = check_password(form.get("password", ""))
    if password != form.get("again", ""):
        raise InvalidData("Invalid data password: the two are not the same. Type it again.")
    kept = await desk.passwords.make(password)
    return await visit.installation.run(administrators.change_password, found, kept)


def _own(installation: Installation, visit: Visit) -> Administrator:
    """The caller's own account.

    Raises:
        ObjectNotFound: they have none here: they signed in by OpenID Connect.
    """
    id_ = visit.presence.session.administrator_id
    found = None if id_ is None else installation.administrators.of_id(id_)
    if found is None:
        raise ObjectNotFound("Object not found: you sign in by OpenID Connect. Change your password at its issuer.")
    return found
