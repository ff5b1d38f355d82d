"""Signing in to the console, or one of its forms, is refused."""

from connector.domain.refusals import Refusal
from connector.domain.refusals.callers import Unauthenticated


class SessionEnded(Unauthenticated):
    """The console session does not exist or has ended. Sign in again."""

    code = "session_ended"


class SignInRefused(Unauthenticated):
    """The name or the password is wrong. Try again, or ask an administrator for a new sign-in link."""

    code = "sign_in_refused"


class LinkRefused(Unauthenticated):
    """The sign-in link is unknown, used or expired. Ask for a new one: connector admin password NAME."""

    code = "link_refused"


class FormRefused(Refusal):
    """The form was not sent from a page of this console, so nothing was done. Reload the page and send it again."""

    code = "form_refused"
