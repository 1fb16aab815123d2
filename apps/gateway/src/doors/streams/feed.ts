import type { SseMessage } from './sse-writer';
import type { Reader } from './stream-holder';

/** What one poll has found. */
export interface Portion {
  readonly messages: readonly SseMessage[];
  /** Where to go on. */
  readonly position: string;
  /** Nothing will come any more. */
  readonly ended: boolean;
}

export interface Poll {
  readonly reader: Reader;
  /** The position of the portion before; null at first. */
  readonly after: string | null;
  /** How long to wait where there is nothing. */
  readonly waitMs: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Where the messages of a stream come from. Asked twice with the same `after`, it gives the same and what came since. */
export interface Feed {
  /** @throws AppError below 500 where it makes no sense to ask again */
  next(poll: Poll): Promise<Portion>;
}
