// Data in the page: JSON as gzip in base64, inflated when it is wanted.

const bytesOf = (base64) => {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const raw = atob(base64);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
};

/** The JSON value in a data block of the page. */
const unpacked = async (id) => {
  const bytes = bytesOf(document.getElementById(id).textContent);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
};

const MOST_CHUNKS = 8;

/** The details of tasks, chunk by chunk; the last few chunks are kept. */
class Details {
  constructor(chunk) {
    this.chunk = chunk;
    this.kept = new Map();
  }

  async of(task) {
    const number = Math.floor(task / this.chunk);
    let details = this.kept.get(number);
    if (!details) {
      details = unpacked("details-" + number);
      this.kept.set(number, details);
      if (this.kept.size > MOST_CHUNKS) this.kept.delete(this.kept.keys().next().value);
    }
    return (await details)[task % this.chunk];
  }
}
