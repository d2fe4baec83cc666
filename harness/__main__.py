"""``python -m harness``: the command line."""

import sys

from harness.app.utf8 import restart_with_utf8


def main() -> None:
    """Run the command line on this process's arguments."""
    restart_with_utf8(sys.argv[1:])
    from harness.app.cli import cli

    # Older click leaves the dot in the name of this variable, which no shell can set.
    cli(prog_name="run_bench.sh", complete_var="_RUN_BENCH_SH_COMPLETE")


if __name__ == "__main__":
    main()
