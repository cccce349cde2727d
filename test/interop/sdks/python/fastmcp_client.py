"""FastMCP's client as a foreign client; it chooses the revision itself."""

import asyncio
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import SSETransport, StreamableHttpTransport

from commands import ELICIT, HEADERS, ROOTS, SAMPLE, TRANSPORT, URL, serve


async def sample(_messages: Any, _params: Any, _context: Any) -> str:
    return "sampled in Python"


async def elicit(_message: str, _response_type: Any, _params: Any, _context: Any) -> dict[str, str]:
    return {"name": "Grace"}


class FastMcp:
    def __init__(self) -> None:
        transport = SSETransport if TRANSPORT == "sse" else StreamableHttpTransport
        self.client = Client(
            transport(URL, headers=HEADERS),
            sampling_handler=sample,
            elicitation_handler=elicit,
            roots=["file:///tmp/root"],
        )

    async def connect(self) -> str:
        await self.client.__aenter__()
        return str(self.client.protocol_version)

    async def list(self) -> list[str]:
        return [tool.name for tool in await self.client.list_tools()]

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        return (await self.client.call_tool(name, arguments)).content[0].text

    async def close(self) -> None:
        await self.client.close()


asyncio.run(serve(FastMcp(), [ELICIT, SAMPLE, ROOTS]))
