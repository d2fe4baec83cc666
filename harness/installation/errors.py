"""What ends a set-up: one sentence with the remedy."""


class SetUpError(Exception):
    """Setting up cannot go on; the message is one sentence with the remedy. Nothing that worked was changed."""
