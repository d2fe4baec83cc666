"""Every format there is. A new one is a file beside this and a line here."""

from typing import Tuple

from reports.formats import figures, json_text, markdown, page, publication, tables
from reports.formats.files import Format

FORMATS: Tuple[Format, ...] = (
    Format("html", page.make),
    Format("markdown", markdown.make),
    Format("json", json_text.make, with_all=False),
    Format("csv", tables.make),
    Format("figures", figures.make),
    Format("publication", publication.make),
)
