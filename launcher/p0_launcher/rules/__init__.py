"""What authors of rules work with: test cases, and new rules held against what was asked for before. No I/O."""
