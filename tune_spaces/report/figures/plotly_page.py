"""A page with charts in it: one file that opens anywhere, without a network.

Plotly's script is in it once. The page allows no script but its own two, by their digests, and
loads nothing: a text that got into it as markup could run nothing.
"""

import base64
import hashlib
import importlib.util
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

from softnce.errors import SetupError
from tune_spaces.report.figures.chart import Chart
from tune_spaces.report.figures.plotly_panels import harmless, panels_json

_SCRIPT = """
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const config = {responsive: true, displayModeBar: false};
  const themed = (layout) => {
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--ink").trim();
    const rule = style.getPropertyValue("--rule").trim();
    const paper = style.getPropertyValue("--paper").trim();
    const axis = (one) => ({...one, gridcolor: rule, zerolinecolor: rule, linecolor: rule});
    return {...layout, xaxis: axis(layout.xaxis), yaxis: axis(layout.yaxis),
            font: {color: ink, family: "system-ui, sans-serif", size: 12},
            paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
            hoverlabel: {bgcolor: paper, bordercolor: rule, font: {color: ink}, align: "left"},
            shapes: layout.shapes.map((one) => ({...one, line: {...one.line, color: ink}}))};
  };
  const draw = () => {
    for (const [id, panel] of Object.entries(charts)) {
      Plotly.react(document.getElementById(id), panel.data, themed(panel.layout), config);
    }
  };
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
"""
_STYLE = """
:root{color-scheme:light dark;--ink:#1c2024;--soft:#60646c;--paper:#ffffff;--rule:#dfe2e6;
--mark:#0072b2;--tint:#f4f6f8}
@media(prefers-color-scheme:dark){:root{--ink:#e6e8ea;--soft:#a0a6ae;--paper:#15181b;
--rule:#353a40;--mark:#56b4e9;--tint:#1e2226}}
*{box-sizing:border-box}
body{font:16px/1.55 system-ui,sans-serif;color:var(--ink);background:var(--paper);
max-width:76rem;margin:0 auto;padding:1.2rem;overflow-wrap:anywhere}
h1{font-size:1.5rem;margin:.2rem 0 .6rem}h2{font-size:1.15rem;margin:2.2rem 0 .3rem}
p{margin:.4rem 0;max-width:60rem}a{color:var(--mark)}
.soft,figcaption{color:var(--soft);font-size:.9rem}
.verdict{font-size:1.1rem;border-left:4px solid var(--mark);background:var(--tint);
padding:.7rem 1rem;margin:1rem 0;max-width:none}
figure{margin:0}.panels{display:grid;gap:.8rem;
grid-template-columns:repeat(auto-fit,minmax(min(100%,30rem),1fr))}
.panel{height:24rem;min-width:0}
.scroll{overflow-x:auto;overflow-wrap:normal}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.85rem}
th,td{padding:.28rem .7rem .28rem 0;text-align:left;vertical-align:top;white-space:nowrap;
border-bottom:1px solid var(--rule)}
th{position:sticky;top:0;background:var(--paper)}td.n,th.n{text-align:right}
td.wide{white-space:pre-wrap;overflow-wrap:anywhere;min-width:16rem;max-width:34rem}
td.long{white-space:normal;min-width:11rem;max-width:34rem}
tr.best td{font-weight:650}tr.base td{color:var(--soft)}
pre{margin:0;white-space:pre-wrap;font:12px/1.4 ui-monospace,monospace;max-height:14rem;
overflow:auto}summary{cursor:pointer;margin:.6rem 0;color:var(--mark)}
@media print{.panel{break-inside:avoid}}
"""


def page_of_charts(title: str, charts: Sequence[Chart]) -> str:
    """Return a page with nothing but charts.

    Args:
        title: of the page, any text.
        charts: what it shows; of one without panels it says why.
    """
    body = f"<h1>{harmless(title)}</h1>" + "".join(map(chart_section, charts))
    return whole_page(title, body, charts)


def chart_section(chart: Chart) -> str:
    """Return the place of a chart on a page as html, with its title and caption."""
    title, caption = escape(chart.title), harmless(chart.missing or chart.caption)
    places = "".join(f'<div class="panel" id="{name}"></div>' for name in _places(chart))
    return (
        f'<section id="{escape(chart.name)}"><h2>{title}</h2><figure>'
        f"<figcaption>{caption}</figcaption>"
        f'<div class="panels">{places}</div></figure></section>'
    )


def whole_page(title: str, body: str, charts: Sequence[Chart], *, remark: str = "") -> str:
    """Return a page.

    Args:
        title: of the page, any text.
        body: html, with the sections of the charts in it.
        charts: that it shows.
        remark: for those who read the file: letters, digits and blanks.

    Raises:
        SetupError: plotly is not installed.
    """
    placed = [pair for one in charts for pair in zip(_places(one), one.panels, strict=True)]
    data = json.dumps(panels_json(placed), allow_nan=False, separators=(",", ":"))
    scripts = (_plotly(), _SCRIPT) if placed else ()
    allowed = " ".join(f"'sha256-{_digest(one)}'" for one in scripts) or "'none'"
    policy = (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"
    )
    return "\n".join(
        [
            "<!doctype html>",
            f"<!-- softnce {remark} -->",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            f"<title>{harmless(title)}</title><style>{_STYLE}</style></head><body>",
            body,
            f'<script type="application/json" id="charts">{_inline(data)}</script>',
            *(f"<script>{one}</script>" for one in scripts),
            "</body></html>\n",
        ]
    )


def _places(chart: Chart) -> list[str]:
    return [f"{chart.name}-{number}" for number in range(len(chart.panels))]


def _inline(data: str) -> str:
    """Return JSON in which nothing can end the element that it stands in."""
    for sign in "<>&\u2028\u2029":
        data = data.replace(sign, f"\\u{ord(sign):04x}")
    return data


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _plotly() -> str:
    """Read Plotly's script; its package, which would take a second to import, is not needed."""
    found = importlib.util.find_spec("plotly")
    places = list(found.submodule_search_locations or ()) if found is not None else []
    for place in places:
        path = Path(place) / "package_data" / "plotly.min.js"
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise SetupError("the package plotly is missing", "install softnce with its dependencies")
