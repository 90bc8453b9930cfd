"""Who can prove what: session keys, their commitment in the ID token, signed records, possession, sealing.

Everything here is pure: tokens, keys and the clock are passed in. Names that start with `unverified_` carry what
nobody has
checked yet; functions that verify return a distinct type.
"""
