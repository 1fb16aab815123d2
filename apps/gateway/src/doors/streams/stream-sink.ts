import type { Refusal } from '../../pipeline/authenticate';
import type { AppError } from '@agent-platform/errors';
import type { StreamMessage } from './feed';

/** Where the messages of a stream go. */
export interface StreamSink {
  /** Nobody reads it any more. */
  readonly isGone: boolean;
  /** Calls a listener once nobody does. */
  onGone(listener: () => void): void;
  /** The stream begins; its first message may never come, and then it goes on from here. */
  begin(position: string): void;
  /** What was looked through without a message. */
  moveTo(position: string): void;
  /** Resolves when the next message may be written, or never will. */
  write(message: StreamMessage): Promise<void>;
  /**
   * @param graceMs how long what is not taken yet may still be taken
   * @param failure why it may not go on, where that is so
   */
  end(comment: string, graceMs: number, failure?: Refusal | AppError): void;
}
