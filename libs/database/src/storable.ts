/** NUL, and half of a surrogate pair: what Postgres stores in no text. `JSON.stringify` writes both as escapes. */
const UNSTORABLE = /(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/g;

/** JSON text with U+FFFD in place of characters that cannot be stored, as a decoder does with bytes that are no UTF-8. */
export function storable(json: string): string {
  return json.includes('\\u0000') || json.includes('\\ud') ? json.replace(UNSTORABLE, '$1\ufffd') : json;
}
