import { AppError } from '@agent-platform/errors';

/** Of what services answer to one document, and of the JSON in its answer. Both are looked at as they come, so one may go beyond by an answer. */
export const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** Fields of things in lists in one answer. Each takes some 2 µs in which the gateway does nothing else. */
const MAX_FIELDS = 20_000;

/**
 * Bounds what one request takes in memory: what services answer to it, and the JSON in its own answer, where one value may come up
 * many times (under aliases, or as the workflow of each of 200 runs).
 */
export class AnswerSize {
  private received = 0;
  private told = 0;
  private fields = 0;
  private readonly sizes = new WeakMap<object, number>();

  /** @throws AppError `action.answer.too-large` where nothing more may be asked for */
  checkRoom(): void {
    if (this.received > MAX_ANSWER_BYTES) throw tooLarge();
  }

  receive(bytes: number): void {
    this.received += bytes;
  }

  /** @throws AppError `action.answer.too-large` */
  tell(value: unknown): void {
    this.told += this.sizeOf(value);
    if (this.told > MAX_ANSWER_BYTES) throw tooLarge();
  }

  /** Fields of the things of a list, before any of them is looked at. @throws AppError `action.answer.too-large` */
  list(fields: number): void {
    this.fields += fields;
    if (this.fields <= MAX_FIELDS) return;
    throw new AppError(
      'action.answer.too-large',
      `The things of all lists in an answer may have ${MAX_FIELDS} fields together. Ask for fewer, in several requests.`,
    );
  }

  /** Near enough to the length of the JSON. */
  private sizeOf(value: unknown): number {
    if (typeof value === 'string') return value.length + 2;
    if (typeof value !== 'object' || value === null) return 5;
    let size = this.sizes.get(value);
    if (size === undefined) {
      size = 2;
      for (const [key, part] of Object.entries(value)) size += key.length + 4 + this.sizeOf(part);
      this.sizes.set(value, size);
    }
    return size;
  }
}

function tooLarge(): AppError {
  return new AppError(
    'action.answer.too-large',
    `The answer may have ${MAX_ANSWER_BYTES} bytes at the most. Ask for a part of it.`,
  );
}
