/** One message of a stream of server-sent events. */
export interface SseMessage {
  readonly event: string;
  readonly data: string;
}

/** Reads server-sent events (HTML Living Standard section 9.2.6) from chunks of text, wherever they are cut. */
export class SseParser {
  /** The id that came last: where to go on. Empty where there was none. */
  lastEventId = '';
  /** How soon to come back, in ms, where the server has said so. */
  retryMs: number | undefined;
  /** Counts once the message that it stands in is whole. */
  private pendingId: string | undefined;
  private rest = '';
  private event = '';
  private data: string[] = [];
  private isFirst = true;

  /** @param onMessage called for each message that has data */
  constructor(private readonly onMessage: (message: SseMessage) => void) {}

  push(chunk: string): void {
    let text = this.rest + chunk;
    if (this.isFirst && text !== '') {
      this.isFirst = false;
      if (text.startsWith('\uFEFF')) text = text.slice(1);
    }
    // A carriage return at the end may be half of a line break.
    const end = text.endsWith('\r') ? text.length - 1 : text.length;
    const lines = text.slice(0, end).split(/\r\n|\r|\n/);
    this.rest = (lines.pop() ?? '') + text.slice(end);
    for (const line of lines) this.line(line);
  }

  private line(line: string): void {
    if (line === '') return this.dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.event = value;
    else if (field === 'data') this.data.push(value);
    else if (field === 'id' && !value.includes('\0')) this.pendingId = value;
    else if (field === 'retry' && /^\d+$/.test(value)) this.retryMs = Number(value);
  }

  private dispatch(): void {
    const { event, data } = this;
    this.event = '';
    this.data = [];
    this.lastEventId = this.pendingId ?? this.lastEventId;
    if (data.length > 0) this.onMessage({ event: event === '' ? 'message' : event, data: data.join('\n') });
  }
}
