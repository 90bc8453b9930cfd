"""The agent's side of PostgreSQL: what it is granted at installation, how it opens and ends an access, what it records.

    bootstrap    the set-up a DBA runs once; selfcheck refuses an account that holds more
    powers       what is done to roles, as text: as the broker, or (guard) by functions that hold the agent to a ceiling
    connections  every connection there is; the only place that turns psycopg's errors into ours
    provision    opens an access: a set role with exactly the permissions, a login that is its member
    settings     what the sessions of a login begin with; passwords puts changed ones right where nobody can see them
    ending       ends an access, down to zero residue; sweep finds what needs ending
    ledger       the one row of every request; evidence is the hash-chained log
    catalog      what exists, without data; sessions is who is connected

Nothing here decides whether an access may be opened: that is the caller's, before it calls.
"""
