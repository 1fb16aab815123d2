import type { Json } from './json';

/** Text of a result, all strings together, may have this many characters. */
const MAX_RESULT_CHARACTERS = 4 * 1024 * 1024;

/** A result of CEL as plain JSON: whole numbers are numbers again, times are RFC 3339 text. @throws Error */
export function toJson(value: unknown): Json {
  let characters = 0;
  const count = (text: string): string => {
    characters += text.length;
    if (characters > MAX_RESULT_CHARACTERS) throw new Error('the result is too large');
    return text;
  };
  const convert = (node: unknown): Json => {
    if (node === null || typeof node === 'boolean') return node;
    if (typeof node === 'string') return count(node);
    if (typeof node === 'number') return finite(node);
    if (typeof node === 'bigint') return safe(node);
    if (Array.isArray(node)) return node.map(convert);
    if (node instanceof Date) return node.toISOString();
    if (typeof node === 'object' && node !== undefined && isPlain(node)) {
      const entries = node instanceof Map ? [...node.entries()] : Object.entries(node);
      // fromEntries defines own properties, so a key named __proto__ is data like any other.
      return Object.fromEntries(entries.map(([key, item]) => [count(String(key)), convert(item)]));
    }
    const { value: unsigned } = (node ?? {}) as { value?: unknown };
    if (typeof unsigned === 'bigint') return safe(unsigned);
    throw new Error('the result is of a type that JSON does not have');
  };
  return convert(value);
}

function isPlain(node: object): boolean {
  if (node instanceof Map) return true;
  const prototype: unknown = Object.getPrototypeOf(node);
  return prototype === Object.prototype || prototype === null;
}

function finite(value: number): number {
  if (!Number.isFinite(value)) throw new Error('the result is not a finite number (a division by zero?)');
  return value;
}

function safe(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number))
    throw new Error('the result is a whole number beyond 2^53, which JSON cannot hold');
  return number;
}
