import type { Exchange } from '../../pipeline/exchange';
import type { StreamMessage } from './feed';
import type { StreamSink } from './stream-sink';

export interface SseTimes {
  /** A comment is written this often, so that proxies and clients see that the stream lives. */
  readonly heartbeatMs: number;
  /** A reader that takes nothing for so long is closed. */
  readonly stallMs: number;
}

/** How soon a client comes back after its stream has ended. */
const RETRY_MS = 2000;

/**
 * Server-sent events (HTML Living Standard section 9.2) on one response. What it holds is what the socket has not taken of one
 * message: `write` resolves once there is room for the next.
 */
export class SseWriter implements StreamSink {
  private heartbeat: NodeJS.Timeout | undefined;
  private position = '';

  constructor(
    private readonly exchange: Pick<Exchange, 'response' | 'open'>,
    private readonly times: SseTimes,
  ) {
    this.response.once('close', () => clearInterval(this.heartbeat));
  }

  get isGone(): boolean {
    return this.response.destroyed;
  }

  onGone(listener: () => void): void {
    this.response.once('close', listener);
  }

  /** The headers, then how soon to come back, and from where should the first message never come. */
  begin(position: string): void {
    this.position = position;
    this.exchange.open({ 'Content-Type': 'text/event-stream; charset=utf-8', 'X-Accel-Buffering': 'no' });
    this.response.write(`retry: ${RETRY_MS}\n${this.idLine(position)}\n`);
    this.heartbeat = setInterval(() => this.beat(), this.times.heartbeatMs);
  }

  /** What was looked through without a message: told with the next heartbeat, and so not looked through again. */
  moveTo(position: string): void {
    this.position = position;
  }

  /** Resolves when the next message may be written, or never will. */
  async write(message: StreamMessage): Promise<void> {
    if (this.isOver) return;
    if (!this.response.write(format(message))) await this.drained();
  }

  /** @param graceMs how long what is not taken yet may still be taken */
  end(comment: string, graceMs: number): void {
    clearInterval(this.heartbeat);
    if (this.isOver) return;
    this.response.end(`: ${oneLine(comment)}\n\n`);
    const timer = setTimeout(() => this.response.destroy(), graceMs);
    this.response.once('close', () => clearTimeout(timer));
  }

  private get response() {
    return this.exchange.response;
  }

  /** Nothing comes of writing any more. (`writable` of a response does not say so.) */
  private get isOver(): boolean {
    return this.response.destroyed || this.response.writableEnded;
  }

  private beat(): void {
    if (this.isOver || this.response.writableNeedDrain) return;
    this.response.write(`: still here\n${this.idLine(this.position)}\n`);
  }

  /** An id without data is remembered by clients, and hands them nothing. */
  private idLine(position: string): string {
    return position === '' ? '' : `id: ${oneLine(position)}\n`;
  }

  private drained(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.response.destroy(), this.times.stallMs);
      const done = () => {
        clearTimeout(timer);
        this.response.off('drain', done).off('close', done);
        resolve();
      };
      this.response.once('drain', done).once('close', done);
    });
  }
}

function format({ event, id, data }: StreamMessage): string {
  const lines = data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  return `${id === undefined ? '' : `id: ${oneLine(id)}\n`}event: ${oneLine(event)}\n${lines.join('')}\n`;
}

/** A line break would begin another field, and an id with NUL is ignored. */
function oneLine(text: string): string {
  return text.replace(/[\r\n\0]+/g, ' ');
}
