"""The GPU worker of remedia: a bundle with `job.json` goes in, pictures and `results.json` come out.

It decides nothing that changes a picture: every number is in the order. It makes the first attempt of each operation
and goes on to the next one only for a reason that it reports.
"""

__version__ = "0.1.0"

ENGINE = "remedia-worker"
"""The name under which it signs its results."""
