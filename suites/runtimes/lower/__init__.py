"""Graphs as models of each format, made without converters."""
