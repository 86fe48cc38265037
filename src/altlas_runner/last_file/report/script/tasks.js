// The columns of the index, read task by task. A task is its index.

const NEVER = -1;

class Tasks {
  constructor(index) {
    Object.assign(this, index);
    this.count = index.ids.length;
    this.cutIds = new Set(index.cut);
    this.onPath = new Set(index.critical);
  }

  statusOf(task) {
    return this.statuses[this.status.charCodeAt(task) - 48];
  }

  /** The id as it is shown on one line. */
  name(task) {
    return visible(this.ids[task].replace(/\s+/g, " ")) + (this.cutIds.has(task) ? "…" : "") || "(empty id)";
  }

  /** The attempts as [start, end, status]. */
  triesOf(task) {
    const several = this.tries[task];
    if (several) return several.map(([start, end, status]) => [start, end, this.statuses[status]]);
    return this.start[task] === NEVER ? [] : [[this.start[task], this.end[task], this.statusOf(task)]];
  }

  tryCount(task) {
    return this.tries[task]?.length ?? (this.start[task] === NEVER ? 0 : 1);
  }

  tagsOf(task) {
    return (this.tagged[task] ?? []).map((tag) => this.tags[tag]);
  }

  /** The part of an address that names a task. */
  link(task) {
    return "task=" + (this.cutIds.has(task) ? "@" + task : encodeURIComponent(this.ids[task]));
  }

  /** The task that such a part names, or null. */
  find(text) {
    if (/^@\d+$/.test(text)) return Number(text.slice(1)) < this.count ? Number(text.slice(1)) : null;
    try {
      const task = this.ids.indexOf(decodeURIComponent(text));
      return task < 0 || this.cutIds.has(task) ? null : task;
    } catch {
      return null; // not percent-encoded as an address should be
    }
  }

  /** The ids in lower case, made once for all searches. */
  get lowerIds() {
    this.madeLowerIds ??= this.ids.map((id) => id.toLowerCase());
    return this.madeLowerIds;
  }

  /** Whether a task has a word, given in lower case, in its id, a tag or its error code. */
  having(word) {
    const { lowerIds, tagged, code } = this;
    const isHit = this.tags.map((tag) => tag.toLowerCase().includes(word));
    const someTag = isHit.includes(true);
    return (task) =>
      lowerIds[task].includes(word) ||
      (someTag && (tagged[task]?.some((tag) => isHit[tag]) ?? false)) ||
      (code[task]?.toLowerCase().includes(word) ?? false);
  }
}
