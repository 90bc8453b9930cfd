"""The directory file from a SCIM endpoint, for those who run servers and agents: what is read, who that makes a member
of what, and the file. Nothing here decides anything: a server or an agent reads the file, as it reads any other.
"""
