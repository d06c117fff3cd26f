"""A fleet at random, and every answer beside a recount of all that was ever posted."""

import pytest

from tests.telemetry.drama import Drama

ROUNDS = 36
COMPARED_EVERY = 12


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_answer_is_what_a_recount_of_all_samples_gives(drama: Drama, seed: int) -> None:
    await drama.begin(6, seed)
    for n in range(1, ROUNDS + 1):
        await drama.play_round()
        if n % COMPARED_EVERY == 0:
            await drama.compare()
