// Checking and running a file: what a person gives, and what the service says to it.

const UNTIL_CHECKED_AGAIN = 500;

class Submission {
  /** `started` is told the id of a run that began, `failed` an error that concerns more than the file. */
  constructor(room, service, { started, failed, tell }) {
    Object.assign(this, { service, started, failed, tell, looking: null, timer: null });
    this.paper = new Paper((allAtOnce) => this.changed(allAtOnce));
    this.findings = el("div", { class: "findings" });
    this.run = button("Run", () => this.start(), { class: "main-button", title: "Ctrl+Enter" });
    this.check = button("Validate", () => this.validate(), { class: "quiet" });
    this.options = this.makeOptions();
    room.append(el("div", { class: "card" }, this.paper.element, this.options, el("div", { class: "tools actions" }, this.run, this.check)), this.findings);
    this.paper.text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.start();
    });
  }

  makeOptions() {
    const field = (label, name, attributes) => el("label", null, label, el("input", { name, autocomplete: "off", ...attributes }));
    return el("details", { class: "plain options" }, el("summary", null, el("h3", null, "Options of this run")),
      el("div", { class: "body fields" },
        field("Model", "model", { type: "text", placeholder: "as configured", spellcheck: "false" }),
        field("Temperature", "temperature", { type: "number", min: "0", max: "2", step: "any", placeholder: "as configured" }),
        field("Longest answer, tokens", "max_tokens", { type: "number", min: "1", step: "1", placeholder: "as configured" }),
        el("label", { class: "check" }, el("input", { name: "stream", type: "checkbox" }), "Show answers while they are written")));
  }

  /** The options that were set, or null where one does not fit. */
  chosen() {
    const inputs = [...this.options.querySelectorAll("input")];
    const wrong = inputs.find((input) => !input.checkValidity());
    if (wrong) {
      this.options.open = true;
      wrong.reportValidity();
      return null;
    }
    const values = inputs.map((input) => [input.name, input.type === "checkbox" ? input.checked || "" : input.type === "number" && input.value ? Number(input.value) : input.value.trim()]);
    return Object.fromEntries(values.filter(([, value]) => value !== ""));
  }

  /** A whole new text is looked at at once, an edited one when its problems are shown and the reader rests. */
  changed(allAtOnce) {
    clearTimeout(this.timer);
    if (this.paper.value.trim() === "") this.show();
    else if (allAtOnce) this.validate();
    else if (this.findings.firstChild) this.timer = setTimeout(() => this.validate(), UNTIL_CHECKED_AGAIN);
  }

  /** Shows what was found in place of what was found before. */
  show(...content) {
    this.looking?.abort();
    this.looking = null;
    this.findings.replaceChildren(...content.filter(Boolean));
  }

  async validate() {
    clearTimeout(this.timer);
    const text = this.paper.value;
    this.looking?.abort();
    const { signal } = (this.looking = new AbortController());
    try {
      const found = await this.service.json("api/v1/validate", { method: "POST", body: { alt_file_content: text }, signal });
      this.judge(found, text, found.valid);
    } catch (error) {
      if (!signal.aborted) this.refuse(error, text);
    }
  }

  judge(found, text, isValid) {
    const isFine = found.diagnostics.length === 0;
    const [kind, words] = isValid ? ["success", isFine ? "This file is fine" : "This file can be run"] : ["failure", "This file cannot be run as it is"];
    const count = !isFine && el("span", { class: "count" }, " " + countOf(found));
    this.show(el("h3", { class: "finding " + kind }, icon(kind), words, count), !isFine && diagnosticList(found, text, (...place) => this.paper.goto(...place)));
    this.tell(`${words}. ${countOf(found)}`);
  }

  async start() {
    const options = this.chosen();
    const text = this.paper.value;
    if (options === null || this.run.disabled) return;
    if (text.trim() === "") return this.paper.refuse("there is nothing to run yet");
    clearTimeout(this.timer);
    this.run.disabled = true;
    try {
      const { request_id: id } = await this.service.json("api/v1/process", { method: "POST", body: { alt_file_content: text, ...options } });
      this.show();
      this.started(id);
    } catch (error) {
      this.refuse(error, text);
    } finally {
      this.run.disabled = false;
    }
  }

  refuse(error, text) {
    if (!(error instanceof Refusal) || error.status === 401) return this.failed(error);
    if (error.found) return this.judge(error.found, text, false);
    const isFull = error.status === 429;
    const again = button(isFull ? "Try again" : "Close", () => (isFull ? this.start() : this.show()), { class: "quiet" });
    const when = isFull && error.retryAfter && `It asks to come back in ${plural(error.retryAfter, "second")}.`;
    this.show(el("div", { class: "trouble " + (isFull ? "timeout" : "failure"), role: "alert" },
      el("h3", null, icon(isFull ? "timeout" : "failure"), isFull ? "The service has no room for another run now" : "The service refuses this"),
      el("p", { class: "reason" }, visible(error.message)), when && el("p", { class: "note" }, when), el("div", { class: "tools" }, again)));
    return undefined;
  }
}
