"""The parts of the page data, one idea each; :mod:`reports.page_data` puts them together."""
