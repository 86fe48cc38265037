// The table of all tasks: search, filters, sorting, and only those rows in the document that are seen.

const ROW_HEIGHT = 40;

const columnsOf = (tasks) => [
  { name: "Task", kind: "name", key: (task) => tasks.ids[task] },
  { name: "Status", kind: "state", key: (task) => tasks.statusOf(task) },
  { name: "Time in the run", kind: "time wide", key: (task) => tasks.start[task] },
  { name: "Duration", kind: "number", key: (task) => tasks.took[task], descendsFirst: true,
    text: (task) => (tasks.start[task] === NEVER ? "" : formatDuration(tasks.took[task])) },
  { name: "Attempts", kind: "number wide", key: (task) => tasks.tryCount(task), descendsFirst: true,
    text: (task) => String(tasks.tryCount(task) || "") },
  { name: "Slack", kind: "number wide", key: (task) => (tasks.start[task] === NEVER ? Infinity : tasks.slack[task]),
    text: (task) => (tasks.start[task] === NEVER ? "" : tasks.slack[task] ? formatDuration(tasks.slack[task]) : "none") },
  { name: "Tokens", kind: "number wide", key: (task) => tasks.tokens[task], descendsFirst: true,
    text: (task) => (tasks.tokens[task] === NEVER ? "" : formatCount(tasks.tokens[task])) },
  { name: "Cost", kind: "number wide", key: (task) => tasks.cost[task] ?? -1, descendsFirst: true,
    text: (task) => (tasks.tokens[task] === NEVER ? "" : formatCost(tasks.cost[task])) },
];

class Table {
  constructor(room, tasks, choice, open) {
    Object.assign(this, { tasks, choice, open, active: 0 });
    this.columns = columnsOf(tasks);
    this.heads = this.columns.map((column) => this.head(column));
    this.spacer = el("div", { class: "spacer", role: "presentation" });
    this.rows = el("div", { class: "rows", role: "rowgroup" });
    this.nothing = el("p", { class: "nothing", hidden: true }, "No task fits. ", button("Show all tasks", () => choice.clear(), { class: "quiet" }));
    const headRow = el("div", { class: "row headrow", role: "row", "aria-rowindex": "1" }, ...this.heads);
    this.view = el("div", { class: "view", role: "presentation" }, this.spacer, this.rows);
    this.grid = el("div", { class: "grid", role: "grid", tabindex: "0", "aria-label": "Tasks", "aria-colcount": this.columns.length },
      el("div", { role: "rowgroup" }, headRow), this.view);
    room.append(this.filters(), el("div", { class: "card sheet" }, this.grid, this.nothing));
    this.scrolling = new Scrolling(this.view, this.spacer, ROW_HEIGHT, 0, () => this.draw());
    this.grid.addEventListener("keydown", (event) => this.press(event));
    this.rows.addEventListener("click", (event) => this.click(event));
    choice.listen(() => this.show());
    new ResizeObserver(() => this.draw()).observe(this.view);
    this.show();
  }

  head(column) {
    const made = button(column.name, () => this.choice.sortBy(column), { class: "sort", tabindex: "-1" });
    return el("div", { role: "columnheader", class: column.kind, "aria-sort": "none" }, made);
  }

  filters() {
    const { tasks, choice } = this;
    this.search = el("input", { type: "search", placeholder: "Search ids, tags and error codes", "aria-label": "Search tasks", spellcheck: "false" });
    this.search.addEventListener("input", () => choice.set({ q: this.search.value.trim() }));
    const present = tasks.statuses.filter((_, digit) => tasks.status.includes(String(digit)));
    this.chips = present.map((status) =>
      button(status, () => this.toggle(status), { class: "chip " + status, "aria-pressed": "false", "data-status": status }));
    for (const chip of this.chips) chip.prepend(icon(chip.dataset.status));
    this.tag = el("select", { "aria-label": "Tag", hidden: tasks.tags.length === 0 }, el("option", { value: "" }, "Any tag"),
      ...tasks.tags.map((tag) => el("option", { value: tag }, visible(tag))));
    this.tag.addEventListener("change", () => choice.set({ tag: this.tag.value }));
    this.scope = el("span", { class: "note" });
    this.all = button("Clear", () => choice.clear(), { class: "quiet", hidden: true });
    this.found = el("span", { class: "note found", role: "status" });
    return el("div", { class: "filters" }, this.search, el("div", { class: "chips", role: "group", "aria-label": "Status" }, ...this.chips),
      this.tag, this.scope, this.all, this.found);
  }

  toggle(status) {
    const chosen = new Set((this.choice.filters.status ?? "").split(",").filter(Boolean));
    if (!chosen.delete(status)) chosen.add(status);
    this.choice.set({ status: [...chosen].join(",") });
  }

