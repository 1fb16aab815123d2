import { API } from '@agent-platform/api-description';
import type { Command } from 'commander';
import { addCommonOptions } from '../common-options';
import { printAnswer } from '../output/answer';
import type { CommonOptions, Session } from '../session';
import { wholeParams } from './action-params';
import { callAction, type CallWords } from './call-action';

/** `api <action> [params]`: any action by its name, also one that is newer than this tool. */
export function addApi(program: Command, session: Session): void {
  addCommonOptions(
    program
      .command('api')
      .description('Calls any action by its name, also one that is newer than this tool.')
      .argument('<action>', 'such as workflow.list')
      .argument('[params]', 'a JSON object, @file, or - for standard input')
      .option('--all', 'follow the pages of a list to the end')
      .option('--idempotency-key <text>', 'the same key gives the same answer again, for 24 hours; made by itself'),
  ).action(async (name: string, params: string | undefined, options: CommonOptions & CallWords) => {
    const values = params === undefined ? {} : await wholeParams(params, () => session.readStdin());
    const client = await session.client(options);
    const action = API.actions.find((each) => each.name === name);
    if (action) return void (await callAction(client, action, values, options, session));
    const { idempotencyKey } = options;
    const answer = await client.call(name, values, {
      signal: session.signal,
      ...(idempotencyKey !== undefined && { idempotencyKey }),
    });
    await printAnswer(session, { name, answersSecret: false }, answer);
  });
}
