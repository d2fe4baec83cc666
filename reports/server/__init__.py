"""The reports of a folder of runs on this machine's own address: ``python -m reports.server FOLDER [--port N]``."""
