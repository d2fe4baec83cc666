"""WHAT IT MEANS: statistics on recorded runs, tables, figures and pages. Never imports torch."""
