"""`python -m altlas_runner` is the command `altlas-runner`."""

from altlas_runner.cli import main

if __name__ == "__main__":
    main()
