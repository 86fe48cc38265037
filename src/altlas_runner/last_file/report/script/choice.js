// Which tasks are shown, and in which order: search, filters and sorting.

const FOLLOW_AFTER = 80;
const FILTERS = ["q", "status", "tag", "group", "box"];

class Choice {
  constructor(tasks) {
    this.tasks = tasks;
    this.filters = {};
    this.column = null;
    this.descending = false;
    this.listeners = [];
    this.followers = [];
    this.order = Array.from({ length: tasks.count }, (_, task) => task);
  }

  /** Calls back at once with every new order. */
  listen(listener) {
    this.listeners.push(listener);
  }

  /** Calls back when the order has been the same for a moment: for what would make typing slow. */
  follow(follower) {
    this.followers.push(follower);
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
    for (const listener of this.listeners) listener();
    performance.measure("report-choice", { start: began, end: performance.now() });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.followers.forEach((follower) => follower()), FOLLOW_AFTER);
  }

  filtered() {
    let found = Array.from({ length: this.tasks.count }, (_, task) => task);
    for (const test of this.tests()) found = found.filter(test);
    return found;
  }

  /** What a task must fulfil, one function for each filter that is set. */
  tests() {
    const { tasks, filters } = this;
    const tests = [];
    if (filters.status) {
      const statuses = new Set(filters.status.split(","));
      const wanted = tasks.statuses.map((status) => statuses.has(status));
      tests.push((task) => wanted[tasks.status.charCodeAt(task) - 48]);
    }
    if (filters.group) tests.push((task) => tasks.group[task] === Number(filters.group));
    if (filters.box) tests.push((task) => tasks.box?.[task] === Number(filters.box));
    if (filters.tag) {
      const tag = tasks.tags.indexOf(filters.tag);
      tests.push((task) => tasks.tagged[task]?.includes(tag));
    }
    for (const word of (filters.q ?? "").toLowerCase().split(/\s+/).filter(Boolean)) tests.push(tasks.having(word));
    return tests;
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
