"""OpenAI's Agents SDK as a foreign client: its MCP server object, as an agent's run uses it."""

import asyncio
from typing import Any

from agents.mcp import MCPServerSse, MCPServerStreamableHttp

from commands import HEADERS, TRANSPORT, URL, serve

TIMEOUT_SECONDS = 60


class OpenAiAgents:
    def __init__(self) -> None:
        make = MCPServerSse if TRANSPORT == "sse" else MCPServerStreamableHttp
        params = {"url": URL, "headers": HEADERS, "timeout": TIMEOUT_SECONDS}
        self.server = make(params=params, client_session_timeout_seconds=TIMEOUT_SECONDS)

    async def connect(self) -> str:
        await self.server.connect()
        return str(getattr(self.server.session, "protocol_version", "connected"))

    async def list(self) -> list[str]:
        return [tool.name for tool in await self.server.list_tools()]

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        return (await self.server.call_tool(name, arguments)).content[0].text

    async def close(self) -> None:
        await self.server.cleanup()


asyncio.run(serve(OpenAiAgents(), []))
