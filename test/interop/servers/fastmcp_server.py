"""A server of both eras as FastMCP makes them: its tools ask the client in either of the ways that there are (see both-eras.ts)."""

import os
from dataclasses import dataclass

import mcp_types as types
from fastmcp import Context, FastMCP
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

mcp = FastMCP("both-eras-fastmcp")

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}}
MESSAGES = [types.SamplingMessage(role="user", content=types.TextContent(type="text", text="hi"))]
MAX_TOKENS = 16


@mcp.tool
def era(ctx: Context) -> str:
    return "modern" if ctx.request_context.protocol_version in MODERN_PROTOCOL_VERSIONS else "legacy"


@mcp.tool
def pid() -> str:
    return str(os.getpid())


# The way of 2026-07-28: the tool ends with what it needs, and runs again with the answers.
def given(ctx: Context, key: str, ask: types.InputRequest) -> str | types.InputRequiredResult:
    answer = (ctx.input_responses or {}).get(key)
    return types.InputRequiredResult(input_requests={key: ask}) if answer is None else answer.model_dump_json()


@mcp.tool(output_schema=None)
def elicit(ctx: Context) -> str | types.InputRequiredResult:
    params = types.ElicitRequestFormParams(message="who", requested_schema=SCHEMA)
    return given(ctx, "who", types.ElicitRequest(params=params))


@mcp.tool(output_schema=None)
def sample(ctx: Context) -> str | types.InputRequiredResult:
    params = types.CreateMessageRequestParams(messages=MESSAGES, max_tokens=MAX_TOKENS)
    return given(ctx, "said", types.CreateMessageRequest(params=params))


@mcp.tool(output_schema=None)
def roots(ctx: Context) -> str | types.InputRequiredResult:
    return given(ctx, "where", types.ListRootsRequest())


# The way of the handshake era: a request to the client in the middle of the tool.
@dataclass
class Person:
    name: str


@mcp.tool(name="push-elicit")
async def push_elicit(ctx: Context) -> str:
    return str(await ctx.elicit("who", response_type=Person))


@mcp.tool(name="push-sample")
async def push_sample(ctx: Context) -> str:
    session = ctx.session
    answer = await session.create_message(MESSAGES, max_tokens=MAX_TOKENS, related_request_id=ctx.request_id)
    return answer.model_dump_json()


@mcp.tool(name="push-roots")
async def push_roots(ctx: Context) -> str:
    return (await ctx.session.list_roots()).model_dump_json()


mcp.run(show_banner=False)
