import type { Reader } from './stream-holder';

/** One message of a stream. */
export interface StreamMessage {
  readonly event: string;
  /** JSON. */
  readonly data: string;
  /** Where a client goes on that has read this message; none where it would miss what belongs to it. */
  readonly id?: string;
}

/** What one poll has found. */
export interface Portion {
  readonly messages: readonly StreamMessage[];
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
