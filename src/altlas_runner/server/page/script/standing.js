// Where a run stands: counts, and those of its tasks that are under way, made from its events.

const MOST_ENDS = 200;
const MOST_FAILURES = 5;
const LONGEST_TOLD = 240;

class Standing {
  constructor() {
    Object.assign(this, { total: 0, done: 0, ended: new Map(), ready: new Set(), running: new Map(), waiting: new Map() });
    Object.assign(this, { queued: new Map(), told: new Map(), ends: [], failures: [], finished: null, missed: false, version: 0 });
  }

  /** How many tasks have each status, as the service counts them. */
  get counts() {
    const [running, waiting, ready] = [this.running.size - this.queued.size, this.waiting.size + this.queued.size, this.ready.size];
    return { ...Object.fromEntries(this.ended), running, waiting, ready, pending: this.total - this.done - this.running.size - this.waiting.size - ready };
  }

  apply(event) {
    this.version += 1;
    const id = event.task_id;
    const does = {
      missed: () => (this.missed = true), // too long ago: the counts of the service are right, those of here are not
      run_started: () => (this.total = event.task_count),
      task_ready: () => this.waiting.delete(id) | this.ready.add(id),
      task_started: () => this.ready.delete(id) | this.told.delete(id) | this.running.set(id, event),
      task_waiting: () => this.rest(id) | this.waiting.set(id, event),
      task_progress: () => this.progress(id, event),
      task_finished: () => this.end(id, event),
      run_finished: () => (this.finished = event),
    }[event.event];
    does?.();
  }

  rest(id) {
    for (const place of [this.running, this.waiting, this.ready, this.queued, this.told]) place.delete(id);
  }

  progress(id, { kind, fields }) {
    if (kind === "waits_for_room") this.queued.set(id, String(fields.reason));
    else if (kind === "has_room") this.queued.delete(id);
    else if (kind === "delta" && typeof fields.text === "string") {
      this.told.set(id, ((this.told.get(id) ?? "") + fields.text).slice(-LONGEST_TOLD));
    }
  }

  end(id, event) {
    this.rest(id);
    this.done += 1;
    this.ended.set(event.status, (this.ended.get(event.status) ?? 0) + 1);
    this.ends.unshift(event);
    if (this.ends.length > MOST_ENDS) this.ends.pop();
    if (event.status === "failed" || event.status === "timeout") {
      this.failures.unshift(event);
      if (this.failures.length > MOST_FAILURES) this.failures.pop();
    }
  }
}
