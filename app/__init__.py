"""Tarewatch: what container base images weigh, over time."""
