// The list of runs, newest first, kept as it is where nothing changed so that the focus stays.

const PAGE_OF_RUNS = 50;

class Runs {
  /** `turned` is told when the reader wants another page. */
  constructor(room, turned) {
    Object.assign(this, { rows: new Map(), runs: [], before: [], left: null });
    this.list = el("ol", { class: "runs" });
    this.nothing = el("p", { class: "card nothing" }, "Looking for runs…");
    this.newer = button("Newer runs", () => [this.before.pop(), turned()], { class: "quiet", hidden: true });
    this.older = button("Older runs", () => [this.before.push(this.next), turned()], { class: "quiet", hidden: true });
    room.append(this.nothing, this.list, el("div", { class: "tools pages" }, this.newer, this.older));
  }

  /** Where the page that is shown is found. */
  get path() {
    const before = this.before.length ? "&before=" + encodeURIComponent(this.before.at(-1)) : "";
    return `api/v1/runs?limit=${PAGE_OF_RUNS}${before}`;
  }

  /** How many are under way. */
  get activeCount() {
    return this.runs.filter((run) => !isOver(run)).length;
  }

  show({ runs, next_before: next }, now) {
    Object.assign(this, { runs, next });
    const ids = new Set(runs.map((run) => run.request_id));
    for (const [id, row] of this.rows) if (!ids.has(id)) [row.element.remove(), this.rows.delete(id)];
    for (const [place, run] of runs.entries()) {
      if (!this.rows.has(run.request_id)) this.rows.set(run.request_id, new RunRow(run.request_id));
      const row = this.rows.get(run.request_id);
      row.show(run, now);
      if (this.list.children[place] !== row.element) this.list.insertBefore(row.element, this.list.children[place] ?? null);
    }
    this.nothing.hidden = runs.length > 0;
    this.nothing.textContent = this.before.length ? "These runs are gone." : "No run yet. Drop an ALT file on this page, or begin with the example.";
    this.newer.hidden = this.before.length === 0;
    this.older.hidden = !next;
    this.focusLeft();
  }

  /** Puts the focus back on a run that was looked at, as soon as it is in the list. */
  focus(id) {
    this.left = id;
    document.activeElement.blur(); // what had it is hidden now
    this.focusLeft();
  }

  focusLeft() {
    const row = this.rows.get(this.left);
    if (row && document.activeElement === document.body) row.link.focus();
    if (row || document.activeElement !== document.body) this.left = null;
  }
}

class RunRow {
  constructor(id) {
    this.name = el("bdi", { class: "name" });
    this.state = el("span");
    this.bar = emptyBar();
    this.facts = el("span", { class: "note" });
    this.link = el("a", { class: "run", href: "#run=" + encodeURIComponent(id) }, el("span", { class: "run-top" }, this.name, this.state), this.bar, this.facts);
    this.element = el("li", null, this.link);
  }

  show(run, now) {
    const took = elapsedOf(run, now);
    const total = Number(run.task_count) || 0;
    const ended = endedOf(run.counts);
    const failed = (Number(run.counts?.failed) || 0) + (Number(run.counts?.timeout) || 0);
    const facts = [`${formatCount(isOver(run) ? Number(run.counts?.completed) || 0 : ended)} of ${plural(total, "task")}`, failed && `${formatCount(failed)} failed`,
      took !== null && formatDuration(isOver(run) ? took : 1000 * Math.floor(took / 1000)), moment(run.created_at)].filter(Boolean).join(" · ");
    const seen = JSON.stringify([facts, run.status, run.title, run.counts]);
    if (seen === this.seen) return;
    this.seen = seen;
    this.name.textContent = titleOf(run);
    this.state.replaceChildren(runPill(run.status));
    paintBar(this.bar, sharesOf(run.counts, total), total);
    this.facts.textContent = facts;
  }
}
