from tests.factories.tenants import Agent


async def test_a_check_in_makes_a_device_streaming(agent: Agent) -> None:
    assert (await agent.read())["status"] == "critical"
    await agent.check_in()
    assert (await agent.read())["connectionState"] == "streaming"
