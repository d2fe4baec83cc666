import pytest
from report_fixtures import broken_run, empty_run, hostile_run, nano_run, sweep_run


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Recorded runs by name; made once, read only."""
    makers = {"nano": nano_run, "sweep": sweep_run, "hostile": hostile_run, "empty": empty_run, "broken": broken_run}
    return {name: makers[name](tmp_path_factory.mktemp(name)) for name in sorted(makers)}


@pytest.fixture(scope="session")
def found(runs):
    """Findings of each run, without published numbers."""
    from reports.findings import findings

    return {name: findings(runs[name], published=()) for name in runs}


@pytest.fixture(scope="session")
def pages(found):
    """The page of each run."""
    from reports.formats.page import render_page

    return {name: render_page(found[name]) for name in found}
