// The timeline: how many attempts ran at a time, and when each task waited, ran and waited again.

const HEAD = 84;
const TALL = 22;
const FEW = 100;

class Timeline {
  constructor(room, tasks, choice, open) {
    Object.assign(this, { room, tasks, choice, open, from: 0, to: Math.max(1, tasks.total), overview: tasks.count > FEW, under: null });
    this.swatches = ["run", "queue", "backoff", "path"].map(swatch);
    const words = ["attempts, by status", "waits for a slot", "waits for its next attempt", "critical path"];
    const legend = el("ul", { class: "legend" }, ...words.map((word, i) => el("li", null, this.swatches[i], word)));
    this.mode = button("", () => this.switch(), { class: "quiet" });
    const tools = el("div", { class: "tools" }, this.mode,
      button("−", () => this.zoom(2, 0.5), { class: "quiet", "aria-label": "Zoom out" }),
      button("+", () => this.zoom(0.5, 0.5), { class: "quiet", "aria-label": "Zoom in" }),
      button("Whole run", () => this.window(0, tasks.total), { class: "quiet" }));
    this.canvas = el("canvas", { "aria-hidden": "true" });
    this.hint = el("div", { class: "hint", hidden: true });
    this.spacer = el("div", { class: "spacer" });
    const label = `Timeline of ${formatCount(tasks.count)} tasks in ${formatDuration(tasks.total)}, at most ${formatCount(Math.max(0, ...tasks.concurrency))} attempts at one time. Plus and minus zoom, arrows move. The table below has the same times.`;
    this.view = el("div", { class: "lanes", tabindex: "0", role: "group", "aria-label": label }, this.canvas, this.spacer);
    room.append(el("div", { class: "filters" }, legend, tools), el("div", { class: "card sheet" }, this.view, this.hint));
    this.scrolling = new Scrolling(this.view, this.spacer, TALL, HEAD, () => this.draw());
    this.view.addEventListener("keydown", (event) => this.press(event));
    this.view.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.view.addEventListener("pointermove", (event) => this.point(event));
    this.view.addEventListener("pointerleave", () => this.pointAt(null));
    this.view.addEventListener("click", () => this.under !== null && open(this.under));
    this.byStart = tasks.start.map((_, task) => task).filter((task) => tasks.start[task] !== NEVER);
    this.byStart.sort((one, other) => tasks.start[one] - tasks.start[other] || one - other);
    choice.follow(() => this.show());
    this.repaint();
    new ResizeObserver(() => this.lay()).observe(room);
  }

  /** Takes the colours of the page anew. */
  repaint() {
    this.paint = paints(this.room);
    for (const made of this.swatches) made.repaint(this.paint);
    this.show();
  }

  show() {
    const isChosen = new Uint8Array(this.tasks.count);
    for (const task of this.choice.order) isChosen[task] = 1;
    this.rows = this.byStart.filter((task) => isChosen[task]);
    this.rowOf = new Map(this.tasks.critical.map((task) => [task, -1]));
    for (const [row, task] of this.rows.entries()) if (this.rowOf.has(task)) this.rowOf.set(task, row);
    this.lay();
  }

  switch() {
    this.overview = !this.overview;
    this.lay();
  }

  lay() {
    const most = Math.round(Math.min(440, innerHeight * 0.6));
    const height = this.overview ? most : Math.min(most, this.rows.length * TALL + 4);
    this.mode.textContent = this.overview ? "Show rows" : "Show all at once";
    this.mode.hidden = this.rows.length * TALL <= most && !this.overview;
    this.view.style.height = HEAD + height + "px";
    this.scrolling.resize(this.rows.length, this.overview ? height / Math.max(1, this.rows.length) : TALL);
    this.draw();
  }

  /** Shows the time between two moments. */
  window(from, to) {
    const total = Math.max(1, this.tasks.total);
    const span = Math.min(total, Math.max(Math.min(10, total), to - from));
    this.from = Math.min(Math.max(0, from), total - span);
    this.to = this.from + span;
    this.draw();
  }

  zoom(factor, place) {
    const span = this.to - this.from;
    const middle = this.from + span * place;
    this.window(middle - span * factor * place, middle + span * factor * (1 - place));
  }

