// What is wrong with an ALT file: each problem with its place, the line it is about, and how to mend it.

const MOST_SHOWN = 100;
const WIDEST_LINE = 160;

const plural = (count, word) => `${formatCount(count)} ${word}${count === 1 ? "" : "s"}`;

/** How many problems were found; the service tells no more than the first thousand of them. */
const countOf = ({ error_count: errors, warning_count: warnings }) =>
  [errors && plural(errors, "error"), warnings && plural(warnings, "warning")].filter(Boolean).join(", ");

/** The lines of a text by their numbers from 1, as code points, since columns count those. */
class Lines {
  constructor(text) {
    this.all = text.split("\n");
  }

  at(number) {
    return this.all[number - 1] === undefined ? null : Array.from(this.all[number - 1].replace(/\r$/, ""));
  }

  /** Where in the text a place is, in the units of the browser. */
  offset(number, column) {
    const before = this.all.slice(0, number - 1).reduce((sum, line) => sum + line.length + 1, 0);
    return before + (this.at(number) ?? []).slice(0, column - 1).join("").length;
  }
}

/** How many characters of the line, from a column on, belong to the value there. */
const spanOf = (line, column, { code, path, part }) => {
  if ((code === "ALT302" || code === "ALT306") && !path) return 1;
  const rest = line.slice(column - 1).join("");
  if (part && rest.startsWith(part)) return Array.from(part).length;
  const found = /^"(?:[^"\\]|\\.)*"?|^'(?:[^']|'')*'|^\[[^[\]{}]*\]|^\{[^[\]{}]*\}|^[[{]|^[^\s,[\]{}#]+(?: +[^\s,:[\]{}#]+)*/.exec(rest);
  return Math.max(1, Array.from(found?.[0].replace(/:$/, "") ?? "").length);
};

/** A line with the span marked, of a long line the part around it, and what is to be said of it below. */
const excerptRows = (line, number, column, length, kind, label) => {
  const from = line.length <= WIDEST_LINE ? 0 : Math.max(0, column - 1 - WIDEST_LINE / 4);
  const to = Math.min(line.length, from + WIDEST_LINE);
  const [start, end] = [column - 1, Math.min(to, column - 1 + length)];
  const shown = (part) => visible(part.join("").replaceAll("\t", "    "));
  const row = (name, ...content) => el("span", { class: "line" }, el("span", { class: "number", "aria-hidden": "true" }, name), el("code", null, ...content));
  const text = row(String(number), from > 0 && "…", shown(line.slice(from, start)), el("mark", { class: kind }, shown(line.slice(start, end)) || " "),
    shown(line.slice(end, to)), to < line.length && "…");
  return label ? [text, row("", el("span", { class: "label" }, " ".repeat(start - from + (from > 0 ? 1 : 0)) + visible(label)))] : [text];
};

/** One problem; `goto` is told line, column and length when the reader wants to see it in the text. */
const diagnosticItem = (diagnostic, lines, goto) => {
  const { severity, code, message, path, line: number, column, help, related } = diagnostic;
  const [kind, tone] = severity === "error" ? ["error", "failure"] : ["warning", "partial_success"];
  const line = number && column ? lines.at(number) : null;
  const length = line && spanOf(line, column, diagnostic);
  const rows = line ? excerptRows(line, number, column, length, tone, null) : [];
  const others = [];
  for (const place of Array.isArray(related) ? related : []) {
    const there = place.line && place.column ? lines.at(place.line) : null;
    const words = String(place.message);
    if (there) rows.push(...excerptRows(there, place.line, place.column, spanOf(there, place.column, place), "related", words));
    else others.push(el("p", { class: "note" }, visible(`${words}: ${place.path}`)));
  }
  const place = line && button(`line ${formatCount(number)}, column ${formatCount(column)}`, () => goto(number, column, length), { class: "place" });
  return el("li", { class: "trouble " + tone },
    el("h3", null, icon(tone), el("span", { class: "unseen" }, kind + " "), strange(String(message).slice(0, LONGEST_WORDS)), el("code", null, visible(String(code)))),
    el("p", { class: "note" }, place, place && path && " · ", path && el("code", null, visible(String(path)).slice(0, 300))),
    rows.length > 0 && el("pre", { class: "excerpt", tabindex: "0", role: "group", "aria-label": `Line ${number}` }, ...rows),
    ...others, help && el("p", { class: "help" }, el("b", null, "Help: "), visible(String(help).slice(0, LONGEST_WORDS))));
};

/** All problems, errors first where there are too many to show. */
const diagnosticList = ({ diagnostics, error_count: errors, warning_count: warnings }, text, goto) => {
  const lines = new Lines(text);
  const isError = (each) => each.severity === "error";
  const more = errors + warnings - Math.min(diagnostics.length, MOST_SHOWN);
  const many = more > 0;
  const sorted = many ? [...diagnostics.filter(isError), ...diagnostics.filter((each) => !isError(each))] : diagnostics;
  const rest = many && el("li", { class: "note" }, `and ${formatCount(more)} more, which `, el("code", null, "altlas-runner validate"), " lists");
  return el("ol", { class: "diagnostics", "aria-label": "Problems" }, ...sorted.slice(0, MOST_SHOWN).map((each) => diagnosticItem(each, lines, goto)), rest);
};
