"""Writes the table of clients and capabilities in docs/emulator.md: what the last runs found."""

import sys
from collections import Counter, defaultdict
from pathlib import Path
from xml.etree import ElementTree

_RESULTS = Path("test-artifacts/clients")
_PAGE = Path("docs/emulator.md")
_BEGIN, _END = "<!-- clients: begin -->\n", "<!-- clients: end -->\n"
_BAD = ("failure", "error", "skipped")

Counts = dict[str, tuple[int, int]]
"""Passed and all, by capability."""


def counted(file: Path) -> Counts:
    """Return what a run found; a capability is a file of checks."""
    passed: Counter[str] = Counter()
    all_of: Counter[str] = Counter()
    for case in ElementTree.parse(file).iter("testcase"):
        # A file of results may be of one capability: node.rows.xml.
        capability = file.stem.partition(".")[2] or _capability(case)
        all_of[capability] += 1
        passed[capability] += all(case.find(tag) is None for tag in _BAD)
    return {capability: (passed[capability], count) for capability, count in all_of.items()}


def _capability(case: ElementTree.Element) -> str:
    module = (case.get("classname") or "").rpartition(".")[2]
    return module.removeprefix("test_")


def table(results: dict[str, Counts], old: str = "") -> str:
    """Return the table; a client that was not run keeps its old line."""
    kept = {line.split("|")[1].strip(): line for line in old.splitlines()[2:] if "|" in line}
    by_capability: dict[str, dict[str, str]] = defaultdict(dict)
    for client, counts in results.items():
        for capability, (passed, count) in counts.items():
            by_capability[client][capability] = f"{capability} {passed}/{count}"
    lines = ["| client | checks that hold, by capability |", "|---|---|"]
    for client in sorted({*kept, *results}):
        if client in results:
            cells = ", ".join(by_capability[client][each] for each in sorted(by_capability[client]))
            lines.append(f"| {client} | {cells} |")
        else:
            lines.append(kept[client])
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the table; 1 if there is no result to write."""
    results: dict[str, Counts] = {}
    for file in sorted(_RESULTS.glob("*.xml")):
        results.setdefault(file.stem.partition(".")[0], {}).update(counted(file))
    if not results:
        print(f"no results in {_RESULTS}: run the clients first", file=sys.stderr)
        return 1
    before, _, rest = _PAGE.read_text().partition(_BEGIN)
    old, _, after = rest.partition(_END)
    _PAGE.write_text(f"{before}{_BEGIN}{table(results, old)}{_END}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
