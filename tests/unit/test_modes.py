"""Modes: whether a step waits, decided from what the run itself selects."""

import dagster as dg
import pytest

from dagster_spcs.run.mode import Decision, Mode, decide, decide_for_run


@pytest.mark.parametrize(
    ("mode", "waiting", "backfill", "blocking", "reason"),
    [
        pytest.param("auto", [], False, False, "nothing in this run waits", id="auto"),
        pytest.param("auto", ["b", "c"], False, True, "also builds b, c from", id="auto-child"),
        pytest.param("auto", [], True, True, "backfill", id="auto-backfill"),
        pytest.param("deferred", ["b"], True, False, "deferred", id="deferred-always"),
        pytest.param("blocking", [], False, True, "blocking", id="blocking-always"),
    ],
)
def test_decide(
    mode: Mode, waiting: list[str], backfill: bool, blocking: bool, reason: str
) -> None:
    """A mode that is not ``auto`` decides alone; ``auto`` waits when something would be lost."""
    decision = decide(mode, waiting_assets=waiting, in_backfill=backfill)
    assert decision.blocking is blocking
    assert reason in decision.reason


decisions: list[Decision] = []


@dg.asset
def upstream() -> None:
    """Something a job reads."""


@dg.asset(deps=[upstream])
def scores(context: dg.AssetExecutionContext) -> None:
    """The asset that decides."""
    decisions.append(decide_for_run(context, "auto"))


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
def test_decide_for_run(
    selected: list[str], tags: dict[str, str], blocking: bool, reason: str
) -> None:
    """In a run, what waits is a child of the asset that the run selects as well."""
    decisions.clear()
    dg.materialize([upstream, scores, report, mail], selection=selected, tags=tags)
    [decision] = decisions
    assert decision.blocking is blocking
    assert reason in decision.reason
