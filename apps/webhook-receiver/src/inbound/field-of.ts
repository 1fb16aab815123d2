import type { Json, JsonObject } from '@agent-platform/contracts';

/** A field of parsed content as text, by a dotted path; undefined where there is none, or it is no text and no number. */
export function textAt(content: JsonObject, path: string): string | undefined {
  const value = valueAt(content, path);
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A field of parsed content by a dotted path; a number stands for a place in a list. */
export function valueAt(content: JsonObject, path: string): Json | undefined {
  let value: Json | undefined = content;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as JsonObject)[name];
  }
  return value;
}
