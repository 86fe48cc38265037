// The drawer: everything about one task.

class Drawer {
  constructor(tasks, details, table, goto) {
    Object.assign(this, { tasks, details, table, goto, task: null });
    this.title = el("h2", { id: "drawer-title", tabindex: "-1" });
    this.body = el("div", { class: "content" });
    this.previous = button("↑", () => this.step(-1), { class: "quiet", "aria-label": "Task before", title: "k" });
    this.next = button("↓", () => this.step(1), { class: "quiet", "aria-label": "Next task", title: "j" });
    const link = button("Copy link", async (event) => told(event.currentTarget, (await copy(location.href)) ? "Copied" : "No clipboard"), { class: "quiet" });
    const close = button("Close", () => this.dialog.close(), { class: "quiet", title: "Escape" });
    this.dialog = el("dialog", { class: "drawer", "aria-labelledby": "drawer-title" },
      el("div", { class: "bar-top" }, this.title, el("div", { class: "tools" }, this.previous, this.next, link, close)), this.body);
    this.dialog.addEventListener("keydown", (event) => this.press(event));
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    this.dialog.addEventListener("close", () => {
      this.task = null;
      goto(null);
    });
    document.body.append(this.dialog);
  }

  get isOpen() {
    return this.dialog.open;
  }

  async show(task) {
    if (this.task === task) return;
    this.task = task;
    const detail = await this.details.of(task);
    if (this.task !== task) return; // another one was asked for meanwhile
    this.title.replaceChildren(icon(this.tasks.statusOf(task)), el("bdi", null, this.tasks.name(task)));
    this.title.className = this.tasks.statusOf(task);
    this.body.replaceChildren(...this.parts(task, detail));
    this.body.scrollTop = 0;
    this.previous.disabled = this.table.beside(task, -1) === null;
    this.next.disabled = this.table.beside(task, 1) === null;
    if (!this.dialog.open) this.dialog.showModal();
    this.title.focus();
    colourJson(this.body.querySelectorAll("pre.json"));
  }

  close() {
    if (this.dialog.open) this.dialog.close();
  }

  step(by) {
    const other = this.table.beside(this.task, by);
    if (other !== null) this.goto(other);
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const by = { j: 1, k: -1 }[event.key];
    if (by) this.step(by);
  }

  parts(task, detail) {
    const { tasks } = this;
    return [
      el("p", { class: "facts" }, pill(tasks.statusOf(task)), " ", this.facts(task, detail)),
      detail.cause !== undefined && el("p", { class: "note" }, "Skipped because of ", this.ref(detail.cause)),
      detail.command && el("div", { class: "command" }, el("code", null, visible(detail.command)), copyButton(detail.command)),
      ...this.excerpt(detail.code ? `Error ${visible(detail.code)}` : "Error", detail.error, "error"),
      ...this.attempts(task, detail),
      ...(detail.images ?? []).map(([type, base64], i) => picture(type, base64, `Picture ${i + 1} of the output`)),
      ...this.excerpt("Output", detail.answer),
      ...this.excerpt(detail.answer ? "Beside the text" : "Output", detail.output),
      detail.facts?.length && el("dl", { class: "pairs inline" }, ...detail.facts.map(([name, value]) => this.pair(name, strange(value)))),
      ...this.artifacts(detail.artifacts),
      ...this.excerpt("Description", detail.description),
      ...this.excerpt("Parameters", detail.parameters),
      ...this.around(task, detail),
      ...this.excerpt("Metadata", detail.metadata),
    ].filter(Boolean);
  }

  facts(task, detail) {
    const { tasks } = this;
    const ran = tasks.start[task] !== NEVER;
    return [
      ran && `${formatDuration(tasks.took[task])} from +${formatDuration(tasks.start[task])}`,
      detail.waited > 0 && `waited ${formatDuration(detail.waited)} for a slot`,
      tasks.tryCount(task) > 1 && `${formatCount(tasks.tryCount(task))} attempts`,
      ran && (tasks.onPath.has(task) ? "on the critical path" : tasks.slack[task] > 0 && `slack ${formatDuration(tasks.slack[task])}`),
      detail.usage && usageInWords(detail.usage),
      detail.places && !detail.reasons && `at ${visible(detail.places[0])}`,
    ].filter(Boolean).join(" · ");
  }

