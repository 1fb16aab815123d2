import { API, type ActionDescription } from '@agent-platform/api-description';
import type { AgentPlatform, Answer } from '@agent-platform/client';
import { printAnswer, printRows } from '../output/answer';
import type { Session } from '../session';

/** Options that say how to call rather than what. */
export interface CallWords {
  readonly all?: boolean;
  readonly idempotencyKey?: string;
  /** What happens is shown afterwards, and so the answer is not printed. */
  readonly watch?: boolean;
}

interface ListBody {
  readonly data: readonly unknown[];
  readonly page: Readonly<Record<string, unknown>> & { readonly nextCursor: string | null };
}

/** Calls an action and prints what it answers. */
export async function callAction(
  client: AgentPlatform,
  action: Pick<ActionDescription, 'name' | 'list' | 'reply' | 'answersSecret'>,
  params: object,
  { all, idempotencyKey, watch }: CallWords,
  session: Session,
): Promise<Answer> {
  const options = { signal: session.signal, ...(idempotencyKey !== undefined && { idempotencyKey }) };
  const answer = await client.call(action.name, params, options);
  if (!action.list) {
    if (!watch) await printAnswer(session, action, answer);
    return answer;
  }
  let { data, page } = answer.body as ListBody;
  const rows = [...data];
  while (all && page.nextCursor !== null) {
    ({ data, page } = (await client.call(action.name, { ...params, cursor: page.nextCursor }, options))
      .body as ListBody);
    rows.push(...data);
  }
  await printRows(session, action.reply === null ? {} : (API.schemas[action.reply] ?? {}), rows);
  const { nextCursor, ...others } = page;
  for (const [name, value] of Object.entries(others)) await session.note(`${name}: ${JSON.stringify(value)}`);
  if (nextCursor !== null) await session.note(`There is more: --all shows it, or --cursor ${nextCursor}`);
  return answer;
}
