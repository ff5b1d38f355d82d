"""Administrators' tokens of an OpenID Connect issuer: JWTs (RFC 7519), checked by the keys that it publishes."""

from connector.oidc.bearers import OIDC
from connector.oidc.code_flow import CodeFlow
from connector.oidc.policy import OIDCPolicy

__all__ = ["OIDC", "CodeFlow", "OIDCPolicy"]
