"""Step 7: what a request's SQL needs, read by the kernel over the agent's own catalog and by PostgreSQL itself.

`reader.Reader` is the seam: the core asks for permissions and does not know who read them. `combined` is the one.

    child, cutting     the kernel and its parser, in a process that may die; what PostgreSQL can be asked
    postgres           PostgreSQL's analysis of one statement, as the reader
    nodes, tree        its printed tree: the notation, and what it says by number
    names, required    the names behind the numbers, and the permissions they come to
    objects            what runs beneath a statement, with digests
    merging            two readings into one
"""