  /** Shows a new order from its beginning. */
  show() {
    const { tasks, choice } = this;
    const { q = "", status = "", tag = "", group, box } = choice.filters;
    if (this.search.value.trim() !== q) this.search.value = q;
    this.tag.value = tag;
    const chosen = status.split(",");
    for (const chip of this.chips) chip.setAttribute("aria-pressed", String(chosen.includes(chip.dataset.status)));
    this.scope.textContent = group ? `Cause: ${visible(tasks.groups[Number(group)] ?? "")}` : box ? "One box of the graph" : "";
    this.all.hidden = choice.isWhole;
    this.found.textContent = choice.isWhole ? "" : `${formatCount(choice.order.length)} of ${formatCount(tasks.count)}`;
    for (const [number, head] of this.heads.entries()) {
      const sorts = choice.column === this.columns[number];
      head.setAttribute("aria-sort", sorts ? (choice.descending ? "descending" : "ascending") : "none");
    }
    this.grid.setAttribute("aria-rowcount", String(choice.order.length + 1));
    this.nothing.hidden = choice.order.length > 0;
    this.grid.hidden = choice.order.length === 0;
    this.active = 0;
    this.scrolling.resize(choice.order.length);
    this.view.scrollTop = 0;
    this.draw();
  }

  draw() {
    const { first, last, top } = this.scrolling.seen();
    const order = this.choice.order;
    const made = [];
    for (let row = first; row < last; row++) made.push(this.row(row, order[row]));
    this.rows.replaceChildren(...made);
    this.rows.style.transform = `translateY(${this.view.scrollTop + top}px)`;
    if (this.active >= first && this.active < last) this.grid.setAttribute("aria-activedescendant", "row-" + this.active);
    else this.grid.removeAttribute("aria-activedescendant");
  }

  row(row, task) {
    const status = this.tasks.statusOf(task);
    const cells = this.columns.map((column) => el("div", { role: "gridcell", class: column.kind }, this.cell(column, task, status)));
    return el("div", { class: `row ${status}${row === this.active ? " active" : ""}`, role: "row", id: "row-" + row,
      "aria-rowindex": row + 2, "data-task": task }, ...cells);
  }

  cell(column, task, status) {
    if (column.kind === "name") {
      return el("a", { href: "#" + this.tasks.link(task), tabindex: "-1" }, el("bdi", null, this.tasks.name(task)));
    }
    if (column.kind === "state") return pill(status);
    return column.text ? column.text(task) : barOf(this.tasks, task);
  }

  click(event) {
    const row = event.target.closest("[data-task]");
    if (!row || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.active = Number(row.id.slice(4));
    this.open(Number(row.dataset.task));
  }

  press(event) {
    if (event.target !== this.grid || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.scrolling.view / ROW_HEIGHT) - 1);
    const last = this.choice.order.length - 1;
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -last, End: last };
    if (event.key === "Enter" || event.key === " ") this.open(this.choice.order[this.active]);
    else if (event.key in moves) this.move(moves[event.key]);
    else if (event.key === "ArrowLeft" || event.key === "ArrowRight") return;
    else return;
    event.preventDefault();
  }

  move(rows) {
    this.active = Math.min(this.choice.order.length - 1, Math.max(0, this.active + rows));
    this.scrolling.reveal(this.active);
  }

  /** The task before or after another one in the order that is shown, or null. */
  beside(task, step) {
    const row = this.choice.order[this.active] === task ? this.active : this.choice.order.indexOf(task);
    return row < 0 ? null : (this.choice.order[row + step] ?? null);
  }
}

/** The time of a task as a part of the run's, with its attempts as boxes. */
const barOf = (tasks, task) => {
  const bar = document.createElementNS(SVG, "svg");
  bar.setAttribute("class", "bar");
  bar.setAttribute("viewBox", "0 0 100 10");
  bar.setAttribute("preserveAspectRatio", "none");
  bar.setAttribute("aria-hidden", "true");
  const total = tasks.total || 1;
  const box = (kind, start, end, y, height) => {
    const made = document.createElementNS(SVG, "rect");
    const values = { class: kind, x: Math.min(99.4, (100 * start) / total), width: Math.max(0.6, (100 * (end - start)) / total), y, height };
    for (const [name, value] of Object.entries(values)) made.setAttribute(name, value);
    bar.append(made);
  };
  if (tasks.start[task] === NEVER) return bar;
  if (tasks.tries[task] || tasks.ready[task] < tasks.start[task]) box("wait", tasks.ready[task], tasks.end[task], 4, 2);
  for (const [start, end, status] of tasks.triesOf(task).slice(0, 20)) box(status, start, end, 0, 10);
  return bar;
};