  x(ms) {
    return this.left + ((ms - this.from) / (this.to - this.from)) * (this.right - this.left);
  }

  draw() {
    const [width, height] = [this.view.clientWidth, this.view.clientHeight];
    if (!width || !this.rows) return;
    const { pen, scale } = fitted(this.canvas, width, height);
    this.left = this.overview ? 44 : Math.min(220, Math.round(width * 0.28));
    this.right = width - 12;
    this.pen = pen;
    this.patterns = { queue: patternOf(pen, "queue", this.paint, scale), backoff: patternOf(pen, "backoff", this.paint, scale) };
    pen.font = `12px ${this.paint.font}`;
    this.drawAxis(height);
    this.drawConcurrency();
    pen.save();
    pen.beginPath();
    pen.rect(0, HEAD, width, height - HEAD);
    pen.clip();
    const { first, last, top } = this.scrolling.seen();
    const tall = this.scrolling.rowHeight;
    for (let row = first; row < last; row++) this.drawTask(this.rows[row], HEAD + top + (row - first) * tall, tall);
    this.drawPath(HEAD + top - first * tall, tall);
    pen.restore();
  }

  drawAxis(height) {
    const { pen, paint } = this;
    const step = stepOf(this.to - this.from, (this.right - this.left) / 90);
    pen.textBaseline = "middle";
    for (let ms = Math.ceil(this.from / step) * step; ms <= this.to; ms += step) {
      const x = Math.round(this.x(ms)) + 0.5;
      pen.fillStyle = paint.line;
      pen.fillRect(x, 18, 1, height);
      pen.fillStyle = paint.muted;
      const label = formatDuration(ms);
      pen.textAlign = x + pen.measureText(label).width / 2 > this.right ? "right" : ms === 0 ? "left" : "center";
      pen.fillText(label, x, 12);
    }
    pen.textAlign = "left";
  }

  drawConcurrency() {
    const { pen, paint, tasks } = this;
    const series = tasks.concurrency;
    const most = Math.max(1, ...series);
    const [top, bottom] = [26, HEAD - 10];
    const y = (value) => bottom - (value / most) * (bottom - top);
    pen.save();
    pen.beginPath();
    pen.rect(this.left, top - 2, this.right - this.left, bottom - top + 4);
    pen.clip();
    pen.beginPath();
    pen.moveTo(this.x(0), bottom);
    for (const [i, value] of series.entries()) {
      pen.lineTo(this.x((i * tasks.total) / series.length), y(value));
      pen.lineTo(this.x(((i + 1) * tasks.total) / series.length), y(value));
    }
    pen.lineTo(this.x(tasks.total), bottom);
    pen.fillStyle = paint.softRun;
    pen.fill();
    pen.strokeStyle = paint.running;
    pen.lineWidth = 1.25;
    pen.stroke();
    pen.restore();
    pen.fillStyle = paint.muted;
    pen.textAlign = "right";
    pen.fillText(formatCount(most), this.left - 6, top + 5);
    pen.fillText(this.overview || this.left < 130 ? "0" : "running at a time 0", this.left - 6, bottom - 5);
    pen.textAlign = "left";
  }

  drawTask(task, y, tall) {
    const { pen, paint, tasks } = this;
    if (tasks.end[task] < this.from || tasks.ready[task] > this.to) return this.drawName(task, y, tall);
    const pad = tall >= 8 ? Math.round(tall * 0.18) : 0;
    const [top, high] = [y + pad, Math.max(1, tall - 2 * pad)];
    const wide = (start, end) => Math.max(0, Math.min(this.right, this.x(end)) - Math.max(this.left, this.x(start)));
    const bar = (start, end, fill, least) => {
      const x = Math.max(this.left, this.x(start));
      const width = Math.min(Math.max(least, wide(start, end)), this.right - x);
      if (width <= 0) return;
      pen.fillStyle = fill;
      pen.fillRect(x, top, width, high);
    };
    if (tasks.ready[task] < tasks.start[task]) bar(tasks.ready[task], tasks.start[task], high < 4 ? paint.line : this.patterns.queue, 0);
    const tries = tasks.triesOf(task);
    for (const [i, [start, end, status]] of tries.entries()) {
      if (i > 0) bar(tries[i - 1][1], start, high < 4 ? paint["skip-solid"] : this.patterns.backoff, 0);
      if (end >= this.from && start <= this.to) bar(start, end, paint[status], 1.5);
    }
    this.drawName(task, y, tall);
    return undefined;
  }

