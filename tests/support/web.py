"""A repository in memory, served over real HTTP."""

import re

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from support.memory_repository import MemoryRepository


def serve(server: HTTPServer, repository: MemoryRepository) -> None:
    """Answer from the repository's files as they are at each request, ranges included."""

    def answer(request: Request) -> Response:
        data = repository.files.get(request.path.removeprefix("/"))
        if data is None:
            return Response(status=404)
        response = Response(data)
        return response.make_conditional(request, accept_ranges=True, complete_length=len(data))

    server.expect_request(re.compile("/.*")).respond_with_handler(answer)
