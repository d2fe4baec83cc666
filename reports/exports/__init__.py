"""Recorded runs in the forms that other programs read. They carry samples, so they read the run itself."""
