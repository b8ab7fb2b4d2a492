"""Connections are opened as they are wanted, used again, and closed when nobody wants them."""

from __future__ import annotations

import asyncio
import ssl

import httpx
import pytest

import skytells_nb as sky
from skytells_nb.client import http, lanes
from skytells_nb.client.lanes import Lanes


def made() -> Lanes:
    return Lanes(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


def request(sandbox: sky.Sandbox) -> httpx.Request:
    return httpx.Request("GET", sandbox.url + "/models", headers={"x-api-key": sandbox.api_key})


def test_one_after_another_use_one_connection_and_several_at_once_a_few(sandbox: sky.Sandbox) -> None:
    async def main() -> tuple[int, int, int]:
        transport = made()
        async with httpx.AsyncClient(transport=transport) as client:
            for _ in range(3):
                assert (await client.send(request(sandbox))).status_code == 200
            alone = len(transport._free)
            await asyncio.gather(*(client.send(request(sandbox)) for _ in range(5)))
            together = len(transport._free)
            await client.send(request(sandbox))
            assert not transport._busy
        return alone, together, len(transport._free)

    assert asyncio.run(main()) == (1, 5, 0)


def test_a_connection_that_was_idle_for_long_is_closed(
    sandbox: sky.Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> list[int]:
        transport = made()
        counts = []
        async with httpx.AsyncClient(transport=transport) as client:
            await asyncio.gather(*(client.send(request(sandbox)) for _ in range(4)))
            monkeypatch.setattr(lanes, "_IDLE", 0.0)
            for _ in range(4):
                counts.append(len(transport._free))
                await client.send(request(sandbox))
        return counts

    assert asyncio.run(main()) == [4, 3, 2, 1]


def test_a_request_that_is_given_up_or_fails_gives_its_lane_back(sandbox: sky.Sandbox) -> None:
    sandbox.faults.next("slow", on="models", seconds=5)
    sandbox.faults.next("broken_json", on="models", after=1)

    async def main() -> None:
        transport = made()
        async with httpx.AsyncClient(transport=transport) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await client.send(request(sandbox))
            assert (len(transport._free), len(transport._busy)) == (1, 0)
            async with client.stream("GET", sandbox.url + "/models") as answer:
                assert len(transport._busy) == 1
                assert answer.status_code == 401
            assert (len(transport._free), len(transport._busy)) == (1, 0)
            sandbox.stop()
            with pytest.raises(httpx.ConnectError):
                await client.send(request(sandbox))
            assert (len(transport._free), len(transport._busy)) == (1, 0)

    asyncio.run(main())


def test_closing_takes_the_connections_in_use_along(sandbox: sky.Sandbox) -> None:
    sandbox.faults.next("slow", on="models", seconds=5)

    async def main() -> None:
        transport = made()
        client = httpx.AsyncClient(transport=transport)
        sending = asyncio.ensure_future(client.send(request(sandbox)))
        while not sandbox.log:
            await asyncio.sleep(0.005)
        await client.aclose()
        assert (len(transport._free), len(transport._busy)) == (0, 0)
        sending.cancel()
        await asyncio.wait([sending])
        assert (len(transport._free), len(transport._busy)) == (0, 0)

    asyncio.run(main())


def test_where_the_environment_names_a_proxy_httpx_finds_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    async def transport_for(url: str) -> httpx.AsyncBaseTransport:
        async with http.async_client(url) as client:
            return client._transport_for_url(httpx.URL(url))

    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    assert isinstance(asyncio.run(transport_for("https://api.skytells.ai/v1")), Lanes)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    proxied = asyncio.run(transport_for("https://api.skytells.ai/v1"))
    assert not isinstance(proxied, Lanes)
    assert "Proxy" in type(proxied._pool).__name__  # type: ignore[attr-defined]
    assert isinstance(asyncio.run(transport_for("http://127.0.0.1:8/v1")), Lanes)
