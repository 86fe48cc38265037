// Colours and patterns of the timeline, taken from the style sheet so that light and dark are defined in one place.

const TONES = ["text", "muted", "line", "surface", "sunken", "link", "mark", "skip-solid"];
const SOLID_OF = { completed: "ok", failed: "bad", timeout: "late", cancelled: "stop", skipped: "skip", pending: "skip", running: "run" };

/** The colours of the page as they are now. */
const paints = (place) => {
  const probe = el("span", { hidden: true });
  place.append(probe);
  const read = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const found = Object.fromEntries(TONES.map((name) => [name, read(name)]));
  for (const [status, tone] of Object.entries(SOLID_OF)) found[status] = read(tone + "-solid");
  found.softRun = read("run-soft");
  found.font = getComputedStyle(place).fontFamily;
  probe.remove();
  return found;
};

/** A pattern of 6 × 6 pixels: dots for what waits for a slot, stripes for what waits for its next attempt. */
const patternOf = (context, kind, paint, scale) => {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 6 * scale;
  const pen = tile.getContext("2d");
  pen.scale(scale, scale);
  if (kind === "queue") {
    pen.fillStyle = paint.muted;
    pen.globalAlpha = 0.75;
    pen.fillRect(1, 2, 2, 2);
  } else {
    pen.strokeStyle = paint.timeout;
    pen.lineWidth = 1.6;
    pen.beginPath();
    for (const shift of [-6, 0, 6]) {
      pen.moveTo(shift, 6);
      pen.lineTo(shift + 6, 0);
    }
    pen.stroke();
  }
  const pattern = context.createPattern(tile, "repeat");
  pattern.setTransform(new DOMMatrix().scale(1 / scale));
  return pattern;
};

/** A canvas with room for its pixels on this screen, and its pen in units of the page. */
const fitted = (canvas, width, height) => {
  const scale = Math.min(3, devicePixelRatio || 1);
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  canvas.style.width = width + "px";
  canvas.style.height = height + "px";
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  return { pen, scale };
};

/** A small picture for the legend. */
const swatch = (kind) => {
  const canvas = el("canvas", { class: "swatch", "aria-hidden": "true" });
  canvas.repaint = (paint) => {
    const { pen, scale } = fitted(canvas, 22, 12);
    pen.fillStyle = kind === "queue" || kind === "backoff" ? patternOf(pen, kind, paint, scale) : kind === "path" ? paint.mark : paint.run;
    if (kind === "path") pen.fillRect(0, 5, 22, 3);
    else if (kind === "run") {
      for (const [x, status] of [[0, "completed"], [8, "failed"], [16, "timeout"]]) {
        pen.fillStyle = paint[status];
        pen.fillRect(x, 0, 7, 12);
      }
    } else pen.fillRect(0, 0, 22, 12);
  };
  return canvas;
};

/** Round steps for an axis: about `wanted` of them in `span` milliseconds. */
const stepOf = (span, wanted) => {
  const rough = span / Math.max(1, wanted);
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 144e5, 432e5];
  return steps.find((step) => step >= rough) ?? Math.ceil(rough / 864e5) * 864e5;
};
