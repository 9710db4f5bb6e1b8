"""Step charts as SVG: `scale` chooses axes, `geometry` makes paths, `svg` draws; all pure functions."""
