"""The project's own operator as a library that an engine loads."""

from suites.runtimes.operators import library


def library_path(engine: str) -> str:
    """Return the library for ``engine``; raises ``RuntimeError`` with reason and remedy where there is none."""
    found = library(engine)
    if found.path is None:
        raise RuntimeError("the project's operator for {} is not there ({}): {}".format(
            engine, found.reason, found.remedy))
    return str(found.path)
