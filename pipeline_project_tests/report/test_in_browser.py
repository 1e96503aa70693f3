"""The page in a real headless Chromium: it draws, it is silent, hostile names do nothing."""

import hashlib
import html as html_text
import json
import re
from base64 import b64encode

import pytest

from pipeline_project.report.render import render_report
from pipeline_project_tests.browser import MISSING, dump_dom, find_chromium, screenshot
from pipeline_project_tests.report.example import NASTY_NAMES, example, nothing

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason=MISSING),
]

# Bokeh draws inside shadow roots, which a dump of the tree leaves out: this looks inside and
# writes what it saw where the dump shows it.
PROBE = """
function inside(node) {
  return [...node.querySelectorAll("*")].flatMap(
    (child) => child.shadowRoot ? [child, ...inside(child.shadowRoot)] : [child]);
}
function inked(plot) {
  return inside(plot).filter((node) => node.tagName === "CANVAS").reduce((most, canvas) => {
    if (!canvas.width || !canvas.height) return most;
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let drawn = 0;
    for (let i = 3; i < data.length; i += 4) if (data[i]) drawn += 1;
    return Math.max(most, drawn);
  }, 0);
}
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
/* Points at every frame whose name holds markup, and keeps what the tooltips said. */
async function hover(map) {
  const layer = inside(map).find((node) => node.classList.contains("bk-events"));
  const view = Bokeh.index.roots.find((root) => root.model.toolbar?.tools.length > 1);
  const heard = {pictures: 0, elements: 0, texts: []};
  for (const renderer of view.model.renderers) {
    const {x, y, name} = renderer.data_source.data;
    for (let i = 0; i < x.length; i += 1) {
      if (!name[i].includes("<")) continue;
      const box = layer.getBoundingClientRect();
      const at = {
        clientX: box.left + view.frame.x_scale.compute(x[i]),
        clientY: box.top + view.frame.y_scale.compute(y[i]),
        bubbles: true, composed: true, pointerType: "mouse", isPrimary: true, pointerId: 1,
      };
      layer.dispatchEvent(new PointerEvent("pointerenter", at));
      layer.dispatchEvent(new PointerEvent("pointermove", at));
      await pause(60);
      const tip = inside(document).find((node) => node.classList.contains("bk-tooltip-content"));
      if (!tip) continue;
      heard.pictures += tip.querySelectorAll("img[src^='data:image/']").length;
      heard.elements += tip.querySelectorAll("script, [onerror], b, a").length;
      heard.texts.push(tip.textContent);
    }
  }
  return heard;
}
async function look() {
  await pause(2000);
  const seen = {plots: {}, width: document.documentElement.scrollWidth, title: document.title};
  for (const plot of document.querySelectorAll(".plot")) seen.plots[plot.id] = inked(plot);
  const map = document.getElementById("plot-map");
  if (map) {
    seen.hover = await hover(map);
    document.querySelector("[data-outcome=candidate]").click();
    document.querySelector("[data-pick]").click();
    await pause(600);
    seen.fewer = inked(map);
    seen.lightbox = document.querySelector("#lightbox figcaption").innerText;
    seen.open = document.getElementById("lightbox").open;
  }
  document.body.setAttribute("data-seen", JSON.stringify(seen));
}
look();
"""


def visit(html, folder, width_px=1400):
    """Open the page with the probe allowed into it; return what it saw and the console."""
    digest = b64encode(hashlib.sha256(PROBE.encode()).digest()).decode()
    html = html.replace("script-src ", f"script-src 'sha256-{digest}' ", 1)
    html = html.replace("</body>", f"<script>{PROBE}</script></body>")
    page = folder / "report.html"
    page.write_text(html, encoding="utf-8")
    seen = dump_dom(page.as_uri(), width_px=width_px)
    found = re.search(r'data-seen="([^"]*)"', seen.dom)
    assert found, f"the probe did not run; console: {seen.console}"
    return json.loads(html_text.unescape(found.group(1))), seen.console


def complaints(console):
    return [line for line in console if "INFO:CONSOLE" not in line or "Error" in line]


def test_the_figures_draw_and_the_console_stays_silent(tmp_path):
    data = example(frames=140)
    (tmp_path / "frames").mkdir()
    first = min(data.picks, key=lambda pick: pick.rank)
    (tmp_path / "frames" / first.file_name).write_bytes(first.card.thumbnail_jpeg)
    seen, console = visit(render_report(data), tmp_path)
    assert complaints(console) == []
    assert set(seen["plots"]) == {"plot-map", *(f"plot-histogram-{i}" for i in range(5))}
    assert all(inked > 1000 for inked in seen["plots"].values()), seen["plots"]
    assert seen["fewer"] < seen["plots"]["plot-map"]
    # A tooltip shows the frame and its name, and a hostile name stays text.
    assert seen["hover"]["pictures"] == len(seen["hover"]["texts"]) > 10
    assert seen["hover"]["elements"] == 0
    assert any(NASTY_NAMES[0] in text for text in seen["hover"]["texts"])
    assert seen["open"]
    assert "farthest from every frame picked before" in seen["lightbox"]
    assert seen["title"] == "24 of 1,184 frames picked from 14 files"


def test_a_phone_shows_the_page_without_scrolling_sideways(tmp_path):
    seen, _ = visit(render_report(example(frames=60)), tmp_path, width_px=500)
    assert seen["width"] <= 500


def test_an_empty_page_is_silent(tmp_path):
    seen, console = visit(render_report(nothing()), tmp_path)
    assert console == []
    assert seen["plots"] == {}


def test_dark_and_light_differ(tmp_path):
    page = tmp_path / "report.html"
    page.write_text(render_report(nothing()), encoding="utf-8")
    light = screenshot(page.as_uri(), tmp_path / "light.png", 600, 400)
    dark = screenshot(page.as_uri(), tmp_path / "dark.png", 600, 400, dark=True)
    assert light.read_bytes() != dark.read_bytes()
