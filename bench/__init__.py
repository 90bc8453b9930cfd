"""What things cost: `python -m bench`, or `python -m bench routing` for one of the modules here.

A module has a `TITLE` and `async def run(table)`, which measures rows into the table; see `bench.harness`.
"""
