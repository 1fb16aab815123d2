/** Deeper JSON than this is refused before it is parsed: nothing we own needs it, and some code walks it recursively. */
export const MAX_JSON_DEPTH = 128;

/** Counts brackets outside strings: a linear look at the bytes, no recursion, whether they are JSON or not. */
export function isTooDeep(json: Uint8Array): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at];
    if (inString) {
      if (byte === 0x5c) at++;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > MAX_JSON_DEPTH) return true;
    } else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return false;
}
