"""The commands of a foreign client (see foreign-client.ts): reads them from stdin and answers each with one JSON line."""

import asyncio
import json
import os
import sys
from typing import Any, Protocol

URL = os.environ["MCP_URL"]
TRANSPORT = os.environ["MCP_TRANSPORT"]
BEARER = os.environ.get("MCP_BEARER")
HEADERS = {"Authorization": f"Bearer {BEARER}"} if BEARER else {}


class Client(Protocol):
    """What a library makes of each command; `call` returns the text of the first content."""

    async def connect(self) -> str: ...
    async def list(self) -> list[str]: ...
    async def call(self, name: str, arguments: dict[str, Any]) -> str: ...
    async def close(self) -> None: ...


def said(error: BaseException) -> str:
    """All that an error says, with the data of a JSON-RPC error and what it was raised for."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(said(one) for one in error.exceptions)
    data = getattr(getattr(error, "error", error), "data", None)
    try:
        shown = json.dumps(data)
    except TypeError:
        shown = str(data)
    cause = f" <- {said(error.__cause__)}" if error.__cause__ else ""
    return f"{type(error).__name__}: {error} {shown}{cause}"


connected = False


async def connect_anew(client: Client) -> str:
    """A second connect, for libraries that do not recover by themselves, ends the first; how that goes is no matter."""
    global connected
    if connected:
        try:
            await client.close()
        except BaseException as error:  # noqa: BLE001
            print(f"close: {said(error)}", file=sys.stderr)
    connected = True
    return await client.connect()


async def answer(client: Client, asks: list[tuple[str, dict[str, Any]]], line: str) -> Any:
    command, _, rest = line.partition(" ")
    if command == "connect":
        return await connect_anew(client)
    if command == "list":
        return await client.list()
    if command == "call":
        call = json.loads(rest)
        return await client.call(call["name"], call["arguments"])
    if command == "ask":
        return " ".join([await client.call(name, arguments) for name, arguments in asks])
    if command == "close":
        return await client.close()
    raise ValueError(f"no command {command}")


async def serve(client: Client, asks: list[tuple[str, dict[str, Any]]]) -> None:
    """Serves commands until stdin ends. `asks` are the calls of tools that ask, in turn."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        try:
            reply = {"ok": True, "value": await answer(client, asks, line.strip())}
        except BaseException as error:  # noqa: BLE001 - a cancelled scope of a library is an answer too
            reply = {"ok": False, "error": said(error)}
        print(json.dumps(reply), flush=True)


ELICIT = ("elicit", {"message": "who"})
SAMPLE = ("sample", {"prompt": "hi"})
ROOTS = ("roots", {})
