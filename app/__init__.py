"""Tarewatch: what container base images weigh, over time."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("tarewatch")
except PackageNotFoundError:  # run from a tree that was never installed
    __version__ = "0+unknown"
