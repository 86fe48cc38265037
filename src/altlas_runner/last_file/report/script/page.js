// The page comes alive: copying, addresses, keys, printing.

const PRINTED_ROWS = 500;

class Page {
  constructor(tasks) {
    const details = new Details(tasks.chunk);
    const choice = new Choice(tasks);
    const open = (task) => this.goto(task);
    Object.assign(this, { tasks, details, choice });
    this.table = new Table(document.getElementById("table-room"), tasks, choice, open);
    this.timeline = new Timeline(document.getElementById("timeline-room"), tasks, choice, open);
    const canvas = document.querySelector(".canvas");
    if (canvas) this.graph = new Graph(canvas);
    this.drawer = new Drawer(tasks, details, this.table, open);
    choice.follow(() => this.drawer.isOpen || this.remember(choice.address()));
    addEventListener("hashchange", () => this.follow());
    addEventListener("keydown", (event) => this.press(event));
    addEventListener("beforeprint", () => this.forPaper());
    addEventListener("afterprint", () => this.table.draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.timeline.repaint());
    this.follow();
  }

  /** Opens a task, or goes back from it to the page. */
  goto(task) {
    if (task !== null) location.hash = this.tasks.link(task);
    else this.remember(this.choice.address());
  }

  remember(address) {
    history.replaceState(null, "", address ? "#" + address : location.pathname + location.search);
  }

  /** Does what the address says: a task is opened, filters are set, anything else is a place on the page. */
  follow() {
    const parts = location.hash.slice(1).split("&").filter((part) => part.includes("="));
    const said = Object.fromEntries(parts.map((part) => [part.slice(0, part.indexOf("=")), part.slice(part.indexOf("=") + 1)]));
    const task = said.task === undefined ? null : this.tasks.find(said.task);
    const filters = FILTERS.filter((name) => said[name] !== undefined);
    if (filters.length) {
      const all = Object.fromEntries(FILTERS.map((name) => [name, decoded(said[name] ?? "")]));
      this.choice.set(all);
      if (task === null) document.getElementById("tasks").scrollIntoView();
    }
    if (task !== null) this.drawer.show(task);
    else this.drawer.close();
  }

  press(event) {
    const isTyping = event.target.closest("input, select, textarea");
    if (event.ctrlKey || event.metaKey || event.altKey || this.drawer.isOpen) return;
    if (event.key === "/" && !isTyping) {
      event.preventDefault();
      this.table.search.focus();
      this.table.search.scrollIntoView({ block: "center" });
    } else if (event.key === "Escape" && !this.choice.isWhole) this.choice.clear();
  }

  /** Puts the first rows of the table on paper, not only those that are seen. */
  forPaper() {
    const rows = this.choice.order.slice(0, PRINTED_ROWS).map((task, row) => this.table.row(row, task));
    this.table.rows.replaceChildren(...rows);
    this.table.rows.style.transform = "";
  }

  async save(kind) {
    const { tasks, details, choice } = this;
    if (kind === "csv") save(fileName(tasks.run, "csv"), "text/csv", csvOf(tasks, choice.order));
    else save(fileName(tasks.run, "json"), "application/json", await jsonOf(tasks, details, choice.order));
  }
}

const decoded = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
};

const start = async () => {
  const control = document.querySelector("[data-theme-switch]");
  document.documentElement.classList.add("js");
  useTheme(themeOf(), control);
  const tasks = new Tasks(await unpacked("index"));
  const page = tasks.count ? new Page(tasks) : null;
  control.addEventListener("click", () => {
    useTheme(nextTheme(), control);
    page?.timeline.repaint();
  });
  for (const place of document.querySelectorAll("[data-copy]")) {
    place.addEventListener("click", async () => told(place, (await copy(place.dataset.copy, place.previousElementSibling)) ? "Copied" : "Selected"));
  }
  for (const place of document.querySelectorAll("[data-save]")) {
    place.hidden = !page;
    place.addEventListener("click", () => page?.save(place.dataset.save));
  }
  document.querySelector("[data-print]").addEventListener("click", () => print());
  performance.mark("report-ready");
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
  setTimeout(() => tasks.lowerIds); // before the first search asks for them
};

start();
