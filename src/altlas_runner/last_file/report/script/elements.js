// Makes elements. Texts become text nodes: nothing in these scripts ever reads a text as markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and content; content is text or elements, and what is null or false is left out. */
const el = (tag, attributes, ...content) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...content.filter((part) => part !== null && part !== undefined && part !== false));
  return made;
};

/** A button that does something when it is pressed. */
const button = (label, press, attributes) => {
  const made = el("button", { type: "button", ...attributes }, label);
  made.addEventListener("click", press);
  return made;
};

/** The symbol of a status. */
const icon = (status) => {
  const made = document.createElementNS(SVG, "svg");
  made.setAttribute("class", "icon");
  made.setAttribute("viewBox", "0 0 16 16");
  made.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", "#i-" + status);
  made.append(use);
  return made;
};

/** A status in words with its symbol and colour. */
const pill = (status) => el("span", { class: "pill " + status }, icon(status), status);

/** A text of a stranger, which may run from right to left without turning its surroundings. */
const strange = (text) => el("bdi", null, visible(text));

/** Puts a text on the clipboard; where the browser forbids that, selects it for the reader. */
const copy = async (text, place) => {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    if (place) getSelection().selectAllChildren(place);
    return false;
  }
};

/** A button that copies a text and says that it did. */
const copyButton = (text, place) =>
  button("Copy", async (event) => told(event.currentTarget, (await copy(text, place)) ? "Copied" : "Selected"), {
    class: "quiet",
  });

/** Shows a word on a button for a moment. */
const told = (place, word) => {
  const before = place.dataset.label ?? place.textContent;
  place.dataset.label = before;
  place.textContent = word;
  setTimeout(() => (place.textContent = before), 1500);
};
