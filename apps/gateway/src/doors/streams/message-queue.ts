import type { AppError } from '@agent-platform/errors';
import type { Refusal } from '../../pipeline/authenticate';
import type { StreamMessage } from './feed';
import type { StreamSink } from './stream-sink';

/**
 * A stream as an async iterator. It holds one message: the stream goes on when that one is asked for, so that a slow consumer slows the stream
 * and nothing gathers.
 */
export class MessageQueue implements StreamSink, AsyncIterableIterator<StreamMessage> {
  private held: { readonly message: StreamMessage; readonly taken: () => void } | undefined;
  private asking: { resolve(result: IteratorResult<StreamMessage>): void; reject(error: unknown): void } | undefined;
  private isOver = false;
  private failure: Refusal | AppError | undefined;
  private readonly listeners: (() => void)[] = [];
  isGone = false;

  onGone(listener: () => void): void {
    this.listeners.push(listener);
  }

  begin(): void {
    // A position without a message is told with the next message.
  }

  moveTo(): void {
    // As above.
  }

  write(message: StreamMessage): Promise<void> {
    if (this.isOver) return Promise.resolve();
    const { asking } = this;
    if (asking) {
      this.asking = undefined;
      asking.resolve({ done: false, value: message });
      return Promise.resolve();
    }
    return new Promise((taken) => (this.held = { message, taken }));
  }

  /** What is held may still be taken; not by whom it is not for any more. */
  end(_comment: string, _graceMs: number, failure?: Refusal | AppError): void {
    if (this.isOver) return;
    this.isOver = true;
    this.failure = failure;
    if (failure) this.drop();
    const { asking } = this;
    this.asking = undefined;
    if (!asking) return;
    if (failure) asking.reject(failure);
    else asking.resolve({ done: true, value: undefined });
  }

  async next(): Promise<IteratorResult<StreamMessage>> {
    if (this.held) {
      const { message, taken } = this.held;
      this.held = undefined;
      taken();
      return { done: false, value: message };
    }
    if (this.failure) {
      const { failure } = this;
      this.failure = undefined;
      throw failure;
    }
    if (this.isOver) return { done: true, value: undefined };
    return new Promise((resolve, reject) => (this.asking = { resolve, reject }));
  }

  /** The consumer has gone. */
  async return(): Promise<IteratorResult<StreamMessage>> {
    if (!this.isGone) {
      this.isGone = true;
      this.drop();
      for (const listener of this.listeners) listener();
      this.end('', 0);
    }
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private drop(): void {
    this.held?.taken();
    this.held = undefined;
  }
}
