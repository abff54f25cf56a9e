"""The door of a live process: JSON over HTTP on the loopback address, for whoever knows its token.

A page of another site can send requests to this machine's ports: whatever names an origin, another
host or no token is refused, and bodies are small.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from psm_viz.errors import PsmVizError, UnknownName
from psm_viz.live.house import House
from psm_viz.messages import MOST_BODY, Hall

HOST = "127.0.0.1"
WAIT = 20.0
"""Seconds that a request for events waits at most for the next."""


class Guard:
    """Lets in who knows the token and asks this host, from no page of a browser."""

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self.app, self.token, self.port = app, token, port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        said = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        refused = self._refused(said)
        if refused:
            await JSONResponse({"problem": refused}, status_code=403)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _refused(self, said: dict[str, str]) -> str:
        if "origin" in said:
            return "Requests from pages of a browser are refused."
        if said.get("host") not in (f"{HOST}:{self.port}", f"localhost:{self.port}"):
            return "This host is not known here."
        given = said.get("authorization", "").removeprefix("Bearer ")
        if not secrets.compare_digest(given.encode(), self.token.encode()):
            return "The token is missing or wrong."
        if not said.get("content-length", "0").isdigit():
            return "The length of the request is no number."
        if int(said.get("content-length", "0")) > MOST_BODY:
            return f"The request is larger than {MOST_BODY:,} bytes."
        return ""


def application(house: House, token: str, port: int) -> ASGIApp:
    """The process as an ASGI application: `GET /state`, `GET /lessons/NAME`, `POST /jobs`, and of a
    job `GET` (its events) and `DELETE`."""

    async def state(request: Request) -> JSONResponse:
        return JSONResponse(await run_in_threadpool(house.state))

    async def begin(request: Request) -> JSONResponse:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BODY:
                return _problem(f"The request is larger than {MOST_BODY:,} bytes.", 413)
        try:
            data = json.loads(bytes(body).decode("utf-8"))
            kind, asked = data["kind"], data["asked"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return _problem("Expected a JSON object with the keys kind and asked.", 400)
        try:
            job = house.begin(kind, asked)
        except PsmVizError as e:
            return _problem(e.problem, 400, e.next_step)
        return JSONResponse({"job": job.id})

    async def follow(request: Request) -> JSONResponse:
        try:
            job = house.jobs.job(request.path_params["job"])
        except UnknownName as e:
            return _problem(e.problem, 404, e.next_step)
        after = _number(request.query_params.get("after"), 0)
        wait = min(WAIT, float(_number(request.query_params.get("wait"), 0)))
        events = await run_in_threadpool(house.jobs.follow, job, after, wait)
        return JSONResponse({"events": events, "ended": job.ended, "ahead": house.jobs.ahead(job)})

    async def cancel(request: Request) -> JSONResponse:
        try:
            house.jobs.cancel(request.path_params["job"])
        except UnknownName as e:
            return _problem(e.problem, 404, e.next_step)
        return JSONResponse({})

    async def lesson(request: Request) -> JSONResponse:
        try:
            found = await run_in_threadpool(house.lesson, request.path_params["name"])
        except PsmVizError as e:
            return _problem(e.problem, 404, e.next_step)
        return JSONResponse({"lines": found})

    routes = [
        Route("/lessons/{name}", lesson),
        Route("/state", state),
        Route("/jobs", begin, methods=["POST"]),
        Route("/jobs/{job}", follow, methods=["GET"]),
        Route("/jobs/{job}", cancel, methods=["DELETE"]),
    ]
    app = Starlette(routes=routes, exception_handlers={ClientDisconnect: _gone})
    return Guard(app, token, port)


def _problem(problem: str, status: int, next_step: str = "") -> JSONResponse:
    return JSONResponse({"problem": problem, "next_step": next_step}, status_code=status)


async def _gone(request: Request, error: Exception) -> JSONResponse:
    return _problem("The request was broken off.", 400)


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdigit() and len(text) < 10 else otherwise


def listening(port: int) -> socket.socket:
    """A socket on a port of the loopback address; 0: any that is free. Raises OSError."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind((HOST, port))
    found.listen(64)
    return found


def serve(house: House, door: socket.socket, token: str, announce: Callable[[Hall], None]) -> None:
    """Answer requests until the process ends; first `announce` where it listens."""
    import uvicorn

    port = int(door.getsockname()[1])
    announce(Hall(port, token, str(house.ground.study.folder.resolve())))
    app: Any = application(house, token, port)
    config = uvicorn.Config(app, log_level="warning", lifespan="off", timeout_keep_alive=60)
    uvicorn.Server(config).run(sockets=[door])


def end_with_parent() -> None:
    """End this process at once when whoever started it is gone: standard input is a pipe from it,
    which ends then."""

    def watch() -> None:
        while sys.stdin.buffer.read(1):
            pass
        os._exit(0)

    threading.Thread(target=watch, daemon=True, name="parent").start()