  drawName(task, y, tall) {
    if (tall < 14 || this.overview) return;
    const { pen, paint, tasks } = this;
    const onPath = tasks.onPath.has(task);
    pen.fillStyle = onPath ? paint.mark : paint.text;
    const room = this.left - (onPath ? 26 : 20);
    let name = tasks.name(task).slice(0, 60);
    while (name.length > 2 && pen.measureText(name).width > room) name = name.slice(0, -2) + "…";
    pen.fillText((onPath ? "◆ " : "") + name, 10, y + tall / 2 + 0.5);
  }

  /** The critical path as one line through its tasks, under their bars. */
  drawPath(top, tall) {
    const { pen, tasks, rowOf } = this;
    const points = [];
    for (const task of tasks.critical) {
      if (rowOf.get(task) < 0) continue;
      const y = top + (rowOf.get(task) + (tall < 8 ? 0.5 : 0.94)) * tall;
      points.push([this.x(tasks.start[task]), y], [this.x(tasks.end[task]), y]);
    }
    pen.beginPath();
    pen.rect(this.left, 0, this.right - this.left + 2, 1e5);
    pen.clip();
    pen.beginPath();
    for (const [x, y] of points) pen.lineTo(x, y);
    pen.strokeStyle = this.paint.mark;
    pen.lineWidth = 2;
    pen.lineJoin = "round";
    pen.stroke();
  }

  /** The task at a place of the view, or null. */
  taskAt(x, y) {
    if (y < HEAD || x < 0) return null;
    return this.rows[Math.floor((this.scrolling.offset + y - HEAD) / this.scrolling.rowHeight)] ?? null;
  }

  point(event) {
    const box = this.view.getBoundingClientRect();
    if (event.buttons && event.pointerType === "mouse") {
      const shift = (event.movementX / (this.right - this.left)) * (this.to - this.from);
      if (shift) this.window(this.from - shift, this.to - shift);
      return;
    }
    this.pointAt(this.taskAt(event.clientX - box.left, event.clientY - box.top), event.clientX - box.left, event.clientY - box.top);
  }

  pointAt(task, x, y) {
    this.under = task;
    this.hint.hidden = task === null;
    this.view.classList.toggle("pointing", task !== null);
    if (task === null) return;
    const { tasks } = this;
    const waited = tasks.start[task] - tasks.ready[task];
    this.hint.textContent = [tasks.name(task).slice(0, 80), tasks.statusOf(task), `${formatDuration(tasks.took[task])} from +${formatDuration(tasks.start[task])}`,
      tasks.tryCount(task) > 1 && `${tasks.tryCount(task)} attempts`, waited > 0 && `waited ${formatDuration(waited)} for a slot`].filter(Boolean).join(" · ");
    this.hint.style.left = Math.max(4, Math.min(x + 12, this.view.clientWidth - this.hint.offsetWidth - 4)) + "px";
    this.hint.style.top = Math.min(y + 16, this.view.clientHeight - this.hint.offsetHeight - 4) + "px";
  }

  wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const x = event.clientX - this.view.getBoundingClientRect().left;
    this.zoom(event.deltaY > 0 ? 1.25 : 0.8, Math.min(1, Math.max(0, (x - this.left) / (this.right - this.left))));
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const shift = (this.to - this.from) / 8;
    const does = {
      "+": () => this.zoom(0.5, 0.5), "=": () => this.zoom(0.5, 0.5), "-": () => this.zoom(2, 0.5), 0: () => this.window(0, this.tasks.total),
      ArrowLeft: () => this.window(this.from - shift, this.to - shift), ArrowRight: () => this.window(this.from + shift, this.to + shift),
    }[event.key];
    if (!does) return;
    event.preventDefault();
    does();
  }
}
