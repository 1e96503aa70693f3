/* The page's own behaviour: draws the figures in the colours of the style sheet, opens a pick
   large, and shows or hides outcomes on the map. Without it the page still reads in full. */
"use strict";
(() => {
  const views = [];

  /* A tag such as "fill_color=--outcome-picked" names the property and where its colour is. */
  function colour() {
    const style = getComputedStyle(document.documentElement);
    const modelsOf = (view) => view.model.document.all_models ?? view.model.document._all_models.values();
    for (const model of new Set(views.flatMap((view) => [...modelsOf(view)]))) {
      for (const tag of model.tags) {
        const [property, variable] = String(tag).split("=");
        const value = variable && style.getPropertyValue(variable).trim();
        if (!value) continue;
        const isPerPoint = typeof model[property] === "object" && model[property] !== null;
        model[property] = isPerPoint ? { value } : value;
      }
    }
  }

  async function draw() {
    const items = JSON.parse(document.getElementById("plots").textContent);
    for (const item of items) {
      const manager = await Bokeh.embed.embed_item(item);
      views.push(...(manager.roots ?? [manager]));
    }
    colour();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", colour);
    addEventListener("beforeprint", colour);
    addEventListener("afterprint", colour);
    const map = views.map((view) => view.model).find((model) => model.toolbar?.tools.length > 1);
    if (!map) return;
    if (matchMedia("(pointer: fine)").matches) {
      map.toolbar.tools.find((tool) => tool.type === "PanTool").active = true;
    }
    const buttons = [...document.querySelectorAll("[data-outcome]")];
    for (const button of buttons) {
      button.addEventListener("click", () => {
        const show = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(show));
        for (const renderer of map.renderers) {
          if (renderer.name === button.dataset.outcome) renderer.visible = show;
        }
      });
    }
    /* On a narrow map the pictures would cover it. */
    if (map.inner_width < 700) {
      buttons.find((button) => button.dataset.outcome === "pictures")?.click();
    }
  }

  function lightbox() {
    const box = document.getElementById("lightbox");
    const links = [...document.querySelectorAll("[data-pick]")];
    const image = box.querySelector("img");
    const caption = box.querySelector("figcaption");
    let at = 0;

    function show(index) {
      at = (index + links.length) % links.length;
      const thumbnail = links[at].querySelector("img");
      image.alt = thumbnail.alt;
      image.src = thumbnail.src;
      /* The full picture lies beside the page; where only the page was passed on, the
         thumbnail stays. */
      const full = new Image();
      const wanted = at;
      full.onload = () => { if (wanted === at && box.open) image.src = full.src; };
      full.src = links[at].href;
      const parts = [...links[at].parentElement.children].slice(1).map((part) => part.cloneNode(true));
      for (const part of parts) part.hidden = false;
      caption.replaceChildren(...parts);
      caption.dataset.rank = links[at].querySelector(".rank").textContent;
    }

    links.forEach((link, index) => link.addEventListener("click", (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      box.showModal();
      show(index);
    }));
    box.querySelector(".back").addEventListener("click", () => show(at - 1));
    box.querySelector(".on").addEventListener("click", () => show(at + 1));
    box.addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft") show(at - 1);
      if (event.key === "ArrowRight") show(at + 1);
    });
    box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
    box.addEventListener("close", () => links[at]?.focus());
  }

  addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details")) part.open = true;
  });
  lightbox();
  if (window.Bokeh) draw();
})();
