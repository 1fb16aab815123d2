import { isRecord } from './json';
import type { Meter } from './meter';

/**
 * Equality of JSON: whole and decimal numbers compare by value, lists and objects by content, different types are
 * unequal. Every pair that is looked at is paid for, since a value may be large, or share parts many times over.
 */
export function isEqual(left: unknown, right: unknown, meter: Meter, offset: number): boolean {
  meter.spend(0.25, offset);
  if (left === right) return true;
  if (typeof left === 'string') {
    if (typeof right === 'string') meter.spendCharacters(Math.min(left.length, right.length), offset);
    return false;
  }
  if (isNumeric(left) && isNumeric(right)) return left == right;
  if (Array.isArray(left)) {
    return (
      Array.isArray(right) &&
      left.length === right.length &&
      left.every((item, at) => isEqual(item, right[at], meter, offset))
    );
  }
  if (isRecord(left)) {
    if (!isRecord(right)) return false;
    const keys = Object.keys(left);
    if (keys.length !== Object.keys(right).length) return false;
    return keys.every((key) => Object.hasOwn(right, key) && isEqual(left[key], right[key], meter, offset));
  }
  return isSameOpaque(left, right);
}

function isNumeric(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

/** Timestamps, durations, unsigned integers and bytes: the values of CEL that JSON does not have. */
function isSameOpaque(left: unknown, right: unknown): boolean {
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (left instanceof Uint8Array) return right instanceof Uint8Array && Buffer.compare(left, right) === 0;
  return left.constructor === right.constructor && left.valueOf() === right.valueOf();
}
