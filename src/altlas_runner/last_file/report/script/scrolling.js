// Scrolling through more rows than a browser has room for: only what is seen is drawn, and the height is compressed
// beyond what browsers allow, so that the last row can be reached.

const MOST_HEIGHT = 2000000;

class Scrolling {
  /** `place` scrolls; `spacer` inside it has the height of all rows; `head` pixels of the view are no rows. */
  constructor(place, spacer, rowHeight, head, redraw) {
    Object.assign(this, { place, spacer, rowHeight, head, redraw, count: 0 });
    let waits = false;
    place.addEventListener("scroll", () => {
      if (waits) return;
      waits = true;
      requestAnimationFrame(() => {
        waits = false;
        this.redraw();
      });
    }, { passive: true });
  }

  resize(count, rowHeight = this.rowHeight) {
    this.count = count;
    this.rowHeight = rowHeight;
    this.spacer.style.height = Math.min(this.total, MOST_HEIGHT) + this.head + "px";
  }

  get total() {
    return this.count * this.rowHeight;
  }

  /** The height in which rows are seen. */
  get view() {
    return Math.max(0, this.place.clientHeight - this.head);
  }

  /** How far the view has come, in pixels of the uncompressed rows. */
  get offset() {
    const way = this.spacer.offsetHeight - this.place.clientHeight;
    return way <= 0 ? 0 : Math.min(1, this.place.scrollTop / way) * Math.max(0, this.total - this.view);
  }

  /** The first and the last row that are seen (the last one exclusive), and where the first stands in the view. */
  seen() {
    const offset = this.offset;
    const first = Math.floor(offset / this.rowHeight);
    const last = Math.min(this.count, Math.ceil((offset + this.view) / this.rowHeight));
    return { first, last, top: first * this.rowHeight - offset };
  }

  /** Scrolls as little as is needed to see a row whole. */
  reveal(row) {
    const [top, offset] = [row * this.rowHeight, this.offset];
    const wanted = top < offset ? top : Math.max(offset, top + this.rowHeight - this.view);
    const way = this.spacer.offsetHeight - this.place.clientHeight;
    const range = this.total - this.view;
    if (wanted !== offset && range > 0) this.place.scrollTop = (wanted / range) * way;
    this.redraw();
  }
}
