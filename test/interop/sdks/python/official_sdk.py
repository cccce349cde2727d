"""Python's official SDK as a foreign client: its session over the transport that is asked for."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import mcp
from mcp import types
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from commands import ELICIT, HEADERS, ROOTS, SAMPLE, TRANSPORT, URL, serve


async def sample(_context: Any, _params: Any) -> types.CreateMessageResult:
    content = types.TextContent(type="text", text="sampled in Python")
    return types.CreateMessageResult(role="assistant", model="test", content=content)


async def elicit(_context: Any, _params: Any) -> types.ElicitResult:
    return types.ElicitResult(action="accept", content={"name": "Grace"})


async def list_roots(_context: Any) -> types.ListRootsResult:
    return types.ListRootsResult(roots=[types.Root(uri="file:///tmp/root", name="root")])


class OfficialSdk:
    def __init__(self) -> None:
        self.stack = AsyncExitStack()
        self.session: mcp.ClientSession

    async def connect(self) -> str:
        if TRANSPORT == "sse":
            streams = sse_client(URL, headers=HEADERS)
        else:
            http = await self.stack.enter_async_context(httpx2.AsyncClient(headers=HEADERS, timeout=60))
            streams = streamable_http_client(URL, http_client=http)
        read, write, *_ = await self.stack.enter_async_context(streams)
        session = mcp.ClientSession(
            read, write, sampling_callback=sample, elicitation_callback=elicit, list_roots_callback=list_roots
        )
        self.session = await self.stack.enter_async_context(session)
        return (await self.session.initialize()).protocol_version

    async def list(self) -> list[str]:
        return [tool.name for tool in (await self.session.list_tools()).tools]

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        return (await self.session.call_tool(name, arguments)).content[0].text

    async def close(self) -> None:
        await self.stack.aclose()


asyncio.run(serve(OfficialSdk(), [ELICIT, SAMPLE, ROOTS]))
