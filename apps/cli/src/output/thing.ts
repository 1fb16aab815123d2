import type { Session } from '../session';
import { json, printable, widthOf } from './printable';
import { valueText } from './value-text';

/** One thing for people: a line for each field, and objects below their names. */
export async function printThing(session: Session, thing: unknown): Promise<void> {
  for (const line of thingLines(thing)) await session.print(line);
}

/** The lines of `printThing`. */
export function thingLines(thing: unknown): string[] {
  if (typeof thing !== 'object' || thing === null || Array.isArray(thing)) return json(thing, 2).split('\n');
  const fields = Object.entries(thing).filter(([, value]) => value !== undefined);
  const width = Math.max(0, ...fields.map(([name]) => widthOf(printable(name)))) + 1;
  return fields.flatMap(([name, value]) => {
    const label = `${printable(name)}:`.padEnd(width + 1);
    if (!isNested(value)) return [label + valueText(value)];
    const lines = json(value, 2).split('\n');
    return [label.trimEnd(), ...lines.map((line) => `  ${line}`)];
  });
}

function isNested(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) return false;
  return !Array.isArray(value) || value.some((item) => typeof item !== 'string');
}
