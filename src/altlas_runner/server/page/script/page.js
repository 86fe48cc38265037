// The page comes alive: where one is, what is new, what is the matter with the service.

const SOON = 1000;
const LATER = 4000;
const LATEST = 15000;

const byId = (id) => document.getElementById(id);

/** Asks the reader for a token; null when none is given. */
const askForToken = async (wasRefused) => {
  const dialog = byId("token");
  const field = dialog.querySelector("input");
  dialog.querySelector(".refused").hidden = !wasRefused;
  field.value = dialog.returnValue = "";
  dialog.showModal();
  field.focus();
  await new Promise((done) => dialog.addEventListener("close", done, { once: true }));
  const given = field.value.trim();
  field.value = "";
  return dialog.returnValue === "use" && given ? given : null;
};

class Page {
  constructor() {
    this.service = new Service(askForToken);
    const tell = (words) => (byId("news").textContent = words);
    const failed = (error) => this.trouble(error);
    this.runs = new Runs(byId("runs-room"), () => this.hurry());
    this.view = new RunView(byId("run"), this.service, { failed, tell });
    this.submission = new Submission(byId("submission"), this.service, { failed, tell, started: (id) => (location.hash = "run=" + encodeURIComponent(id)) });
    addEventListener("hashchange", () => this.follow());
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry?.());
    this.follow();
    this.look();
  }

  /** Shows what the address says: one run, or all of them. */
  follow() {
    const id = /^#run=(.+)$/.exec(location.hash)?.[1];
    const before = this.view.isOpen ? this.view.id : null;
    byId("home").hidden = Boolean(id);
    if (id) this.view.open(decoded(id));
    else {
      this.view.close();
      document.title = "altlas-runner";
      if (before !== null) this.runs.focus(before);
      this.hurry?.();
    }
  }

  /** Looks for runs for ever: soon again when something is under way, later when nothing is or nobody answers. */
  async look() {
    for (let pause = SOON; ; ) {
      if (!this.view.isOpen && !document.hidden) {
        try {
          this.runs.show(await this.service.json(this.runs.path), this.service.now());
          this.trouble(null);
          const active = this.runs.activeCount;
          if (!this.view.isOpen) document.title = active ? `${active} running · altlas-runner` : "altlas-runner";
          pause = active ? SOON : LATER;
        } catch (error) {
          const isForgotten = error.status === 404 && this.runs.before.length > 0; // the run that this page begins behind
          if (isForgotten) this.runs.before = [];
          this.trouble(isForgotten ? null : error);
          pause = isForgotten ? 0 : error instanceof Unreachable ? Math.min(2 * Math.max(SOON, pause), LATEST) : LATEST;
        }
        document.documentElement.dataset.ready = "runs";
      }
      await this.rest(pause);
    }
  }

  /** Waits, unless there is a reason to hurry. */
  rest(ms) {
    return new Promise((done) => {
      const timer = setTimeout(done, ms);
      this.hurry = () => [clearTimeout(timer), done()];
    });
  }

  /** Says what is the matter with the service, or that nothing is. */
  trouble(error) {
    const place = byId("trouble");
    const isSilent = error instanceof Unreachable;
    const wantsToken = error?.status === 401;
    const words = isSilent ? "The service does not answer." : wantsToken ? "The service asks for a token." : visible(error?.message ?? "");
    if (place.dataset.words === words) return;
    place.dataset.words = words;
    place.hidden = error === null;
    place.replaceChildren();
    if (error === null) return;
    place.append(el("b", null, words), isSilent ? " It is asked again in a while. " : " ", button(wantsToken ? "Give a token" : "Try again", () => this.again(), { class: "quiet" }));
  }

  again() {
    this.service.wasDeclined = false;
    if (this.view.isOpen) this.view.open(this.view.id);
    else this.hurry?.();
  }
}

const decoded = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

const start = () => {
  const control = document.querySelector("[data-theme-switch]");
  document.documentElement.classList.add("js");
  useTheme(themeOf(), control);
  control.addEventListener("click", () => useTheme(nextTheme(), control));
  new Page();
};

start();
