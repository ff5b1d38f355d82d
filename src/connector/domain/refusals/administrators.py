"""Signing in to the console is refused, or a form of it."""

from connector.domain.refusals import Refusal
from connector.domain.refusals.callers import Unauthenticated


class SessionEnded(Unauthenticated):
    """There is no such session of the console, or it has ended. Sign in again."""

    code = "session_ended"


class SignInRefused(Unauthenticated):
    """The name or the password is wrong. Try again, or ask an administrator for a new sign-in link."""

    code = "sign_in_refused"


class LinkRefused(Unauthenticated):
    """The sign-in link is unknown, was used, or has expired. Ask for a new one: connector admin password NAME."""

    code = "link_refused"


class FormRefused(Refusal):
    """The form did not come from this console's own page, so nothing was done. Load the page again, and send it from
    there.
    """

    code = "form_refused"
