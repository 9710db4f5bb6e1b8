"""One page of docker-library/repo-info, `repos/*/remote/*.md`: text to values, no I/O.

A page is data, whatever it says. The format is that of every year since 2016, as the scripts of that
repository print it: a title, the digest of the tag's document, the list of its platforms, and a section for each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from app.exchange.facts import MOST_BYTES
from app.exchange.repo_info_steps import history, steps_of_layers
from app.history.observations import LayerFound
from app.history.past import PastManifest
from app.registry.manifest import INDEXES, MAX_LAYERS, MAX_MEDIA_TYPE
from app.registry.platform import Platform
from app.registry.reference import is_digest

LONGEST_PAGE = 2 * 1024 * 1024  # bytes; sixteen platforms of forty build steps are a tenth of it
MOST_PLATFORMS = 200

_PULL = "\n```console\n$ docker pull "
_MISSING = "\n**does not exist**"
_STEPS = "\n```dockerfile\n"
_LAYERS = "\n-\tLayers:\n"
_MONTHS = ["", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


class PageRefused(Exception):
    """The page, or a platform of it, cannot be taken: `reason` is the kind of fault, `detail` what stood there."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail[:200]
        super().__init__(f"{reason}: {self.detail}" if detail else reason)


@dataclass(frozen=True, slots=True)
class Section:
    """One platform of a page: its key ("linux/arm64") and its manifest's digest; `read` tells the rest."""

    platform: str
    digest: str
    body: str

    def read(self) -> "Image":
        """What the section says of the manifest; PageRefused if that cannot be right."""
        return _image(self.body, self.digest)


@dataclass(frozen=True, slots=True)
class Image:
    """A platform's manifest as a page describes it; `modified_at` is when its newest layer was stored."""

    manifest: PastManifest
    modified_at: datetime | None


@dataclass(frozen=True, slots=True)
class Page:
    """One version of a page. `title` is "alpine:latest", `digest` that of the tag's document (index or manifest).

    Without sections and refusals it says nothing: no such tag then, or no platform. Attestations are left out.
    """

    title: str
    digest: str | None
    sections: tuple[Section, ...] = ()
    refused: tuple[tuple[str, PageRefused], ...] = ()  # platform as the page spells it, and why

    @property
    def says_nothing(self) -> bool:
        """Whether there is neither a platform nor a fault."""
        return not self.sections and not self.refused


def page_text(body: bytes) -> str:
    """The text of a page: UTF-8 with or without a mark, any line ends, nothing that a database would choke on."""
    text = body.decode("utf-8", "replace").removeprefix("\ufeff")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.replace("\0", "\ufffd") if "\0" in text else text


def parse_page(text: str) -> Page:
    """The page in text; PageRefused if it is none. Its sections are read later, each by itself."""
    if len(text) > LONGEST_PAGE:
        raise PageRefused("a page of more than two megabytes")
    title = _title(text)
    head, *sections = text.split(f"\n### `{title}` - ")
    if len(sections) > MOST_PLATFORMS:
        raise PageRefused("a page of more than two hundred platforms")
    digest = _pulled(head.partition("\n")[2])
    platforms = [section.partition("\n")[0].strip() for section in sections]
    missing = _unprinted(_listed(head, platforms), platforms)
    only = digest if len(sections) == 1 and _quoted(head, "\n-\tManifest MIME: `") not in INDEXES else None
    return _page(title, digest, list(_sections(platforms, sections, only)), missing)


def _title(text: str) -> str:
    title, mark, _ = text[:400].removeprefix("## `").partition("`\n")
    if not text.startswith("## `") or not mark:
        raise PageRefused("not a page about a tag in a registry", text[:60])
    return title


def _listed(head: str, printed: Sequence[str]) -> list[str]:
    """The platforms that the head of the page promises."""
    _, mark, listing = head.partition("\n-\tPlatforms:")
    if not mark and not printed and _MISSING not in head:
        raise PageRefused("neither a list of platforms nor a word that the tag does not exist")
    if not mark:
        return list(printed)
    return [line.removeprefix("\t-\t").strip() for line in listing.split("\n")[1:] if line.startswith("\t-\t")]


def _unprinted(listed: Sequence[str], printed: Sequence[str]) -> Sequence[str]:
    """The platforms that a cut page lists but does not come to. A build step that poses as a section is found here."""
    if list(listed[: len(printed)]) != list(printed):
        raise PageRefused("its sections are not the platforms that it lists")
    return [platform for platform in listed[len(printed) :] if _key(platform) is not None]


def _sections(platforms: Sequence[str], texts: Sequence[str], only: str | None) -> Iterator[Section | tuple[str, str]]:
    """A section for every platform that is one, or its name and digest where they are not fit for use."""
    for platform, text in zip(platforms, texts, strict=True):
        body = text.partition("\n")[2]
        digest = _pulled(body) or only
        key = _key(platform)
        if key is None:
            continue
        yield Section(key, digest, body) if key and digest else (platform, key)


def _page(title: str, digest: str | None, found: Sequence[Section | tuple[str, str]], missing: Sequence[str]) -> Page:
    refused = [(platform, PageRefused("listed, but not on the page: it was cut off")) for platform in missing]
    sections: dict[str, Section] = {}
    for one in found:
        if isinstance(one, Section):
            sections.setdefault(one.platform, one)  # of two equal platforms the first, as in an index
        else:
            fault = "no digest of its own" if one[1] else "not a platform"
            refused.append((one[0], PageRefused(fault, "" if one[1] else one[0])))
    return Page(title, digest, tuple(sections.values()), tuple(refused))


