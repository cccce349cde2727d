"""Pydantic AI as a foreign client: its MCP toolset, called without a model."""

import asyncio
from typing import Any

from fastmcp.client.transports import SSETransport, StreamableHttpTransport
from pydantic_ai.mcp import MCPToolset

from commands import ELICIT, HEADERS, ROOTS, SAMPLE, TRANSPORT, URL, serve


async def sample(_messages: Any, _params: Any, _context: Any) -> str:
    return "sampled in Python"


async def elicit(_message: str, _response_type: Any, _params: Any, _context: Any) -> dict[str, str]:
    return {"name": "Grace"}


class PydanticAi:
    def __init__(self) -> None:
        transport = SSETransport if TRANSPORT == "sse" else StreamableHttpTransport
        self.toolset = MCPToolset(
            transport(URL, headers=HEADERS),
            tool_error_behavior="error",
            cache_tools=False,
            sampling_handler=sample,
            elicitation_handler=elicit,
            roots=["file:///tmp/root"],
        )

    async def connect(self) -> str:
        await self.toolset.__aenter__()
        return str(self.toolset.client.protocol_version)

    async def list(self) -> list[str]:
        return [tool.name for tool in await self.toolset.list_tools()]

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        return str(await self.toolset.direct_call_tool(name, arguments))

    async def close(self) -> None:
        await self.toolset.__aexit__(None, None, None)


asyncio.run(serve(PydanticAi(), [ELICIT, SAMPLE, ROOTS]))
