// The graph: whole at a glance, or in its own size with what matters in the middle.

const LEAST_SCALE = 0.45;

class Graph {
  constructor(canvas) {
    this.canvas = canvas;
    this.picture = canvas.querySelector(".graph");
    const { width } = this.picture.viewBox.baseVal;
    const room = canvas.clientWidth - 2 * parseFloat(getComputedStyle(canvas).paddingLeft);
    const scale = room / width;
    this.mode = button("", () => this.fit(!this.isFitted), { class: "quiet" });
    this.mode.hidden = scale >= 1; // then it fits as it is
    canvas.parentElement.append(el("div", { class: "corner" }, this.mode));
    this.fit(scale >= LEAST_SCALE);
  }

  fit(isFitted) {
    this.isFitted = isFitted;
    this.canvas.classList.toggle("fitted", isFitted);
    this.mode.textContent = isFitted ? "Own size" : "Fit the width";
    this.centre();
  }

  /** Scrolls to the first task that failed, else to the beginning of the critical path, else to the first box. */
  centre() {
    const box = this.picture.querySelector(".box.failed, .box.timeout") ?? this.picture.querySelector(".box.critical, .box");
    const [x, y] = box.getAttribute("transform").match(/-?[\d.]+/g).map(Number);
    const size = this.picture.getBoundingClientRect().width / this.picture.viewBox.baseVal.width;
    this.canvas.scrollTo((x + 88) * size - this.canvas.clientWidth / 2, (y + 23) * size - this.canvas.clientHeight / 2);
  }
}
