"""A load generator for HTTP/1.1 that costs little: keep-alive connections, each sends when it was answered."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple


class Request(NamedTuple):
    """What is sent."""

    path: str
    body: dict[str, Any] | None


Script = Callable[[int], Iterator[Request]]
"""Of a connection by its number: yields requests, is sent the JSON that answers each."""


class Answered(NamedTuple):
    """When a request was sent, how long its answer took (seconds), and its status; 0: the connection broke."""

    at: float
    seconds: float
    status: int


def load(host: str, port: int, key: str, script: Script, connections: int, seconds: float) -> list[Answered]:
    """Every request of so many connections for so long."""
    return asyncio.run(loaded(host, port, key, script, connections, seconds))


async def loaded(host: str, port: int, key: str, script: Script, connections: int, seconds: float) -> list[Answered]:
    """As `load`, on an event loop that runs."""
    until, found = time.perf_counter() + seconds, []
    every = [_connection(host, port, key, script(number), until, found) for number in range(connections)]
    await asyncio.gather(*every)
    return found


async def _connection(host: str, port: int, key: str, script: Any, until: float, found: list[Answered]) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    answer = None
    while (began := time.perf_counter()) < until:
        request = script.send(answer)
        writer.write(_message(host, key, request))
        status, answer = await _answer(reader)
        found.append(Answered(began, time.perf_counter() - began, status))
    writer.close()


def _message(host: str, key: str, request: Request) -> bytes:
    body = b"" if request.body is None else json.dumps(request.body).encode()
    verb = "GET" if request.body is None else "POST"
    head = (
        f"{verb} {request.path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _answer(reader: asyncio.StreamReader) -> tuple[int, Any]:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    return status, json.loads(body) if body else None
