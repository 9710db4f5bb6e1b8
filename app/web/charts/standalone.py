"""The chart as a file of its own: fixed size, its style inside, for README files and downloads."""

from typing import Literal

from markupsafe import Markup

from app.web.charts.svg import HUES, Chart, plot

Theme = Literal["light", "dark", "auto"]
WIDTH, HEIGHT = 960, 420
_LEFT, _TOP, _RIGHT, _BOTTOM = 84, 64, 28, 72
_LEGEND_WIDTH = 150
_NOTE_ROW = 15

_LIGHT = ("#ffffff", "#1c1a22", "#5d5868", "#e4e1ea", "#711850", "#732aa6", "#bc7f1c", "#2a3a0a", "#8f85b9", "#1a9e76")
_DARK = ("#15131a", "#eeecf3", "#a7a1b5", "#322e3c", "#818fc3", "#e4e189", "#52e8d0", "#e29602", "#b759f7", "#eb2a5f")
_NAMES = ("bg", "ink", "soft", "rule", "s1", "s2", "s3", "s4", "s5", "s6")
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:var(--soft)}.name{font-size:18px;font-weight:600;fill:var(--ink)}"
    ".back{fill:var(--bg)}.grid-x line,.grid-y line{stroke:var(--rule)}.grid-x text{text-anchor:middle}"
    ".grid-y text{text-anchor:end}.plot{overflow:visible}path{fill:none;stroke-width:2;stroke-linejoin:round;"
    "stroke-linecap:round;vector-effect:non-scaling-stroke;stroke:var(--c)}circle,rect.key{fill:var(--c)}"
    ".dashed{stroke-dasharray:6 4}.told{stroke-width:1.5;stroke-dasharray:1.5 3}"
    ".dashed.told{stroke-dasharray:6 3 1.5 3}circle.told{fill:var(--bg);stroke:var(--c);stroke-dasharray:none}"
    ".notes line{stroke:var(--soft)}.note-switch line{stroke-dasharray:6 3}"
    ".notes text{text-anchor:middle}.notes .from{text-anchor:start}"
    ".notes .upto{text-anchor:end}.short{display:none}.muted{--c:var(--soft)!important;stroke-width:1}"
)


_DOCUMENT = Markup(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    ' role="img" aria-label="{title}"><style>{style}</style><rect class="back" width="100%" height="100%"/>'
    '<text class="name" x="24" y="36">{title}</text>{drawn}{legend}</svg>\n'
)
_DRAWN = Markup('<svg x="{}" y="{}" width="{}" height="{}" overflow="visible">{}</svg>')
_EMPTY = Markup('<text x="50%" y="50%" text-anchor="middle">No size known yet</text>')
_KEY = Markup('<rect class="key {}" x="{}" y="{}" width="14" height="4"/><text x="{}" y="{}">{}</text>')


def standalone(chart: Chart, theme: Theme) -> str:
    """The whole SVG document; "auto" follows the reader's colour scheme."""
    inner = plot(chart)
    top = _TOP + chart.note_rows * _NOTE_ROW
    place = (_LEFT, top, WIDTH - _LEFT - _RIGHT, HEIGHT - top - _BOTTOM)
    return _DOCUMENT.format(
        width=WIDTH,
        height=HEIGHT,
        title=chart.title,
        style=_style(theme),
        drawn=_EMPTY if inner is None else _DRAWN.format(*place, inner),
        legend=_legend(chart),
    )


def _style(theme: Theme) -> str:
    hues = "".join(f".s{n}{{--c:var(--s{n})}}" for n in range(1, HUES + 1))
    light, dark = _variables(_LIGHT), _variables(_DARK)
    both = {"light": light, "dark": dark, "auto": f"{light}@media (prefers-color-scheme:dark){{{dark}}}"}
    return both[theme] + hues + _STYLE


def _variables(colours: tuple[str, ...]) -> str:
    pairs = zip(_NAMES, colours, strict=True)
    return ":root{" + ";".join(f"--{name}:{colour}" for name, colour in pairs) + "}"


def _legend(chart: Chart) -> Markup:
    shown = [index for index, line in enumerate(chart.lines) if line.shown]
    places = range(_LEFT, WIDTH - _LEGEND_WIDTH, _LEGEND_WIDTH)
    return Markup("").join(
        _KEY.format(chart.line_class(index), x, HEIGHT - 26, x + 20, HEIGHT - 20, chart.lines[index].label)
        for x, index in zip(places, shown, strict=False)
    )
