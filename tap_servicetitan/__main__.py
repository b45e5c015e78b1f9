"""`python -m tap_servicetitan` is the command tap-servicetitan."""

from tap_servicetitan.cli import main

if __name__ == "__main__":
    main()
