"""Two made-up years of base images on three registry hosts, the same for the same seed.

`stories` says what each tag goes through, `lives` turns that into pushes, `world` gathers them and counts what
polling it all costs. Names are real where the images are well known; every size is invented.
"""

from app.imitation.demo.world import Cost, DemoWorld, build_demo_world

__all__ = ["Cost", "DemoWorld", "build_demo_world"]
