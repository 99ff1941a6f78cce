"""Benchmarks: each is a command that resumes cell by cell; `python -m benchmarks.report` writes docs/benchmarks.md."""
