// Where an ALT file is written, pasted or dropped, with the numbers of its lines.

const LONGEST_EDITED = 400_000;
const LARGEST_FILE = 64 << 20;
const UNNAMED = "JSON or YAML";

class Paper {
  /** `changed` is told when the text is another one, and whether all of it came at once. */
  constructor(changed) {
    Object.assign(this, { changed, kept: null, lineCount: 0 });
    this.text = el("textarea", { id: "text", wrap: "off", spellcheck: "false", autocapitalize: "off", autocomplete: "off", "aria-describedby": "paper-note",
      placeholder: "Drop a file anywhere on this page,\nor paste one here." });
    this.numbers = el("pre", { class: "numbers-of-lines", "aria-hidden": "true" }, "1");
    this.tooLong = el("p", { class: "nothing", hidden: true });
    this.note = el("span", { class: "note", id: "paper-note" }, UNNAMED);
    this.file = el("input", { type: "file", class: "unseen", tabindex: "-1", "aria-label": "ALT file", accept: ".alt,.json,.yaml,.yml" });
    this.sheet = el("div", { class: "sheet-of-paper" }, this.numbers, this.text, this.tooLong);
    this.element = el("div", { class: "paper" },
      el("div", { class: "paper-top" }, el("label", { for: "text" }, "ALT file"), this.note,
        el("div", { class: "tools" }, button("Choose a file", () => this.file.click(), { class: "quiet" }), this.file,
          button("Example", () => this.put(EXAMPLE, "an example"), { class: "quiet" }), button("Clear", () => this.clear(), { class: "quiet" }))),
      this.sheet);
    this.text.addEventListener("input", (event) => this.edited(event.inputType === "insertFromPaste"));
    this.text.addEventListener("scroll", () => (this.numbers.style.transform = `translateY(${-this.text.scrollTop}px)`));
    this.file.addEventListener("change", () => this.take([...this.file.files]));
    this.awaitFiles();
  }

  get value() {
    return this.kept ?? this.text.value;
  }

  /** A file may be dropped anywhere. */
  awaitFiles() {
    const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
    const show = (is) => document.documentElement.classList.toggle("dropping", is);
    addEventListener("dragover", (event) => hasFiles(event) && [event.preventDefault(), show(true)]);
    addEventListener("dragleave", (event) => event.relatedTarget === null && show(false));
    addEventListener("drop", (event) => {
      show(false);
      if (!hasFiles(event)) return;
      event.preventDefault();
      this.take([...event.dataTransfer.files]);
    });
  }

  async take(files) {
    if (files.length === 0) return;
    this.file.value = ""; // the same file may be chosen again after it was mended
    location.hash = "";
    const [file] = files;
    const name = visible(file.name) + (files.length > 1 ? `, the first of ${files.length} files` : "");
    if (file.size > LARGEST_FILE) return this.refuse(`${name} is larger than ${formatSize(LARGEST_FILE)}`);
    try {
      this.put(new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer()), name, file.size);
    } catch (error) {
      this.refuse(error instanceof TypeError ? `${name} is not text in UTF-8` : `${name} cannot be read`);
    }
  }

  refuse(why) {
    this.name(why);
    this.note.classList.add("refused");
  }

  /** Says where the text is from. */
  name(words) {
    this.note.textContent = words || UNNAMED;
    this.note.classList.remove("refused");
  }

  put(text, name, size) {
    const isLong = text.length > LONGEST_EDITED;
    this.kept = isLong ? text : null;
    this.text.value = isLong ? "" : text;
    this.text.hidden = this.numbers.hidden = isLong;
    this.tooLong.hidden = !isLong;
    this.tooLong.textContent = "This file is too long to be edited here. It is checked and run as it is.";
    this.name([name, size !== undefined && formatSize(size)].filter(Boolean).join(", "));
    this.text.scrollTop = this.text.scrollLeft = 0;
    this.number();
    this.changed(true);
  }

  clear() {
    this.put("", "");
    this.text.focus();
  }

  edited(allAtOnce) {
    this.name("");
    this.number();
    this.changed(allAtOnce);
  }

  /** Numbers the lines. */
  number() {
    const count = this.text.value.split("\n").length;
    if (count === this.lineCount) return;
    this.lineCount = count;
    this.numbers.textContent = Array.from({ length: count }, (_, line) => line + 1).join("\n");
  }

  /** Shows a place of the text to the reader, selected. */
  goto(line, column, length) {
    if (this.kept !== null) return;
    const lines = new Lines(this.text.value);
    const [start, end] = [lines.offset(line, column), lines.offset(line, column + length)];
    this.text.focus({ preventScroll: true });
    this.text.setSelectionRange(start, end);
    const tall = Number.parseFloat(getComputedStyle(this.text).lineHeight);
    this.text.scrollTop = Math.max(0, (line - 1) * tall - this.text.clientHeight / 3);
    this.text.scrollIntoView({ block: "nearest" });
  }
}

const EXAMPLE = `{
  "id": "postcards",
  "title": "Three postcards and a letter",
  "tasks": [
    { "id": "sea", "description": "Write a postcard from the sea, in two sentences" },
    { "id": "hills", "description": "Write a postcard from the hills, in two sentences" },
    { "id": "city", "description": "Write a postcard from a large city, in two sentences" },
    {
      "id": "letter",
      "description": "Make one letter of them: \${{ tasks.sea.output }} \${{ tasks.hills.output }} \${{ tasks.city.output }}",
      "dependencies": ["sea", "hills", "city"]
    }
  ]
}
`;
