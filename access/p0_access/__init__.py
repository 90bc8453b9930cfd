"""The pure kernel that both sides share: records, proof, permissions, routing. It does no I/O and reads no clock."""
