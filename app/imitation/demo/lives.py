"""Turns a story into documents: one life per tag, rebuilt as time passes."""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.imitation.demo.stories import Base, Story
from app.imitation.documents import DOCKER, OCI, ZSTD, Document, Format, Layer, Step, docker_list, image, index

NOISE = 0.0004  # standard deviation of a routine rebuild's change
ZSTD_RATIO = 0.73
PARTIAL = 0.08  # share of rebuilds that leave a platform as it was


@dataclass(slots=True)
class Life:
    """One tag as it is now: its last index, and the layers of each platform for tags built on it."""

    story: Story
    dice: random.Random
    built_at: float | None = None  # age
    next_at: float = 0
    document: Document | None = None
    images: dict[str, Document] = field(default_factory=dict)
    layers: dict[str, list[Step]] = field(default_factory=dict)
    builds: int = 0

    def due(self, age: float, base: "Life | None") -> bool:
        """Whether the tag is rebuilt at this age: routine, a turn of its story, or a new base."""
        if not self.story.ends <= age <= self.story.born:
            return False
        if self.built_at is None or age <= self.next_at:
            return True
        turned = any(age <= turn < self.built_at for turn in self.story.ages)
        return turned or bool(base and base.built_at is not None and base.built_at < self.built_at)

    def rebuild(self, age: float, now: datetime, base: "Life | None") -> Document:
        """The tag's index after a rebuild at `age` days before the end, which is at `now`."""
        story = self.story
        routine = self.built_at is not None and age <= self.next_at
        for platform in self._platforms(age):
            kept = routine and platform in self.images and self.dice.random() < PARTIAL
            if not kept:
                self._build(platform, age, now, base)
        self.built_at, self.builds = age, self.builds + 1
        self.next_at = age - story.every * self.dice.uniform(0.75, 1.25)
        images = [self.images[platform] for platform in self._platforms(age)]
        if age > story.docker_until:
            self.document = docker_list(images)
        else:
            self.document = index(images, attestations=age <= story.attested_since)
        return self.document

    def gone(self, age: float) -> bool:
        return any(since >= age > until for since, until in self.story.gone)

    def base(self, age: float) -> Base | None:
        """The latest base that the story names."""
        return min((b for b in self.story.bases if b.age >= age), key=lambda b: b.age, default=None)

    def _platforms(self, age: float) -> list[str]:
        story = self.story
        return [
            name for name in story.platforms if story.appears.get(name, age) >= age and story.drops.get(name, -1) < age
        ]

    def _build(self, platform: str, age: float, now: datetime, base: "Life | None") -> None:
        created = now - timedelta(days=age, hours=self.dice.uniform(2, 20))
        form = self._form(age)
        steps: list[Step] = list(base.layers.get(platform, [])) if base else []
        total = self._own_bytes(platform, age)
        salt = f"{self.story.repository}:{self.story.tag} {platform} {self.builds}"
        steps += [Layer(round(total * share), text, form.layer, salt) for share, text in self.story.layers]
        steps.append('CMD ["/bin/sh"]')
        self.layers[platform] = steps
        notes = {"org.opencontainers.image.created": created.strftime("%Y-%m-%dT%H:%M:%SZ")}
        self.images[platform] = image(platform, steps, created=created, form=form, annotations=notes)

    def _form(self, age: float) -> Format:
        if age > self.story.docker_until:
            return DOCKER
        return ZSTD if age <= self.story.zstd_since else OCI

    def _own_bytes(self, platform: str, age: float) -> float:
        story = self.story
        value = story.platforms[platform] * (1 + story.creep * (story.born - age) / 365)
        for turn, fraction in story.steps.items():
            value *= 1 + fraction if age <= turn else 1
        for spike in story.spikes:
            value *= 1 + spike.fraction if spike.age >= age > spike.age - spike.days else 1
        if age <= story.zstd_since:
            value *= ZSTD_RATIO
        return value * (1 + self.dice.gauss(0, NOISE))
