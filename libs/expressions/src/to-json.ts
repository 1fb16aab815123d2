import { Failure } from './errors';
import { isRecord, put, type Json } from './json';
import type { Meter } from './meter';

/** Deeper values than this are refused, so that no walk over one can exhaust the stack. */
const MAX_NESTING = 200;

/** Values that one unit of cost copies. */
const VALUES_PER_UNIT = 2;

/**
 * Copies what an expression evaluated to into plain JSON: whole numbers become numbers, timestamps RFC 3339 text,
 * durations seconds such as `1.5s` (as in the JSON form of protobuf). What JSON cannot say is a failure.
 */
export function toJson(value: unknown, meter: Meter, nesting = 0): Json {
  meter.spend(1 / VALUES_PER_UNIT);
  if (nesting > MAX_NESTING) throw new Failure(`The result is nested deeper than ${MAX_NESTING} levels.`);
  switch (typeof value) {
    case 'string':
      meter.spendCharacters(value.length);
      return value;
    case 'boolean':
      return value;
    case 'number':
      return finite(value);
    case 'bigint':
      return fromInteger(value);
  }
  if (value === null) return null;
  if (Array.isArray(value)) return value.map((item) => toJson(item, meter, nesting + 1));
  if (isRecord(value)) {
    const copy: Record<string, Json> = {};
    for (const key of Object.keys(value)) {
      meter.spendCharacters(key.length);
      put(copy, key, toJson(value[key], meter, nesting + 1));
    }
    return copy;
  }
  return fromOpaque(value);
}

/** What a value is called in messages. */
export function nameOfType(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (isRecord(value)) return 'an object';
  if (typeof value === 'bigint' || typeof value === 'number') return 'a number';
  if (typeof value === 'boolean') return 'a boolean';
  if (typeof value === 'string') return 'a string';
  if (value instanceof Date) return 'a timestamp';
  if (value instanceof Uint8Array) return 'bytes';
  return isDuration(value) ? 'a duration' : 'a type';
}

function finite(value: number): number {
  if (Number.isFinite(value)) return value;
  throw new Failure(`The result is ${value}, which JSON has no number for.`);
}

function fromInteger(value: bigint): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new Failure(`The whole number ${value} is too large to be exact in JSON; use string() to keep its digits.`);
}

function fromOpaque(value: unknown): Json {
  if (value instanceof Date) {
    if (!Number.isNaN(value.getTime())) return value.toISOString();
    throw new Failure('The timestamp is out of range.');
  }
  if (value instanceof Uint8Array) throw new Failure('The result is bytes; use .string() or .base64().');
  if (isDuration(value)) return `${value.valueOf() / 1000}s`;
  const plain: unknown = typeof value === 'object' && value !== null ? value.valueOf() : value;
  if (typeof plain === 'bigint') return fromInteger(plain);
  throw new Failure(`The result is ${nameOfType(value)}, which is no JSON value.`);
}

function isDuration(value: unknown): value is { valueOf(): number } {
  return typeof value === 'object' && value !== null && 'seconds' in value && 'nanos' in value;
}
