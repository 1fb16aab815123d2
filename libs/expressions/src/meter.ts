import { Failure } from './errors';

/**
 * What one evaluation of a template may cost, over all its expressions. A unit is about one node of an expression
 * evaluated once (0.1 to 0.3 µs measured), so the whole is a few tenths of a second in the worst case.
 */
const MAX_COST = 1_000_000;

/** The longest string that an expression may build, in UTF-16 units. */
const MAX_STRING_LENGTH = 1_048_576;

/** Characters that cost as much as one unit to copy or to search. */
const CHARACTERS_PER_UNIT = 16;

/** Counts what an evaluation costs and stops it at a limit. */
export class Meter {
  private spent = 0;

  constructor(private readonly limit = MAX_COST) {}

  /** `a || b` and `exists` swallow errors of their parts, so the end of an evaluation asks again. */
  get exhausted(): boolean {
    return this.spent > this.limit;
  }

  spend(units: number, offset = 0): void {
    this.spent += units;
    if (this.exhausted) throw tooExpensive(offset);
  }

  spendCharacters(count: number, offset = 0): void {
    this.spend(count / CHARACTERS_PER_UNIT, offset);
  }

  /** Pays for a string before it is built. */
  allowString(length: number, offset = 0): void {
    if (length > MAX_STRING_LENGTH) {
      throw new Failure(`A string of ${length} characters is longer than the limit of ${MAX_STRING_LENGTH}.`, offset);
    }
    this.spendCharacters(length, offset);
  }
}

export function tooExpensive(offset = 0): Failure {
  return new Failure(
    'The expression is too expensive: it loops over too many items or builds too large values.',
    offset,
  );
}
