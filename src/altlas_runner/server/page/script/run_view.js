// One run: what it is doing now, what went wrong, what has ended; its report when it is over.

const MOST_UNDER_WAY = 12;
const MOST_TOLD_AGAIN = 2000;
const BETWEEN_LOOKS = 1500;
const BETWEEN_DRAWINGS = 150;

class RunView {
  constructor(room, service, { failed, tell }) {
    Object.assign(this, { room, service, failed, tell, watching: null });
  }

  get isOpen() {
    return this.watching !== null;
  }

  /** Shows a run and follows it until `close`. */
  open(id) {
    this.close();
    Object.assign(this, { id, path: "api/v1/runs/" + encodeURIComponent(id), run: null, standing: new Standing(), drawn: -1 });
    this.watching = new AbortController();
    this.room.hidden = false;
    this.lay();
    this.watch(this.watching.signal);
  }

  close() {
    this.watching?.abort();
    this.watching = null;
    this.room.hidden = true;
  }

  lay() {
    this.verdict = el("p", { class: "verdict pending" }, "Looking for it…");
    this.title = el("h1", { id: "run-title", tabindex: "-1", dir: "auto" }, "Run");
    this.meta = el("p", { class: "meta" });
    this.cancel = button("Cancel", () => this.stop(), { class: "quiet", hidden: true });
    this.report = el("a", { class: "main-button", target: "_blank", rel: "noopener", hidden: true }, "Open the report");
    this.bar = emptyBar();
    this.progress = el("div", { role: "progressbar", "aria-label": "Tasks that have ended", "aria-valuemin": "0" }, this.bar);
    this.legend = el("ul", { class: "legend" });
    this.words = el("div");
    this.sections = { now: section("Under way"), wrong: section("What went wrong"), ends: section("Ended, the latest first") };
    this.room.replaceChildren(el("p", { class: "crumb" }, el("a", { href: "#" }, "← All runs")),
      el("div", { class: "top" }, this.verdict, el("div", { class: "tools" }, this.cancel, this.report)), this.title, this.meta,
      el("div", { class: "shares-of-run" }, this.progress, this.legend), this.words, ...Object.values(this.sections).map((each) => each.element));
    this.title.focus();
  }

  /** Looks at the run again and again; its events say at once what a look would only say later. */
  async watch(signal) {
    let following = null;
    while (!signal.aborted) {
      try {
        const run = await this.service.json(this.path, { signal });
        this.failed(null);
        this.learn(run);
        if (isOver(run)) {
          await following; // what is on its way already is told once
          return await this.recall(run, signal);
        }
        following ??= this.follow(signal).finally(() => (following = null));
      } catch (error) {
        if (signal.aborted) return;
        this.failed(error);
        if (error instanceof Refusal) return this.verdict.replaceChildren(error.status === 404 ? "There is no such run" : "It cannot be shown");
      }
      const end = Date.now() + (this.standing.finished ? BETWEEN_DRAWINGS : BETWEEN_LOOKS);
      while (!signal.aborted && Date.now() < end) {
        this.draw();
        await sleep(BETWEEN_DRAWINGS, signal);
        if (this.standing.finished && this.run.status === "running") break;
      }
    }
    return undefined;
  }

  async follow(signal) {
    try {
      for await (const event of this.service.events(this.path + "/events", signal, isOver(this.run))) {
        this.standing.apply(event);
        if (event.event === "run_finished") return;
      }
    } catch {
      await sleep(BETWEEN_LOOKS, signal); // the next look at the run says what is the matter
    }
  }

  /** Of a run of the past whose events are not known yet: what they tell of its tasks, where the service has them still. */
  async recall(run, signal) {
    if (this.standing.version === 0 && run.task_count <= MOST_TOLD_AGAIN) await this.follow(signal);
    if (!signal.aborted) this.draw();
  }

  learn(run) {
    const before = this.run;
    this.run = run;
    if (before?.status !== run.status && (before || isOver(run))) this.tell(`${titleOf(run)}: ${RUN_WORDS[run.status] ?? run.status}`);
    this.title.textContent = titleOf(run);
    this.verdict.className = "verdict " + toneOf(run.status);
    this.verdict.replaceChildren(icon(toneOf(run.status)), RUN_WORDS[run.status] ?? visible(String(run.status)));
    this.cancel.hidden = isOver(run);
    const report = run.report_url ? new URL(run.report_url, location) : null;
    this.report.hidden = report?.origin !== location.origin;
    if (!this.report.hidden) this.report.href = report.href;
    this.explain(run);
    this.draw(true);
  }

  explain(run) {
    const parts = [];
    if (run.status === "interrupted") {
      const command = "altlas-runner resume " + run.request_id;
      const code = el("code", { tabindex: "0", role: "group", "aria-label": "Command" }, command);
      parts.push(el("div", { class: "trouble interrupted" }, el("h3", null, icon("interrupted"), "The service stopped while this run was going on"),
        el("p", { class: "reason" }, "What had completed by then is kept. This goes on with the rest, in the directory of the bundles:"),
        el("div", { class: "command" }, code, copyButton(command, code))));
    }
    if (run.status === "queued") parts.push(el("p", { class: "note" }, "It starts as soon as there is room beside the other runs."));
    if (run.error) {
      const words = typeof run.error === "string" ? run.error : JSON.stringify(run.error);
      parts.push(el("div", { class: "trouble failure" }, el("h3", null, icon("failure"), "The run could not end as it should"), el("p", { class: "reason" }, visible(words.slice(0, LONGEST_WORDS)))));
    }
    this.words.replaceChildren(...parts);
  }

