"""Modes: whether a step waits, decided from what the run itself selects."""

import dagster as dg
import pytest

from dagster_spcs.run.mode import Mode, RunMode, choose_mode, mode_for_run


@pytest.mark.parametrize(
    ("mode", "waiting", "backfill", "blocking", "feeds_run", "reason"),
    [
        pytest.param("auto", [], False, False, False, "nothing in this run waits", id="auto"),
        pytest.param("auto", ["b", "c"], False, True, True, "also builds b, c from", id="child"),
        pytest.param("auto", [], True, True, False, "backfill", id="backfill"),
        pytest.param("auto", ["b"], True, True, True, "also builds b from", id="both"),
        pytest.param("deferred", ["b"], True, False, False, "deferred", id="deferred-always"),
        pytest.param("blocking", [], False, True, False, "blocking", id="blocking-always"),
        pytest.param("blocking", ["b"], False, True, True, "blocking", id="blocking-with-a-child"),
    ],
)
def test_choose_mode(
    mode: Mode, waiting: list[str], backfill: bool, blocking: bool, feeds_run: bool, reason: str
) -> None:
    """A mode that is not ``auto`` decides alone; ``auto`` waits when something would be lost."""
    chosen = choose_mode(mode, waiting_assets=waiting, in_backfill=backfill)
    assert (chosen.blocking, chosen.feeds_run) == (blocking, feeds_run)
    assert reason in chosen.reason


chosen_modes: list[RunMode] = []


@dg.asset
def upstream() -> None:
    """Something a job reads."""


@dg.asset(deps=[upstream])
def scores(context: dg.AssetExecutionContext) -> None:
    """The asset that decides."""
    chosen_modes.append(mode_for_run(context, "auto"))


@dg.asset(deps=[scores])
def report() -> None:
    """Something made from it."""


@dg.asset(deps=[report])
def mail() -> None:
    """Something made from that."""


@pytest.mark.parametrize(
    ("selected", "tags", "blocking", "reason"),
    [
        pytest.param(["scores"], {}, False, "nothing", id="alone"),
        pytest.param(["upstream", "scores"], {}, False, "nothing", id="with-its-parent"),
        pytest.param(["scores", "report"], {}, True, "report", id="with-its-child"),
        pytest.param(["scores", "mail"], {}, False, "nothing", id="child-left-out"),
        pytest.param(["scores"], {"dagster/backfill": "x"}, True, "backfill", id="backfill"),
    ],
)
def test_mode_for_run(
    selected: list[str], tags: dict[str, str], blocking: bool, reason: str
) -> None:
    """In a run, what waits is a child of the asset that the run selects as well."""
    chosen_modes.clear()
    dg.materialize([upstream, scores, report, mail], selection=selected, tags=tags)
    [chosen] = chosen_modes
    assert chosen.blocking is blocking
    assert reason in chosen.reason
