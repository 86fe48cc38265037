// The service behind the page: requests with the token of this visit, refusals in words, events as they come.

const LONGEST_WORDS = 2000;
const LONGEST_EVENT = 4_000_000;

/** The service cannot be reached, or the connection broke. */
class Unreachable extends Error {}

/** The service said no, and why. */
class Refusal extends Error {
  constructor(status, problem, retryAfter) {
    const words = [problem?.error, problem?.detail, problem?.title].find((part) => typeof part === "string" && part);
    super((words ?? `The service answered ${status}.`).slice(0, LONGEST_WORDS));
    Object.assign(this, { status, retryAfter });
    this.found = Array.isArray(problem?.diagnostics) && problem.diagnostics.length ? problem : null;
  }
}

const sleep = (ms, signal) =>
  new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", () => [clearTimeout(timer), done()], { once: true });
  });

class Service {
  /** `askForToken` gets whether one was refused just now, and promises another, or null. */
  constructor(askForToken) {
    Object.assign(this, { askForToken, asking: null, wasDeclined: false, ahead: 0 });
    this.token = sessionStorage.getItem("altlas-token");
  }

  /** The time of the service, whose clock may differ from that of the browser. */
  now() {
    return Date.now() + this.ahead;
  }

  /** An answer with a good status; whoever asks for a token is given one. */
  async send(path, { method = "GET", body, headers, signal } = {}) {
    for (;;) {
      const used = this.token;
      const all = { ...headers, ...(used && { Authorization: "Bearer " + used }), ...(body && { "Content-Type": "application/json" }) };
      const response = await this.reach(path, { method, headers: all, body: body && JSON.stringify(body), signal });
      if (response.ok) return response;
      if (response.status === 401 && (this.token !== used || (await this.newToken(used !== null)))) continue;
      const problem = await response.json().catch(() => null);
      throw new Refusal(response.status, problem, Number.parseInt(response.headers.get("Retry-After"), 10) || null);
    }
  }

  async reach(path, options) {
    try {
      const response = await fetch(path, { ...options, cache: "no-store", redirect: "error" });
      const told = Date.parse(response.headers.get("Date"));
      if (Math.abs(told - this.now()) > 2000) this.ahead = told - Date.now();
      return response;
    } catch (error) {
      throw options.signal?.aborted ? error : new Unreachable();
    }
  }

  async json(path, options) {
    const response = await this.send(path, options);
    try {
      return await response.json();
    } catch (error) {
      throw options?.signal?.aborted ? error : new Unreachable();
    }
  }

  /** Asks the reader once for all requests that wait for it; not again when none was given, until `wasDeclined` is false. */
  async newToken(wasRefused) {
    if (this.wasDeclined) return false;
    this.asking ??= this.askForToken(wasRefused).finally(() => (this.asking = null));
    const given = await this.asking;
    this.wasDeclined = given === null;
    if (this.wasDeclined) return false;
    this.token = given;
    sessionStorage.setItem("altlas-token", given);
    return true;
  }

  /** The events of a stream, which goes on where it broke until `signal` ends it or the service does; one of the past ends by itself. */
  async *events(path, signal, isPast) {
    let last = null;
    for (let pause = 500; !signal.aborted; pause = Math.min(2 * pause, 8000)) {
      const headers = { Accept: "text/event-stream", ...(last !== null && { "Last-Event-ID": last }) };
      try {
        const response = await this.send(path, { headers, signal });
        if (response.status === 204) return; // everything was told
        for await (const { id, text } of eventsIn(response.body)) {
          if (!isPast && Number(id) > Number(last) + 1) yield { event: "missed" };
          [last, pause] = [id, 500];
          yield JSON.parse(text);
        }
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof Unreachable || error instanceof TypeError)) throw error; // broken off in the middle: a TypeError
      }
      if (isPast) return;
      await sleep(pause, signal);
    }
  }
}

/** The events of a body as they come; what is no event, such as a sign of life, is passed over. */
async function* eventsIn(body) {
  let [rest, id, lines] = ["", "0", []];
  for await (const part of body.pipeThrough(new TextDecoderStream())) {
    const whole = (rest + part).split("\n");
    rest = whole.pop();
    if (rest.length > LONGEST_EVENT) throw new Refusal(200, { error: "The service sends an event that is too long." });
    for (const line of whole.map((each) => each.replace(/\r$/, ""))) {
      const [, name, value] = /^(\w*):? ?(.*)$/s.exec(line) ?? [];
      if (name === "data") lines.push(value);
      else if (name === "id") id = value;
      else if (line === "") {
        if (lines.length) yield { id, text: lines.join("\n") };
        lines = [];
      }
    }
  }
}
