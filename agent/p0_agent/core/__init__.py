"""The whole agent as one function: `handle(job, context) -> result`. Shells around it carry jobs in and results out."""
