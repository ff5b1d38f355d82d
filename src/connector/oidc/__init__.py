"""JWTs (RFC 7519): those of an administrators' issuer are checked by the keys that it publishes, our own are signed."""

from connector.oidc.bearers import OIDC
from connector.oidc.code_flow import CodeFlow
from connector.oidc.policy import OIDCPolicy

__all__ = ["OIDC", "CodeFlow", "OIDCPolicy"]
