"""Python's official SDK as a foreign client: its session of the handshake, or (MCP_ERA=modern) its high-level client."""

import asyncio
import os
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import mcp
from mcp import types
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from commands import ELICIT, HEADERS, ROOTS, SAMPLE, TRANSPORT, URL, serve

TIMEOUT_SECONDS = 60


async def sample(_context: Any, _params: Any) -> types.CreateMessageResult:
    content = types.TextContent(type="text", text="sampled in Python")
    return types.CreateMessageResult(role="assistant", model="test", content=content)


async def elicit(_context: Any, _params: Any) -> types.ElicitResult:
    return types.ElicitResult(action="accept", content={"name": "Grace"})


async def list_roots(_context: Any) -> types.ListRootsResult:
    return types.ListRootsResult(roots=[types.Root(uri="file:///tmp/root", name="root")])


CALLBACKS = {"sampling_callback": sample, "elicitation_callback": elicit, "list_roots_callback": list_roots}


class OfficialSdk:
    def __init__(self) -> None:
        self.stack = AsyncExitStack()
        self.client: Any = None

    async def transport(self) -> Any:
        if TRANSPORT == "sse":
            return sse_client(URL, headers=HEADERS)
        http = httpx2.AsyncClient(headers=HEADERS, timeout=TIMEOUT_SECONDS)
        return streamable_http_client(URL, http_client=await self.stack.enter_async_context(http))

    async def connect(self) -> str:
        transport = await self.transport()
        if os.environ.get("MCP_ERA") == "modern":
            self.client = await self.stack.enter_async_context(mcp.Client(transport, **CALLBACKS))
            return self.client.protocol_version
        read, write, *_ = await self.stack.enter_async_context(transport)
        self.client = await self.stack.enter_async_context(mcp.ClientSession(read, write, **CALLBACKS))
        return (await self.client.initialize()).protocol_version

    async def list(self) -> list[str]:
        return [tool.name for tool in (await self.client.list_tools()).tools]

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        return (await self.client.call_tool(name, arguments)).content[0].text

    async def close(self) -> None:
        await self.stack.aclose()


asyncio.run(serve(OfficialSdk(), [ELICIT, SAMPLE, ROOTS]))