@lru_cache(maxsize=512)
def _key(text: str) -> str | None:
    """Our key of "linux; arm64 variant v8" or "windows version 10.0.14393.1884; amd64"; "" if it is none.

    None for the "unknown; unknown" of attestations.
    """
    system, _, machine = text.partition("; ")
    system, _, features = system.partition(" ft. ")
    os, _, version = system.partition(" version ")
    architecture, _, variant = machine.partition(" ft. ")[0].partition(" variant ")
    try:
        platform = Platform.normalised(os, architecture, variant, version, features.split(", ") if features else ())
    except ValueError:
        return ""
    return None if platform.is_unknown else str(platform)


def _pulled(text: str) -> str | None:
    """The digest of the `docker pull` line that text begins with."""
    if not text.startswith(_PULL):
        return None
    digest = text[len(_PULL) : text.find("\n", len(_PULL))].rpartition("@")[2]
    return digest if is_digest(digest) else None


def _image(body: str, digest: str) -> Image:
    # Tags that are names of one image have the same sections, and change in the same commit.
    return _read_often(body, digest) if len(body) < 32_768 else _read(body, digest)


def _read(body: str, digest: str) -> Image:
    head, _, rest = body.partition(_STEPS)
    block, mark, listing = f"\n{rest}".rpartition(_LAYERS) if rest else head.rpartition(_LAYERS)
    if not mark:
        raise PageRefused("no list of layers")
    entries = [_Layer(entry) for entry in _split_layers(listing)]
    created, steps = history(block if rest else "")
    media_type = _quoted(head, "\n-\tManifest MIME: `")[:MAX_MEDIA_TYPE]
    if ".manifest.v1+" in media_type:  # schema 1 lists the newest layer first, and maps no step to it
        entries.reverse()
        steps = ()
    made_by = steps_of_layers(steps, len(entries))
    layers = tuple(one.found(step) for one, step in zip(entries, made_by, strict=True))
    config = _quoted(head, "\n-\tImage ID: `")
    manifest = PastManifest(
        digest,
        _total(head, layers),
        len(layers),
        layers,
        media_type or None,
        config if is_digest(config) else None,
        _newest(created),
    )
    return Image(manifest, _newest(one.modified for one in entries))


_read_often = lru_cache(maxsize=256)(_read)


def _split_layers(listing: str) -> list[str]:
    if listing.count("\t-\t`") > MAX_LAYERS:
        raise PageRefused("more than a thousand layers")
    return listing.split("\t-\t`")[1:]


class _Layer:
    """An entry of the list of layers."""

    __slots__ = ("_said", "digest", "modified")

    def __init__(self, entry: str) -> None:
        first, *lines = entry.split("\n\t\t")
        self.digest = first.partition("`")[0]
        self._said = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.modified = self._said.get("Last Modified", "")
        if not is_digest(self.digest):
            raise PageRefused("a layer without a digest", self.digest)

    def found(self, step: str | None) -> LayerFound:
        media_type = self._said.get("MIME", "").partition("\n")[0][:MAX_MEDIA_TYPE]
        return LayerFound(self.digest, media_type, _byte_count(self._said.get("Size", "")), None, step)


def _total(head: str, layers: Sequence[LayerFound]) -> int:
    """The bytes that the page states, which are the sum of the layers."""
    stated = _byte_count(_after(head, "\n-\tTotal Size: **").partition("**")[0])
    counted = sum(layer.compressed_bytes for layer in layers)
    if stated != counted:
        raise PageRefused("its bytes are not the sum of its layers", f"{stated} stated, {counted} counted")
    if not 0 < stated <= MOST_BYTES:
        raise PageRefused("its layers have no bytes" if stated == 0 else "more than ten terabytes", str(stated))
    return stated


def _byte_count(text: str) -> int:
    """The bytes in "2.3 MB (2310286 bytes)" or "985.0 B"; what is only rounded is refused."""
    digits = text[text.find("(") + 1 : -7] if text.endswith(" bytes)") else text[:-4] if text.endswith(".0 B") else ""
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 16):
        raise PageRefused("a size without an exact number of bytes", text)
    return int(digits)


def _after(text: str, label: str) -> str:
    """The rest of the line behind a label; "" if it is not there."""
    start = text.find(label)
    if start < 0:
        return ""
    start += len(label)
    end = text.find("\n", start)
    return text[start:] if end < 0 else text[start:end]


def _quoted(text: str, label: str) -> str:
    return _after(text, label).partition("`")[0]


def _newest(dates: Iterator[str] | Sequence[str]) -> datetime | None:
    return max((moment for moment in map(_date, set(dates)) if moment is not None), default=None)


@lru_cache(maxsize=4096)
def _date(text: str) -> datetime | None:
    """The moment of "Thu, 23 Jun 2016 19:55:18 GMT"; None for what is none, and before 1970 (Go's zero time)."""
    if len(text) != 29 or text[25:] != " GMT":
        return None
    try:
        year, month, day = int(text[12:16]), _MONTHS.index(text[8:11]), int(text[5:7])
        moment = datetime(year, month, day, int(text[17:19]), int(text[20:22]), int(text[23:25]), tzinfo=UTC)
    except ValueError:
        return None
    return moment if 1970 <= moment.year <= 9998 else None
