"""Measurements of what has a target; see docs/explain/performance.md."""
