import type { Json } from '@agent-platform/contracts';

/**
 * Where JSON holds a number that is too large for one, such as `1e999`, which was read as Infinity and would be written as null.
 * Below `path`, or undefined.
 */
export function findInfinite(value: Json, path: string): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : path;
  if (typeof value !== 'object' || value === null) return undefined;
  const isList = Array.isArray(value);
  for (const [key, item] of Object.entries(value)) {
    const found = findInfinite(item, isList ? `${path}[${key}]` : `${path}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Digits that Postgres writes of numbers that JSON has in a short form: `1e300` is one of 301. */
export function extraDigits(value: Json): number {
  if (typeof value === 'number') {
    const exponent = /e[+-](\d+)$/.exec(String(value))?.[1];
    return exponent === undefined ? 0 : Number(exponent);
  }
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce<number>((sum, item) => sum + extraDigits(item), 0);
}
