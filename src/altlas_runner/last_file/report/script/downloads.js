// What the reader can take away: the tasks that are shown now, as JSON with their details or as CSV.

const CSV_FIELDS = ["id", "status", "error_code", "started_ms", "ended_ms", "duration_ms", "attempts", "slack_ms", "tokens", "cost", "tags"];

const recordOf = (tasks, task) => {
  const ran = tasks.start[task] !== NEVER;
  return {
    id: tasks.ids[task],
    status: tasks.statusOf(task),
    error_code: tasks.code[task] ?? null,
    started_ms: ran ? tasks.start[task] : null,
    ended_ms: ran ? tasks.end[task] : null,
    duration_ms: ran ? tasks.took[task] : null,
    attempts: tasks.tryCount(task),
    slack_ms: ran ? tasks.slack[task] : null,
    tokens: tasks.tokens[task] === NEVER ? null : tasks.tokens[task],
    cost: tasks.cost[task] ?? null,
    tags: tasks.tagsOf(task),
  };
};

/** A cell of CSV; what a spreadsheet would take for a formula gets an apostrophe in front. */
const cellOf = (value) => {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  let text = Array.isArray(value) ? value.join("; ") : value;
  if (/^[=+\-@\t\r]/.test(text)) text = "'" + text;
  return /[",\r\n;]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

const csvOf = (tasks, order) => {
  const lines = order.map((task) => {
    const record = recordOf(tasks, task);
    return CSV_FIELDS.map((field) => cellOf(record[field])).join(",");
  });
  return [CSV_FIELDS.join(","), ...lines].join("\r\n") + "\r\n";
};

const jsonOf = async (tasks, details, order) => {
  const records = [];
  for (const task of order) records.push({ ...recordOf(tasks, task), details: await details.of(task) });
  return JSON.stringify({ run: tasks.run, tasks: records }, null, 1);
};

/** Gives the reader a file. */
const save = (name, type, text) => {
  const address = URL.createObjectURL(new Blob([text], { type }));
  el("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
};

const fileName = (run, ending) => `${run.replace(/[^A-Za-z0-9._-]/g, "_").slice(0, 80) || "run"}.${ending}`;
