"""The Director API (director.graphql): its resolvers, by what they are about."""

from connector.web.graphql.director.api import Director
from connector.web.graphql.director.schema import director_schema

__all__ = ["Director", "director_schema"]