  /** Draws what may have changed; times of what is under way change always. */
  draw(anew = false) {
    const { run, standing } = this;
    if (!run) return;
    const isActive = !isOver(run);
    const now = this.service.now();
    if (!anew && !isActive && this.drawn === standing.version) return;
    const total = standing.total || Number(run.task_count) || 0;
    const counts = isActive && standing.total && !standing.missed ? standing.counts : run.counts;
    const shares = sharesOf(counts, total);
    paintBar(this.bar, shares, total);
    const ended = endedOf(counts);
    const percent = total ? Math.floor((100 * ended) / total) : 100;
    this.progress.setAttribute("aria-valuemax", String(total));
    this.progress.setAttribute("aria-valuenow", String(ended));
    this.progress.setAttribute("aria-valuetext", `${ended} of ${total}`);
    this.legend.replaceChildren(...shares.map(([status, count]) => el("li", { class: status }, icon(status), el("b", null, formatCount(count)), " " + status)));
    const took = elapsedOf(run, now);
    this.meta.replaceChildren(el("bdi", { class: "mono" }, visible(run.request_id)), " · " + [moment(run.started_at) && "started " + moment(run.started_at), took !== null && formatDuration(isActive ? 100 * Math.floor(took / 100) : took)].filter(Boolean).join(" · "));
    document.title = `${isActive ? `${percent} %` : RUN_WORDS[run.status] ?? "run"} · ${titleOf(run)}`;
    this.drawUnderWay(isActive, now);
    if (this.drawn === standing.version) return;
    this.drawn = standing.version;
    this.sections.wrong.show(standing.failures.map(failureItem), standing.failures.length === MOST_FAILURES ? "The latest five; the report has all, grouped by cause." : "");
    this.sections.ends.show(standing.ends.map(endItem), standing.done > standing.ends.length ? `and ${formatCount(standing.done - standing.ends.length)} before` : "");
  }

  drawUnderWay(isActive, now) {
    const { waiting, running, queued, told } = this.standing;
    if (!isActive) return this.sections.now.show([]);
    const first = (map, most) => [...map.values()].slice(0, most);
    const waits = first(waiting, MOST_UNDER_WAY / 2).map((event) => waitItem(event, now));
    const runs = first(running, MOST_UNDER_WAY - waits.length).map((event) => runningItem(event, now, queued.get(event.task_id), told.get(event.task_id)));
    const left = waiting.size + running.size - waits.length - runs.length;
    const finished = this.standing.finished !== null;
    return this.sections.now.show([...waits, ...runs], left > 0 ? `and ${formatCount(left)} more` : finished ? "Writing the bundle…" : "");
  }

  async stop() {
    const sure = document.getElementById("sure");
    sure.returnValue = "";
    sure.showModal();
    await new Promise((done) => sure.addEventListener("close", done, { once: true }));
    if (sure.returnValue !== "cancel-run") return;
    this.cancel.disabled = true;
    try {
      await this.service.send(this.path, { method: "DELETE" });
      this.tell("The run is being cancelled");
    } catch (error) {
      this.failed(error);
    }
    this.cancel.disabled = false;
  }
}

/** A section with a list that is hidden when it has nothing to show. */
const section = (heading) => {
  const [list, note] = [el("ul", { class: "card task-list" }), el("p", { class: "note after" })];
  const element = el("section", { hidden: true, "aria-label": heading }, el("h2", null, heading), list, note);
  const show = (items, words = "") => {
    element.hidden = items.length === 0 && words === "";
    list.hidden = items.length === 0;
    list.replaceChildren(...items);
    note.textContent = words;
  };
  return { element, show };
};

const taskLine = (status, id, facts, ...more) =>
  el("li", { class: toneOf(status) }, el("span", { class: "task-top" }, pill(toneOf(status)), el("bdi", { class: "name" }, visible(String(id)).slice(0, 200)), el("span", { class: "facts" }, facts)), ...more);

const waitItem = ({ task_id: id, until, number, reason }, now) =>
  taskLine("waiting", id, `attempt ${number} in ${formatDuration(100 * Math.ceil(Math.max(0, Date.parse(until) - now) / 100))}, after ${visible(String(reason)).slice(0, 80)}`);

const runningItem = ({ task_id: id, at, number }, now, queuedFor, told) => {
  const since = formatDuration(100 * Math.floor(Math.max(0, now - Date.parse(at)) / 100));
  const facts = [since, number > 1 && `attempt ${number}`, queuedFor && `for room at the service (${visible(queuedFor).slice(0, 80)})`].filter(Boolean).join(" · ");
  return taskLine(queuedFor ? "waiting" : "running", id, facts, told && el("p", { class: "told", dir: "auto" }, visible(told)));
};

const endItem = (event) => {
  const tries = (Number(event.retry_count) || 0) + 1;
  const facts = [event.started_at && formatDuration(event.execution_time_ms), tries > 1 && `${tries} attempts`, event.error_code && visible(event.error_code)].filter(Boolean).join(" · ");
  return taskLine(event.status, event.task_id, facts);
};

const failureItem = (event) =>
  taskLine(event.status, event.task_id, visible(String(event.error_code ?? "")), event.error && el("p", { class: "reason" }, visible(String(event.error).slice(0, LONGEST_WORDS))));
