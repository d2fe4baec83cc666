"""Property tests draw the same examples in every run: a red lane must mean a change, not a new draw."""

from hypothesis import settings

settings.register_profile("seeded", derandomize=True, deadline=None)
settings.load_profile("seeded")