  ref(task) {
    return el("a", { href: "#" + this.tasks.link(task) }, el("bdi", null, this.tasks.name(task)));
  }

  pair(name, ...value) {
    return el("div", null, el("dt", null, strange(name)), el("dd", null, ...value));
  }

  /** A text or a JSON value under a heading. A model's Markdown is a text like any other. */
  excerpt(label, excerpt, kind = "") {
    if (!excerpt) return [];
    const block = this.text(label, excerpt, kind);
    return [el("div", { class: "heading" }, el("h3", null, label), copyButton(excerpt.text, block)), block, excerpt.note && el("p", { class: "note" }, excerpt.note)];
  }

  text(label, { text, json }, kind = "") {
    const attributes = { class: `${json ? "json" : "text"} ${kind}`, dir: json ? "ltr" : "auto", tabindex: "0", "aria-label": label, role: "group" };
    return el("pre", attributes, visible(text.startsWith("\n") ? "\n" + text : text));
  }

  attempts(task, detail) {
    if (!detail.reasons) return [];
    const tries = this.tasks.triesOf(task);
    const rows = detail.reasons.map(([code, error, wait], i) => {
      const [start, end, status] = tries[i] ?? [0, 0, "failed"];
      return el("li", null,
        el("p", null, el("b", null, `${i + 1}`), " ", pill(status), ` ${formatDuration(end - start)} from +${formatDuration(start)}`,
          wait > 0 && el("span", { class: "wait" }, ` after waiting ${formatDuration(wait)}`),
          detail.places?.[i] && el("span", { class: "used" }, ` · at ${visible(detail.places[i])}`),
          detail.usages && el("span", { class: "used" }, ` · ${detail.usages[i] ? usageInWords(detail.usages[i]) : "usage not said"}`)),
        (code || error) && el("p", { class: "reason", dir: "auto" }, code && el("code", null, visible(code)), " ", visible(error)));
    });
    return [el("h3", null, "Attempts"), barOf(this.tasks, task), el("ol", { class: "attempts" }, ...rows)];
  }

  artifacts(found) {
    if (!found) return [];
    const rows = found.map(([path, kind, type, size, sha256, description, preview]) => {
      const address = artifactAddress(path);
      return el("li", null, address ? el("a", { href: address }, strange(path)) : strange(path),
        el("p", { class: "note" }, `${kind}, ${visible(type)}, ${formatSize(size)}, SHA-256 ${visible(sha256)}`),
        description && el("p", { class: "note", dir: "auto" }, visible(description)),
        preview?.picture && picture(...preview.picture, `Preview of ${visible(path)}`),
        preview?.text && this.text("Preview", preview),
        preview?.note && el("p", { class: "note" }, preview.note));
    });
    return [el("h3", null, "Artifacts"), el("ul", { class: "files" }, ...rows)];
  }

  around(task, detail) {
    const links = (detail.dependencies ?? []).flatMap((other, i) => [i ? ", " : "", this.ref(other)]);
    if (detail.more_dependencies) links.push(` and ${formatCount(detail.more_dependencies)} more`);
    const tags = (detail.tags ?? []).map((tag) => el("span", { class: "tag" }, strange(tag)));
    return [links.length && el("dl", { class: "pairs" }, this.pair("Depends on", ...links)),
      tags.length && el("dl", { class: "pairs" }, this.pair("Tags", ...tags))];
  }
}

/** A small picture whose type was checked: never one that can act. */
const picture = (type, base64, alt) => el("img", { src: `data:${type};base64,${base64}`, alt, class: "picture" });

/** Tokens and cost; an unknown price says so. */
const usageInWords = ([sent, received, cost]) =>
  `${formatCount(sent)} tokens in, ${formatCount(received)} out · ${cost === null ? "unpriced" : `cost ${formatCost(cost)}`}`;

/** The address of a file inside the bundle, or an empty text for a path that leads elsewhere. */
const artifactAddress = (path) => {
  const segments = path.split("/");
  const leads = segments[0] !== "artifacts" || path.includes("\\") || segments.some((part) => ["", ".", ".."].includes(part));
  return leads ? "" : segments.map(encodeURIComponent).join("/");
};
