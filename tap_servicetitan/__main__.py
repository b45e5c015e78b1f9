"""The command tap-servicetitan, which is also `python -m tap_servicetitan`."""

import signal


def main() -> None:
    """Run the command line; Ctrl-C ends it without a traceback while its imports are loading."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from tap_servicetitan import cli  # noqa: PLC0415 -- takes a second, in which Ctrl-C must be quiet

    cli.main()


if __name__ == "__main__":
    main()
