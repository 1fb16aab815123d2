// Control characters would let a name or an event move the cursor, colour the screen or hide text; marks of direction reorder it.
// eslint-disable-next-line no-control-regex
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/gu;
const COMBINING = /\p{Mark}/gu;

/** Text that the platform gave, fit for a terminal: what is no character to see is written as its escape. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** JSON on a line of its own or indented, with nothing in it that a terminal would obey; the same value all the same. */
export function json(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, null, indent) ?? 'null';
  // Line breaks here are the indentation: those of texts are escaped already.
  return text.split('\n').map(printable).join('\n');
}

/** Columns that a text takes on the screen. */
export function widthOf(text: string): number {
  const characters = [...text.replace(COMBINING, '')].length;
  return characters + (text.match(WIDE)?.length ?? 0);
}

/** A text that takes no more than so many columns. */
export function shorten(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let short = '';
  for (const character of text) {
    if (widthOf(short + character) > width - 1) break;
    short += character;
  }
  return `${short}…`;
}
