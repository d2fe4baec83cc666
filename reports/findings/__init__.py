"""The lower floor: what a run found, as typed values made once from its index. Formats read these and no record."""

from reports.findings.findings import FORMAT, Findings, as_data, findings

__all__ = ["FORMAT", "Findings", "as_data", "findings"]
