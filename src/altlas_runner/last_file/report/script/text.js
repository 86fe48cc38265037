// Values in words, as the Python side says them, and texts made safe to look at.

// The same characters as in visible_text.py: controls, directions, what shows as nothing, what is no character.
const ACTING =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u00ad\u115f\u1160\u180e\u200b\u2028\u2029\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\ufffe\uffff\u{1d173}-\u{1d17a}\u{e0000}-\u{e007f}]/gu;

/** The text with characters that act instead of showing as ⟨U+202E⟩. */
const visible = (text) =>
  text
    .replaceAll("\r\n", "\n")
    .replace(ACTING, (found) => `⟨U+${found.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);

const formatCount = (count) => count.toLocaleString("en-US");

/** A duration with two or three digits that matter. */
const formatDuration = (ms) => {
  if (ms < 1000) return `${Math.max(0, Math.floor(ms))} ms`;
  if (ms < 59950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const two = (number) => String(number).padStart(2, "0");
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`;
  return `${formatCount(Math.floor(seconds / 3600))}h ${two(Math.floor((seconds % 3600) / 60))}m`;
};

/** A number of bytes. */
const formatSize = (size) => {
  if (size < 1000) return `${size} bytes`;
  for (const [unit, factor] of [["kB", 1e3], ["MB", 1e6]]) {
    if (size < factor * 999.95) return `${(size / factor).toFixed(1)} ${unit}`;
  }
  return `${(size / 1e9).toFixed(1)} GB`;
};

/** An amount with as many decimals as small amounts need; an unknown price says so. */
const formatCost = (cost) => {
  if (cost === null || cost === undefined) return "unpriced";
  if (cost >= 1 || cost === 0) return cost.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  return cost.toFixed(4);
};
