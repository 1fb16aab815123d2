import { printable, shorten, widthOf } from './printable';
import { valueText } from './value-text';

const GAP = '  ';
/** Ids fit; longer texts are cut where there is no room for them. */
const WIDEST = 40;
const NARROWEST = 16;

export interface TableOptions {
  /** Columns of the screen; without it nothing is cut, and no column left out. */
  readonly width?: number;
  /** Where people look: times are told from then. */
  readonly nowMs?: number;
}

/** The lines of a table, its head first. Columns that do not fit are left out from the right. */
export function tableLines(
  columns: readonly string[],
  rows: readonly Readonly<Record<string, unknown>>[],
  { width = Number.POSITIVE_INFINITY, nowMs }: TableOptions = {},
): string[] {
  const told = columns.filter((name) => rows.some((row) => row[name] !== null && row[name] !== undefined));
  const cells = rows.map((row) => told.map((name) => valueText(row[name], nowMs)));
  const heads = told.map(headOf);
  const widths = heads.map((head, index) => {
    const widest = Math.max(widthOf(head), ...cells.map((row) => widthOf(row[index] ?? '')));
    return width === Number.POSITIVE_INFINITY ? widest : Math.min(widest, WIDEST);
  });
  const count = fitting(widths, width);
  // The last column takes what is left, and may be cut.
  const left = width - widths.slice(0, count - 1).reduce((sum, each) => sum + each + GAP.length, 0);
  if (count > 0) widths[count - 1] = Math.min(left, Math.max(widths[count - 1] ?? 0, WIDEST * 2));
  return [heads, ...cells].map((row) =>
    row
      .slice(0, count)
      .map((cell, index) => pad(shorten(cell, widths[index] ?? 0), index === count - 1 ? 0 : (widths[index] ?? 0)))
      .join(GAP),
  );
}

/** `rateLimitRpm` as the head of a column: `RATE LIMIT RPM`. */
function headOf(name: string): string {
  return printable(name.replace(/(?<=[a-z])[A-Z]/g, ' $&').toUpperCase());
}

/** How many columns there is room for; the last may be cut, but not to nothing. */
function fitting(widths: readonly number[], width: number): number {
  let used = 0;
  for (const [index, each] of widths.entries()) {
    used += index > 0 ? GAP.length : 0;
    if (used + each > width) return used + NARROWEST <= width || index === 0 ? index + 1 : index;
    used += each;
  }
  return widths.length;
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}
