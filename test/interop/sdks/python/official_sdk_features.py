"""Python's official SDK as a client of a share: each proof prints one line, the first failure ends the run.

Usage: python_client.py <streamable-http|sse|auto> <url>
"""

import asyncio
import sys
from typing import Any

import mcp
from mcp import types
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

RESOURCE_COUNT = 25
# The SDK's own client refuses an SSE event of more than 1 MiB.
BIG_BYTES = {"sse": 900_000, "streamable-http": 3_000_000, "auto": 3_000_000}


def expect(name: str, condition: bool, seen: Any = None) -> None:
    if not condition:
        raise AssertionError(f"{name}: {seen!r}")
    print(f"proved {name}", flush=True)


def text_of(result: Any) -> str:
    return result.content[0].text


async def sample(_context: Any, _params: Any) -> types.CreateMessageResult:
    content = types.TextContent(type="text", text="sampled in Python")
    return types.CreateMessageResult(role="assistant", model="test", content=content)


async def elicit(_context: Any, _params: Any) -> types.ElicitResult:
    return types.ElicitResult(action="accept", content={"name": "Grace"})


async def list_roots(_context: Any) -> types.ListRootsResult:
    return types.ListRootsResult(roots=[types.Root(uri="file:///tmp/root", name="root")])


async def prove(client: Any, logged: asyncio.Event, big_bytes: int) -> None:
    tools = await client.list_tools()
    expect("tools/list", "echo" in [tool.name for tool in tools.tools], tools)
    answer = text_of(await client.call_tool("echo", {"text": "grüße 漢字 🙂"}))
    expect("tools/call", answer == "grüße 漢字 🙂", answer)

    first = await client.list_resources()
    expect("pagination", len(first.resources) < RESOURCE_COUNT, first)

    steps: list[float] = []

    async def on_progress(progress: float, _total: float | None, _message: str | None) -> None:
        steps.append(progress)

    await client.call_tool("progress", {"steps": 3}, progress_callback=on_progress)
    expect("progress", steps == [1, 2, 3], steps)
    expect("sampling", "sampled in Python" in text_of(await client.call_tool("sample", {"prompt": "hi"})))
    expect("elicitation", "Grace" in text_of(await client.call_tool("elicit", {"message": "who"})))
    expect("roots", "file:///tmp/root" in text_of(await client.call_tool("roots", {})))
    await client.call_tool("log", {"count": 1})
    await asyncio.wait_for(logged.wait(), 30)
    expect("logging", logged.is_set())

    texts = [f"call {index}" for index in range(20)]
    answers = await asyncio.gather(*(client.call_tool("echo", {"text": text}) for text in texts))
    expect("calls at once", [text_of(one) for one in answers] == texts)
    big = text_of(await client.call_tool("big", {"bytes": big_bytes}))
    expect(f"a result of {big_bytes} bytes", len(big.encode()) == big_bytes, len(big.encode()))


async def main(transport: str, url: str) -> None:
    logged = asyncio.Event()

    async def on_log(_params: Any) -> None:
        logged.set()

    callbacks = {
        "sampling_callback": sample,
        "elicitation_callback": elicit,
        "list_roots_callback": list_roots,
        "logging_callback": on_log,
    }
    if transport == "auto":
        # In revision 2026-07-28 a client that asks for no level is sent no log messages.
        async with mcp.Client(url, log_level="info", **callbacks) as client:
            await prove(client, logged, BIG_BYTES[transport])
        return
    streams = sse_client(url) if transport == "sse" else streamable_http_client(url)
    async with streams as (read, write, *_), mcp.ClientSession(read, write, **callbacks) as session:
        hello = await session.initialize()
        expect("initialize", hello.server_info.name == "echo", hello)
        await prove(session, logged, BIG_BYTES[transport])


asyncio.run(main(sys.argv[1], sys.argv[2]))
