/** Any JSON value. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** What expressions may name: one JSON value per variable. */
export type Scope = Readonly<Record<string, Json | undefined>>;

/**
 * Tells a JSON object from everything else. It asks for the prototype and not for `.constructor`, because an object that
 * came from a caller may have a key of that name.
 */
export function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Sets a key as plain data. An assignment to `__proto__` would set the prototype instead. */
export function put(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== '__proto__') target[key] = value;
  else Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}
