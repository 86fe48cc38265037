// The graph: whole at a glance, or in its own size with what matters in the middle.

const LEAST_SCALE = 0.45;

class Graph {
  constructor(canvas) {
    this.canvas = canvas;
    this.picture = canvas.querySelector(".graph");
    const { width, height } = this.picture.viewBox.baseVal;
    const room = canvas.clientWidth - 2 * parseFloat(getComputedStyle(canvas).paddingLeft);
    const scale = room / width;
    this.mode = button("", () => this.fit(!this.isFitted), { class: "quiet" });
    this.mode.hidden = scale >= 1 && height < innerHeight;
    canvas.parentElement.append(el("div", { class: "corner" }, this.mode));
    this.fit(scale >= LEAST_SCALE);
  }

  fit(isFitted) {
    this.isFitted = isFitted;
    this.canvas.classList.toggle("fitted", isFitted);
    this.mode.textContent = isFitted ? "Own size" : "Fit the width";
    if (!isFitted) this.centre();
  }

  /** Scrolls to the first task that failed, else to the beginning of the critical path, else to the first box. */
  centre() {
    const box = this.picture.querySelector(".box.failed, .box.timeout") ?? this.picture.querySelector(".box.critical, .box");
    const [x, y] = box.getAttribute("transform").match(/-?[\d.]+/g).map(Number);
    const zoom = this.picture.currentCSSZoom ?? 1;
    this.canvas.scrollTo((x + 88) * zoom - this.canvas.clientWidth / 2, Math.max(0, (y + 23) * zoom - this.canvas.clientHeight / 2));
  }
}
