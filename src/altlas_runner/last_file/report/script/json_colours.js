// JSON in colours, also when it is cut in the middle. The colours are painted over one text (CSS highlights), so that a
// large value does not become thousands of elements.

const JSON_PART = /("(?:[^"\\\n]|\\.)*"?)(\s*:)?|\b(?:true|false|null)\b|-?\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b/g;

const kindOf = (text, isKey) => {
  if (isKey) return "json-key";
  if (text.startsWith('"')) return "json-text";
  return /^[tfn]/.test(text) ? "json-word" : "json-number";
};

/** Colours the JSON texts of some elements, and of no others. */
const colourJson = (places) => {
  if (!globalThis.Highlight) return;
  const found = { "json-key": [], "json-text": [], "json-word": [], "json-number": [] };
  for (const place of places) {
    const text = place.firstChild;
    if (!text) continue;
    for (const match of text.data.matchAll(JSON_PART)) {
      const range = new StaticRange({ startContainer: text, startOffset: match.index, endContainer: text,
        endOffset: match.index + (match[1] ?? match[0]).length });
      found[kindOf(match[0], Boolean(match[2]))].push(range);
    }
  }
  for (const [name, ranges] of Object.entries(found)) CSS.highlights.set(name, new Highlight(...ranges));
};
