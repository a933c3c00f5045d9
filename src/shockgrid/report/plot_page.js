// Unpacks plotly.js, which lies gzipped in the page, and draws the figures in the colours of the page.
(async () => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const places = [...document.querySelectorAll(".plot")];
  const config = { responsive: true, displayModeBar: false };

  const unpack = async (text) => {
    const bytes = Uint8Array.from(atob(text.trim()), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };

  // The page knows its background, so text can be stronger than the grey that has to suit both.
  const colours = (layout) => {
    const style = getComputedStyle(document.documentElement);
    const [soft, line] = ["--soft", "--line"].map((name) => style.getPropertyValue(name).trim());
    const changes = { "font.color": soft };
    for (const axis of Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))) {
      for (const part of ["gridcolor", "linecolor", "zerolinecolor"]) changes[`${axis}.${part}`] = line;
    }
    return changes;
  };

  const draw = async (place) => {
    const { data, layout } = JSON.parse(document.getElementById(place.dataset.figure).textContent);
    await Plotly.newPlot(place, data, layout, config);
    await Plotly.relayout(place, colours(layout));
    place.dataset.drawn = "yes";
  };

  try {
    const script = document.createElement("script");
    script.textContent = await unpack(document.getElementById("plotly").textContent);
    document.head.append(script);
    for (const place of places) await draw(place);
    dark.addEventListener("change", () => places.forEach((p) => Plotly.relayout(p, colours(p.layout))));
  } catch (error) {
    console.error(error);
    for (const place of places.filter((p) => !p.dataset.drawn)) {
      place.classList.add("failed");
      place.textContent = "This figure needs a browser of 2023 or later.";
    }
  }
})();
