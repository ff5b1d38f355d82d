"""The HTTP request or the GraphQL document cannot be served."""

from connector.domain.refusals import Refusal


class BadRequest(Refusal):
    """The request cannot be read. Send well-formed HTTP/1.1."""

    code = "bad_request"


class PathNotFound(BadRequest):
    """Nothing is served at this path. The APIs are at /connector/graphql and /director/graphql."""

    code = "path_not_found"


class BodyTooLarge(BadRequest):
    """The request is too large. Send less in one request; the limits are in the settings."""

    code = "body_too_large"


class UnsupportedMediaType(BadRequest):
    """The request body must be JSON. Send Content-Type: application/json."""

    code = "unsupported_media_type"


class MethodNotAllowed(BadRequest):
    """This method is not allowed here. Send queries by GET or POST, mutations by POST."""

    code = "method_not_allowed"


class RequestTimeout(BadRequest):
    """The request took too long to arrive. Send it again."""

    code = "request_timeout"


class DocumentInvalid(BadRequest):
    """The GraphQL document does not match the schema. Correct what the message names."""

    code = "document_invalid"


class DocumentTooComplex(BadRequest):
    """The GraphQL document is too complex. Ask for less in one request."""

    code = "document_too_complex"


class Overloaded(Refusal):
    """Too many large requests arrived at the same time, so this one was not read. Send it again in a moment."""

    code = "overloaded"


class QueryTooExpensive(BadRequest):
    """The query can read too many values at once. Lower the argument that the message names, or send fewer aliases in
    one request.
    """

    code = "query_too_expensive"


class AnswerTooLarge(BadRequest):
    """The answer is too long. Lower the argument first, or select fewer fields."""

    code = "answer_too_large"
