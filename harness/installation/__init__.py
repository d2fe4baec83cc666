"""Setting up: the environment the project runs in, made beside the old one and swapped in when it works.

Runs on the system's Python with nothing but the standard library. ``python -m harness.installation --help``.
"""
