import type { Writable } from 'node:stream';

/** What changes faster is drawn once. */
const REDRAW_MS = 80;
/** Times that pass are seen to pass. */
const TICK_MS = 1000;
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const CLEAR_DOWN = '\u001b[J';

/** Lines at the end of a terminal that are drawn over again. */
export class LiveLines {
  private drawn = 0;
  private pending: NodeJS.Timeout | undefined;
  private readonly ticker: NodeJS.Timeout;

  constructor(
    private readonly screen: Writable,
    private readonly lines: () => readonly string[],
  ) {
    screen.write(HIDE_CURSOR);
    this.ticker = setInterval(() => this.draw(), TICK_MS);
  }

  change(): void {
    this.pending ??= setTimeout(() => this.draw(), REDRAW_MS);
  }

  /** Draws once more and leaves what is drawn. */
  end(): void {
    clearInterval(this.ticker);
    this.draw();
    this.screen.write(SHOW_CURSOR);
  }

  private draw(): void {
    clearTimeout(this.pending);
    this.pending = undefined;
    const lines = this.lines();
    const up = this.drawn > 0 ? `\u001b[${this.drawn}A` : '';
    this.screen.write(`${up}\r${CLEAR_DOWN}${lines.map((line) => `${line}\n`).join('')}`);
    this.drawn = lines.length;
  }
}
