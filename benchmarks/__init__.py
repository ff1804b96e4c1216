"""Measurements of what the README promises in numbers; run with ``python -m benchmarks``.

Each figure that was promised stands beside its bar. Speed is judged by ratios within one run only:
seconds depend on the machine and are shown to be read, not to be kept.
"""
