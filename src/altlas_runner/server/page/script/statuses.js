// Statuses of runs and tasks in words, numbers and bars.

const RUN_WORDS = {
  queued: "queued", running: "running", success: "completed", partial_success: "partly completed", failure: "failed",
  cancelled: "cancelled", interrupted: "interrupted",
};
const TASK_ORDER = ["completed", "failed", "timeout", "cancelled", "skipped", "running", "waiting", "ready", "pending"];

const isOver = (run) => run.status !== "queued" && run.status !== "running";

/** The statuses that occur, in order, each with its count; what the service does not count is pending. */
const sharesOf = (counts, total) => {
  const known = TASK_ORDER.map((status) => [status, Number(counts?.[status]) || 0]);
  const missing = total - known.reduce((sum, [, count]) => sum + count, 0);
  if (missing > 0) known[known.length - 1][1] += missing;
  return known.filter(([, count]) => count > 0);
};

const endedOf = (counts) => TASK_ORDER.slice(0, 5).reduce((sum, status) => sum + (Number(counts?.[status]) || 0), 0);

/** Fills a bar with the shares of the statuses. */
const paintBar = (bar, shares, total) => {
  let start = 0;
  const parts = shares.map(([status, count]) => {
    const part = document.createElementNS(SVG, "rect");
    const length = (100 * count) / Math.max(1, total);
    for (const [name, value] of Object.entries({ class: status, x: start, width: length, height: 10 })) part.setAttribute(name, value);
    start += length;
    return part;
  });
  bar.replaceChildren(...parts);
};

const emptyBar = () => {
  const bar = document.createElementNS(SVG, "svg");
  for (const [name, value] of Object.entries({ class: "shares", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" })) {
    bar.setAttribute(name, value);
  }
  return bar;
};

/** The sign of a run's status with its word. */
const runPill = (status) => el("span", { class: "pill " + toneOf(status) }, icon(toneOf(status)), RUN_WORDS[status] ?? visible(String(status)));

/** A status that this page knows, since it becomes the name of a class and of a symbol. */
const toneOf = (status) => (Object.hasOwn(RUN_WORDS, status) || TASK_ORDER.includes(status) ? status : "pending");

const elapsedOf = (run, now) => {
  const start = Date.parse(run.started_at);
  const end = isOver(run) ? Date.parse(run.completed_at) : now;
  return Number.isNaN(end - start) ? null : Math.max(0, end - start);
};

/** A moment in the reader's own time, with the day where it is not today. */
const moment = (text) => {
  const at = new Date(text ?? NaN);
  if (Number.isNaN(at.getTime())) return "";
  const isToday = at.toDateString() === new Date().toDateString();
  const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  return at.toLocaleString("en-GB", isToday ? clock : { day: "numeric", month: "short", year: "numeric", ...clock });
};

const titleOf = (run) => visible(String(run.title ?? "").replace(/\s+/g, " ").trim()).slice(0, 300) || "(no title)";
