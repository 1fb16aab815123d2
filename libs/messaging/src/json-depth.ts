/** Deeper JSON than this is refused before it is parsed: nothing we own needs it, and some code walks it recursively. */
export const MAX_JSON_DEPTH = 128;

/** Counts brackets outside strings: a linear look at the bytes, no recursion, whether they are JSON or not. */
export function isTooDeep(json: Uint8Array): boolean {
  return fieldTooDeep(json) !== undefined;
}

/** The field of an object in which JSON goes deeper than it may; undefined where none does. */
export function fieldTooDeep(json: Uint8Array): string | undefined {
  let depth = 0;
  let stringStart = -1;
  let field = '(body)';
  for (let at = 0; at < json.length; at++) {
    const byte = json[at];
    if (stringStart >= 0) {
      if (byte === 0x5c) at++;
      else if (byte === 0x22) {
        // The last text before the brackets of a value is the name of its field.
        if (depth === 1) field = Buffer.from(json.subarray(stringStart, Math.min(at, stringStart + 100))).toString();
        stringStart = -1;
      }
    } else if (byte === 0x22) stringStart = at + 1;
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > MAX_JSON_DEPTH) return field;
    } else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return undefined;
}
