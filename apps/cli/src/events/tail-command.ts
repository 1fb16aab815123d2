import { API, paramsOf } from '@agent-platform/api-description';
import type { StreamEventsRequest } from '@agent-platform/client';
import type { Command } from 'commander';
import { nounOf } from '../actions/action-commands';
import { addParams, paramsOfCommand, type Options } from '../actions/action-params';
import { addCommonOptions } from '../common-options';
import { EXIT } from '../exit-codes';
import type { CommonOptions, Session } from '../session';
import { eventLine } from './event-line';

const PATH = '/v1/events/stream';

/** `event tail`, also `events tail`: the events as they come, until the user interrupts. */
export function addTail(program: Command, session: Session): void {
  const stream = API.streams.find(({ path }) => path === PATH);
  if (!stream) throw new Error(`The description of the API has no ${PATH}.`);
  const params = paramsOf({ ...stream, method: 'GET' }).filter(({ name }) => name !== 'lastEventId');
  const command = nounOf(program, 'event')
    .alias('events')
    .command('tail')
    .summary('Shows the events as they come.')
    .description('Shows the events as they come, one in a line, and comes back by itself where it was.');
  addParams(command, params);
  addCommonOptions(command).action(async (options: Options & CommonOptions) => {
    const query = (await paramsOfCommand(params, [], options, session)) as StreamEventsRequest;
    const client = await session.client(options);
    const events = client.streams.events(query, {
      signal: session.signal,
      onReconnect: (error) => void (error && session.note(`${error.message} Coming back.`)),
    });
    for await (const event of events) await session.print(eventLine(event, session));
    session.exitCode = EXIT.interrupted;
  });
}
