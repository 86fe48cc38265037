// Which tasks are shown, and in which order: search, filters and sorting.

const FILTERS = ["q", "status", "tag", "group", "box"];

class Choice {
  constructor(tasks) {
    this.tasks = tasks;
    this.filters = {};
    this.column = null;
    this.descending = false;
    this.listeners = [];
    this.order = Array.from({ length: tasks.count }, (_, task) => task);
  }

  /** Calls back with every new order. */
  listen(listener) {
    this.listeners.push(listener);
  }

  /** Replaces filters; an empty one is taken away. */
  set(changes) {
    this.filters = { ...this.filters, ...changes };
    for (const name of Object.keys(this.filters)) if (!this.filters[name]) delete this.filters[name];
    this.choose();
  }

  clear() {
    this.filters = {};
    this.choose();
  }

  get isWhole() {
    return Object.keys(this.filters).length === 0;
  }

  /** Sorts by a column; by the same one again the other way round, and then as in the file. */
  sortBy(column) {
    if (this.column !== column) [this.column, this.descending] = [column, Boolean(column.descendsFirst)];
    else if (this.descending === Boolean(column.descendsFirst)) this.descending = !this.descending;
    else [this.column, this.descending] = [null, false];
    this.choose();
  }

  /** The filters as the part of an address behind #. */
  address() {
    return FILTERS.filter((name) => this.filters[name])
      .map((name) => `${name}=${encodeURIComponent(this.filters[name])}`)
      .join("&");
  }

  choose() {
    const began = performance.now();
    this.order = this.sorted(this.filtered());
    performance.measure("report-choice", { start: began, end: performance.now() });
    for (const listener of this.listeners) listener(this.order);
  }

  filtered() {
    const { tasks, filters } = this;
    const words = (filters.q ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const statuses = filters.status && new Set(filters.status.split(","));
    const tag = filters.tag ? tasks.tags.indexOf(filters.tag) : null;
    const group = filters.group ? Number(filters.group) : null;
    const box = filters.box ? Number(filters.box) : null;
    const texts = words.length ? tasks.words : null;
    const found = [];
    for (let task = 0; task < tasks.count; task++) {
      if (statuses && !statuses.has(tasks.statusOf(task))) continue;
      if (group !== null && tasks.group[task] !== group) continue;
      if (box !== null && tasks.box?.[task] !== box) continue;
      if (tag !== null && !tasks.tagged[task]?.includes(tag)) continue;
      if (texts && !words.every((word) => texts[task].includes(word))) continue;
      found.push(task);
    }
    return found;
  }

  sorted(order) {
    if (!this.column) return order;
    const key = this.column.key;
    const sign = this.descending ? -1 : 1;
    const keys = new Map(order.map((task) => [task, key(task)]));
    return order.sort((one, other) => {
      const [a, b] = [keys.get(one), keys.get(other)];
      return (a < b ? -sign : a > b ? sign : 0) || one - other;
    });
  }
}
