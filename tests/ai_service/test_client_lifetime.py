"""When the client opens and closes things, and how many requests it makes at one time."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from altlas_runner.ai_service import AiServiceClient, AiServiceConfig
from altlas_runner.errors import ConfigurationError
from altlas_runner.execution import Outcome
from tests.ai_service.fault_server import Behaviour, FaultServer, answer_json, attempt_for, hang


def delayed(behaviour: Behaviour, seconds: float) -> Behaviour:
    async def behave(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        await behaviour(writer)

    return behave


def test_importing_the_room_loads_neither_http_nor_model_library() -> None:
    code = (
        "import sys; from altlas_runner.ai_service import AiServiceClient, AiServiceConfig; "
        "AiServiceClient(AiServiceConfig()); print({'aiohttp', 'xllamacpp', 'jinja2'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_an_attempt_outside_of_the_context_manager_works_and_aclose_lets_go() -> None:
    async def main() -> tuple[Outcome, Outcome]:
        async with FaultServer(answer_json(1)) as server:
            client = AiServiceClient(AiServiceConfig(base_url=server.url))
            first = await client.attempt(attempt_for())
            await client.aclose()
            again = await client.attempt(attempt_for())
            await client.aclose()
            await client.aclose()
            return first, again

    assert [outcome.output for outcome in asyncio.run(main())] == [1, 1]


def test_one_client_serves_several_runs_one_after_the_other() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        client = AiServiceClient(AiServiceConfig(base_url=f"http://127.0.0.1:{unused.getsockname()[1]}"))

        async def main() -> str | None:
            async with client:
                return (await client.attempt(attempt_for())).error_code

        assert [asyncio.run(main()), asyncio.run(main())] == ["AI_CONNECT", "AI_CONNECT"]


def test_a_client_that_is_open_in_another_event_loop_says_so() -> None:
    client = AiServiceClient()

    async def enter() -> None:
        await client.__aenter__()

    async def attempt() -> Outcome:
        return await client.attempt(attempt_for())

    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(enter())
        outcome = asyncio.run(attempt())
        assert outcome.error_code == "AI_CONFIGURATION"
        assert "another event loop" in (outcome.error or "")
        loop.run_until_complete(client.aclose())
    finally:
        loop.close()


def test_connections_are_reused() -> None:
    ports: set[int] = set()

    async def remember(writer: asyncio.StreamWriter) -> None:
        ports.add(writer.get_extra_info("peername")[1])
        await answer_json(1)(writer)

    async def main() -> None:
        async with FaultServer(remember) as server, AiServiceClient(AiServiceConfig(base_url=server.url)) as client:
            for _ in range(5):
                assert (await client.attempt(attempt_for())).ok

    asyncio.run(main())
    assert len(ports) == 1


def test_a_second_answer_to_one_request_is_not_taken_for_the_answer_to_the_next() -> None:
    async def twice(writer: asyncio.StreamWriter) -> None:
        await answer_json("mine")(writer)
        await writer.drain()
        await asyncio.sleep(0.05)
        await answer_json("somebody else's")(writer)

    async def main() -> list[Outcome]:
        async with (
            FaultServer(twice, answer_json("mine, too")) as server,
            AiServiceClient(AiServiceConfig(base_url=server.url)) as client,
        ):
            first = await client.attempt(attempt_for())
            await asyncio.sleep(0.2)
            return [first, await client.attempt(attempt_for())]

    assert [outcome.output for outcome in asyncio.run(main())] == ["mine", "mine, too"]


@pytest.mark.slow
def test_attempts_beyond_max_connections_wait_without_their_timeout_running() -> None:
    async def main() -> None:
        async with FaultServer(delayed(answer_json(1), 0.2)) as server:
            config = AiServiceConfig(base_url=server.url, max_connections=2, timeout_seconds=0.7)
            async with AiServiceClient(config) as client:
                outcomes = await asyncio.gather(*(client.attempt(attempt_for()) for _ in range(8)))
        assert all(outcome.ok for outcome in outcomes)
        assert server.most_open_requests == 2

    asyncio.run(main())


def test_an_attempt_that_waits_for_room_ends_at_its_deadline() -> None:
    async def main() -> Outcome:
        async with (
            FaultServer(hang) as server,
            AiServiceClient(AiServiceConfig(base_url=server.url, max_connections=1)) as client,
        ):
            first = asyncio.create_task(client.attempt(attempt_for()))
            await asyncio.sleep(0.05)
            outcome = await client.attempt(attempt_for(deadline=asyncio.get_running_loop().time() + 0.1))
            first.cancel()
            return outcome

    assert asyncio.run(main()).error_code == "AI_DEADLINE"


def test_closing_fails_the_attempts_under_way() -> None:
    async def main() -> Outcome:
        async with FaultServer(hang) as server:
            client = AiServiceClient(AiServiceConfig(base_url=server.url))
            running = asyncio.create_task(client.attempt(attempt_for()))
            while not server.requests:
                await asyncio.sleep(0.01)
            await client.aclose()
            return await running

    assert asyncio.run(main()).error_code == "AI_CONNECT"


def test_a_ca_bundle_that_cannot_be_used_is_found_before_the_first_task(tmp_path: Path) -> None:
    nonsense = tmp_path / "ca.pem"
    nonsense.write_text("no certificate")

    async def main(bundle: Path) -> None:
        async with AiServiceClient(AiServiceConfig(ca_bundle=bundle)):
            pass

    with pytest.raises(ConfigurationError, match=r"ca\.pem cannot be used: it is no PEM bundle"):
        asyncio.run(main(nonsense))
    with pytest.raises(ConfigurationError, match="No such file"):
        asyncio.run(main(tmp_path / "missing.pem"))


def test_the_first_of_many_requests_does_not_wait_until_all_connections_are_open() -> None:
    async def opened_before_the_first_request() -> int:
        opened = 0
        at_first: list[int] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal opened
            opened += 1
            await reader.readuntil(b"}")
            at_first.append(opened)
            writer.write(b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
            await reader.read()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=200)
        async with server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with AiServiceClient(AiServiceConfig(base_url=url, max_connections=150)) as client:
                outcomes = await asyncio.gather(*(client.attempt(attempt_for()) for _ in range(150)))
        assert all(outcome.ok for outcome in outcomes)
        assert opened == 150
        return at_first[0]

    # A process that is stopped by its system in that moment opens them all at once; not each time.
    assert min(asyncio.run(opened_before_the_first_request()) for _ in range(5)) < 100
