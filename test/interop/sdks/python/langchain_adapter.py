"""LangChain's MCP adapter as a foreign client: tools as an agent's graph calls them.

All of one session, or (MCP_SESSIONS=each, which is what the adapter does unless it is told otherwise) each call of its own.
"""

import asyncio
import os
from contextlib import AsyncExitStack
from typing import Any

from langchain_mcp_adapters.callbacks import Callbacks
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools
from mcp.types import ElicitResult

from commands import ELICIT, HEADERS, TRANSPORT, URL, serve

SERVER = "share"


async def elicit(_mcp_context: Any, _params: Any, _context: Any) -> ElicitResult:
    return ElicitResult(action="accept", content={"name": "Grace"})


class LangChain:
    def __init__(self) -> None:
        transport = "sse" if TRANSPORT == "sse" else "streamable_http"
        connection = {"transport": transport, "url": URL, "headers": HEADERS}
        self.client = MultiServerMCPClient({SERVER: connection}, callbacks=Callbacks(on_elicitation=elicit))
        self.stack = AsyncExitStack()
        self.tools: dict[str, Any] = {}
        self.session: Any = None

    async def connect(self) -> str:
        if os.environ.get("MCP_SESSIONS") != "each":
            self.session = await self.stack.enter_async_context(self.client.session(SERVER))
        await self.list()
        return "connected"

    async def list(self) -> list[str]:
        tools = await (self.client.get_tools() if self.session is None else load_mcp_tools(self.session))
        self.tools = {tool.name: tool for tool in tools}
        return list(self.tools)

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        # A call as a model makes it: its answer is the message that the model would read.
        message = await self.tools[name].ainvoke({"type": "tool_call", "id": "1", "name": name, "args": arguments})
        if message.status == "error":
            raise RuntimeError(str(message.content))
        return message.content[0]["text"]

    async def close(self) -> None:
        await self.stack.aclose()


asyncio.run(serve(LangChain(), [ELICIT]))
