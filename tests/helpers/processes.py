"""Processes of the tap that start quickly: each is forked from one that has imported the tap, which takes most of a start."""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path

from tap_servicetitan import cli

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([cli.__name__])


def run_process(command: list[str], out: Path, err: Path, *, timeout: float) -> int:
    """Run the command line to its end with stdout and stderr in files; return the exit code."""
    process = _context.Process(target=_main, args=(command, dict(os.environ), Path.cwd(), out, err))
    process.start()
    process.join(timeout)
    if process.exitcode is None:
        process.kill()
        msg = f"The tap did not end within {timeout:g} seconds."
        raise TimeoutError(msg)
    return process.exitcode


def _main(command: list[str], environment: dict[str, str], directory: Path, out: Path, err: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    for path, descriptor in ((out, 1), (err, 2)):
        with path.open("wb") as file:
            os.dup2(file.fileno(), descriptor)
    sys.argv = command
    cli.main()
