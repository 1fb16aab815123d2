import type { CelNode } from './cel-internals';
import { Failure } from './errors';
import { isRecord } from './json';
import type { Meter } from './meter';

type Handle = NonNullable<CelNode['handle']>;

/** Character comparisons of a search that cost as much as one unit. */
const COMPARISONS_PER_UNIT = 512;

/** A date in a named zone goes through `Intl`, at tens of microseconds. */
const ZONED_DATE_UNITS = 200;

/** No duration or timestamp is longer; the parser of cel-js takes cubic time on long digits. */
const MAX_TIME_LENGTH = 64;

const SEARCHES = new Set(['contains', 'indexOf', 'lastIndexOf', 'split']);

/** Pays for a function call by the size of its arguments, and refuses those that could take far longer than that. */
export function guardCall(node: CelNode, inner: Handle, meterOf: () => Meter): Handle {
  const [name] = node.args as [string];
  const at = node.pos;
  return (args, ...rest) => {
    const values = args as unknown[];
    const meter = meterOf();
    for (const value of values) {
      if (typeof value === 'string' || value instanceof Uint8Array) meter.spendCharacters(value.length, at);
    }
    const [first, second] = values;
    if (typeof first === 'string' && typeof second === 'string' && SEARCHES.has(name)) {
      meter.spend((first.length * second.length) / COMPARISONS_PER_UNIT, at);
    }
    if (first instanceof Date && typeof second === 'string') meter.spend(ZONED_DATE_UNITS, at);
    if ((name === 'duration' || name === 'timestamp') && typeof first === 'string' && first.length > MAX_TIME_LENGTH) {
      throw new Failure(`${name}() takes at most ${MAX_TIME_LENGTH} characters.`, at);
    }
    if (name === 'join' && Array.isArray(first)) meter.allowString(joinedLength(first, second), at);
    const result = inner(args, ...rest);
    if (Array.isArray(result)) meter.spend(result.length, at);
    if (name === 'size' && isRecord(first)) meter.spend(Number(result) / 8, at);
    return result;
  };
}

function joinedLength(items: readonly unknown[], separator: unknown): number {
  const between = typeof separator === 'string' ? separator.length : 0;
  let length = 0;
  for (const item of items) length += between + (typeof item === 'string' ? item.length : 0);
  return length;
}
