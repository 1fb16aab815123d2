import { AppError } from '@agent-platform/errors';
import { withoutContext, type Logger } from '@agent-platform/observability';
import { Refusal } from '../../pipeline/authenticate';
import type { Feed, Portion } from './feed';
import type { OpenStream } from './open-streams';
import type { SseTimes } from './sse-writer';
import type { StreamHolder } from './stream-holder';
import type { StreamKind } from './stream-routes';
import type { StreamSink } from './stream-sink';

/** A service that is killed while it waits answers nothing: what comes meanwhile is found after this and the margin. */
const WAIT_MS = 5000;
/** What an answer may take besides its wait. */
const MARGIN_MS = 2500;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 2000;
/** Whoever may not read any more, or holds up the end of this process, has no time to read what is on its way. */
const SHORT_GRACE_MS = 500;

export interface StreamTimes extends SseTimes {
  /** A stream whose polls fail for so long ends. */
  readonly giveUpMs: number;
  /** What the first poll may take. */
  readonly openMs: number;
}

interface StreamParts {
  readonly kind: StreamKind;
  readonly requestId: string;
  readonly sink: StreamSink;
  readonly feed: Feed;
  readonly times: StreamTimes;
  readonly logger: Logger;
  readonly holder: StreamHolder;
  /** Where the client has come to before; null where it begins. */
  readonly after: string | null;
  /** Called once. */
  readonly onEnd: (error?: Refusal | AppError) => void;
}

/**
 * One client that follows a feed. There is one poll at a time, and the next one is made when the client has taken what the
 * last one found; nothing is written while it is open whether the agent may still see it.
 */
export class LiveStream implements OpenStream {
  readonly kind: StreamKind;
  private readonly gone = new AbortController();
  private position: string | null;
  private begun = false;
  private failure: Refusal | AppError | undefined;

  constructor(private readonly parts: StreamParts) {
    this.kind = parts.kind;
    this.position = parts.after;
  }

  /** Answers the client once the first poll has succeeded; the rest goes on by itself. @throws what the answer is, else */
  async open(): Promise<void> {
    const { sink, times } = this.parts;
    try {
      sink.onGone(() => this.end('the client has gone'));
      if (sink.isGone) throw new AppError('service.unavailable', 'The client has gone.');
      const first = await this.poll(0, times.openMs);
      this.begun = true;
      sink.begin(first.messages.length === 0 ? first.position : (this.position ?? ''));
      // It goes on long after the request that opened it.
      withoutContext(() => void this.follow(first));
    } catch (error) {
      this.end('it could not be opened');
      throw this.failure ?? error;
    }
  }

  changed(): void {
    this.parts.holder.changed();
  }

  stop(): void {
    this.lose(new AppError('service.unavailable', 'This gateway is stopping. Come again at once.'));
  }

  /** Ends at once, with what a request would be answered now. */
  lose(error: Refusal | AppError): void {
    const { detail } = error instanceof Refusal ? error.outward : error;
    this.end(detail, error, SHORT_GRACE_MS);
  }

  private get ended(): boolean {
    return this.gone.signal.aborted;
  }

  private end(comment: string, failure?: Refusal | AppError, graceMs = this.parts.times.stallMs): void {
    if (this.ended) return;
    this.failure = failure;
    this.gone.abort();
    this.parts.holder.release();
    if (this.begun) this.parts.sink.end(comment, graceMs, failure);
    this.parts.onEnd(this.begun ? failure : undefined);
  }

  private async follow(first: Portion): Promise<void> {
    try {
      let portion: Portion | undefined = first;
      while (portion && !this.ended) {
        await this.write(portion);
        if (portion.ended) return this.end('the run has ended');
        portion = await this.nextPortion();
      }
    } catch (error) {
      this.parts.logger.error({ msg: 'a stream failed', requestId: this.parts.requestId, err: error });
      this.end('something went wrong on our side');
    }
  }

  private async write({ messages, position }: Portion): Promise<void> {
    const { sink } = this.parts;
    for (const message of messages) {
      await this.parts.holder.settled();
      if (this.ended) return;
      if (message.id !== undefined) sink.moveTo(message.id);
      await sink.write(message);
    }
    this.position = position;
    sink.moveTo(position);
  }

  /** Asks until there is an answer; undefined once the stream has ended. */
  private async nextPortion(): Promise<Portion | undefined> {
    const startedAt = performance.now();
    for (let delayMs = FIRST_RETRY_MS; !this.ended; delayMs = Math.min(delayMs * 2, LAST_RETRY_MS)) {
      try {
        return await this.poll(WAIT_MS, WAIT_MS + MARGIN_MS);
      } catch (error) {
        if (this.ended) return undefined;
        if (error instanceof Refusal || (error instanceof AppError && error.status < 500)) this.lose(error);
        else if (performance.now() - startedAt > this.parts.times.giveUpMs) this.end('a service cannot be reached');
        else await new Promise((resolve) => setTimeout(resolve, delayMs));
      }
    }
    return undefined;
  }

  private async poll(waitMs: number, timeoutMs: number): Promise<Portion> {
    const { holder, feed } = this.parts;
    for (;;) {
      await holder.check();
      const { reader } = holder;
      const { signal } = this.gone;
      const portion = await feed.next({ reader, after: this.position, waitMs, timeoutMs, signal });
      await holder.settled();
      if (this.ended) throw this.failure ?? new AppError('service.unavailable', 'The stream has ended.');
      // What was found when the agent saw all is not for one that does not any more.
      if (!reader.seesAll || holder.reader.seesAll) return portion;
    }
  }
}
