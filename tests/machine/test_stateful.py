"""Whatever happens in whatever order, and whoever dies: the server says what the rules say."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.machine.drama import Act, Parts, begin
from tests.machine.facts import assert_history_holds, assert_recorded, assert_told, recorded_steps

NAMES = ["enroll", "check_in", "move", "edit", "delete", "release", "settings", "sweep", "follow"]
# The thresholds' very moments among them, and what lies just beside.
PAUSES = [0, 0.000001, 1, 59, 60, 240, 299.999999, 300, 301, 600, 900, 3300, 3600, 7200, 90_000]
AGES = [0, 0, 0, 0.000001, 10, 60, 200, 300, 700, 4000, 90_000, -30]


BOUNDED = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def acts(
    names: list[str], ages: list[float], fuses: st.SearchStrategy[tuple[int, bool] | None]
) -> st.SearchStrategy[list[Act]]:
    act = st.builds(
        Act,
        st.sampled_from([*names, "check_in", "check_in", "enroll"]),
        st.integers(0, 29),
        st.sampled_from(PAUSES),
        st.lists(st.sampled_from(ages), min_size=1, max_size=4).map(tuple),
        fuses,
    )
    return st.lists(act, min_size=3, max_size=14)


anything = acts(NAMES, AGES, st.none() | st.tuples(st.integers(1, 8), st.booleans()))
# What comes to light late counts from the newest recorded step on: it is left out.
on_time = acts([name for name in NAMES if name != "sweep"], [0], st.none())


@settings(BOUNDED, max_examples=12)
@given(anything, st.booleans())
async def test_every_answer_and_every_row_say_what_the_rules_say(
    parts: Parts, script: list[Act], works: bool
) -> None:
    drama = await begin(parts)
    for act in [Act("enroll", 1, 0), *script]:
        await drama.play(act)
        await assert_told(drama)
        await assert_history_holds(drama)
        if works:
            await parts.worker.work()
            await assert_recorded(drama)
            await assert_told(drama)
    await parts.worker.work()
    await assert_recorded(drama)
    await assert_told(drama)
    await assert_history_holds(drama)


@settings(BOUNDED, max_examples=6)
@given(on_time)
async def test_the_history_does_not_depend_on_how_often_the_sweep_comes(
    parts: Parts, script: list[Act]
) -> None:
    histories = []
    for sweeps in (True, False):
        drama = await begin(parts)
        for act in [Act("enroll", 1, 0), *script]:
            await drama.play(act)
            await parts.worker.follow()
            if sweeps:
                await parts.worker.work()
        await parts.worker.work()
        histories.append(await recorded_steps(drama))
    assert histories[0] == histories[1]
