"""Files: redirects to where they lie, and the files themselves, which say only that they are made up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from tap_servicetitan.simulator.api.derived.derived_kinds import FileAt, FileOf
from tap_servicetitan.simulator.api.endpoint_operations import operation
from tap_servicetitan.simulator.api.http_types import ApiRequest, ApiResponse, not_found
from tap_servicetitan.simulator.api.query_parameters import InvalidRequestError, QueryParameters

if TYPE_CHECKING:
    from tap_servicetitan.simulator.api.handlers.handler_context import HandlerContext
    from tap_servicetitan.simulator.data.collection import Collection

FILES_PATH: Final = "/files/"
"""What the path of a file on the simulator begins with, which needs no credentials, as at a host of blobs."""


def handle_path(_: HandlerContext, collection: Collection, request: ApiRequest) -> ApiResponse:
    """Redirect to the file: 400 without a path, 404 if the path cannot be one of these files."""
    endpoint = collection.endpoint
    if not isinstance(endpoint, FileAt):
        raise TypeError(endpoint)
    path = QueryParameters(operation(endpoint), request.query).text("path")
    if path is None:
        return InvalidRequestError({"path": "The path field is required."}).response()
    if not path.startswith(endpoint.prefix):
        return not_found()
    return ApiResponse(302, headers={"Location": f"{FILES_PATH}{quote(path.lstrip('/'))}"})


def handle_record(context: HandlerContext, collection: Collection, request: ApiRequest) -> ApiResponse:
    """Return the file of a record, or 404."""
    endpoint = collection.endpoint
    if not isinstance(endpoint, FileOf):
        raise TypeError(endpoint)
    attachment = request.path_values.get("attachmentId")
    values = {name: value for name, value in request.path_values.items() if name != "attachmentId"}
    with collection.history.lock:
        indices = context.index.find(collection, values)
        records = [collection.with_path_values(index) for index in indices]
    files = (
        [one for record in records for one in record[endpoint.list_field] or [] if one]
        if endpoint.list_field
        else records
    )
    if not any(attachment is None or str(one["id"]) == attachment for one in files):
        return not_found()
    return ApiResponse(200, _content(request.path), endpoint.content_type)


def file(path: str) -> ApiResponse:
    """Return the file that a redirect leads to."""
    return ApiResponse(200, _content(path), "application/octet-stream")


def _content(path: str) -> bytes:
    return f"A file of the simulator: {path.rpartition('/')[2]}\n".encode()
