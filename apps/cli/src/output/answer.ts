import type { ActionDescription, JsonSchema } from '@agent-platform/api-description';
import type { Answer } from '@agent-platform/client';
import type { Session } from '../session';
import { columnsOf } from './columns';
import { bold } from './paint';
import { json } from './printable';
import { tableLines } from './table';
import { printThing } from './thing';

/** Prints a single thing; of an action that answers nothing, that it is done. */
export async function printAnswer(
  session: Session,
  { name, answersSecret }: Pick<ActionDescription, 'name' | 'answersSecret'>,
  { body }: Answer,
): Promise<void> {
  const { data } = (body ?? {}) as { data?: Record<string, unknown> };
  if (data === undefined) return session.json ? undefined : session.note(`${name}: done.`);
  if (Array.isArray(data)) return printRows(session, {}, data);
  if (session.json) await session.print(json(data, 2));
  else await printThing(session, data);
  if (answersSecret && (data.key ?? data.secret))
    await session.note(
      `Keep the ${data.key ? 'key' : 'secret'} now: it is not shown again, and nobody can look it up.`,
    );
}

/** Prints a list: a table for people, an array for programs. */
export async function printRows(session: Session, schema: JsonSchema, rows: readonly unknown[]): Promise<void> {
  if (session.json) return session.print(json(rows, 2));
  if (rows.length === 0) return session.note('There are none.');
  const { columns: width = 80 } = session.io.stdout;
  const [head = '', ...lines] = tableLines(
    columnsOf(schema, rows),
    rows.map((row) => (typeof row === 'object' && row !== null ? row : { value: row }) as Record<string, unknown>),
    // A pipe gets everything: what cuts is the screen.
    session.isTerminal ? { width, nowMs: Date.now() } : {},
  );
  await session.print([bold(session, head), ...lines].join('\n'));
}
