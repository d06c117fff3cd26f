"""`partner-api agent` for tests: the same commands, with pauses that are much shorter."""

from functools import partial
from unittest import mock

from partner_api.agent import cli
from partner_api.agent.program import run_agent
from tests.agent.device import TIMES
from tests.agent.support import hurried

if __name__ == "__main__":
    with mock.patch.object(cli, "run_agent", partial(run_agent, sleep=hurried(TIMES))):
        cli.app()
