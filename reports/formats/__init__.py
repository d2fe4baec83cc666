"""The upper floor: pure functions of findings, one file for each format. None reads a record."""
