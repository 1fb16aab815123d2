import type { Command } from 'commander';
import { addCommonOptions } from '../common-options';
import { CliError, EXIT } from '../exit-codes';
import type { CommonOptions, Session } from '../session';
import { isHere, parseUrl } from '../profiles/connection';
import { startListener } from './listener';

interface ListenOptions extends CommonOptions {
  readonly port?: string;
  readonly types: string;
  readonly filter?: string;
  readonly forward?: string;
  readonly publicUrl?: string;
}

/** `webhook listen`: a webhook subscription to this machine, for as long as it is looked at. */
export function addListen(program: Command, session: Session): void {
  addCommonOptions(
    program
      .command('webhook')
      .description('Webhooks of the platform, on this machine.')
      .command('listen')
      .summary('Receives events as webhooks, checks and shows them.')
      .description(
        'Subscribes a webhook to a port of this machine, checks the signature of each delivery, shows it, and unsubscribes at the end.',
      )
      .option('--types <a,b,...>', 'events to subscribe to, with * at the end of a type', '*')
      .option('--filter <cel>', 'CEL over the envelope, such as `data.points > 10`')
      .option('--port <number>', 'to listen on; default any that is free')
      .option('--forward <url>', 'send each delivery on to a server of yours, and answer what that answers')
      .option('--public-url <url>', 'where the platform reaches this machine, when it runs elsewhere'),
  ).action(async (options: ListenOptions) => {
    const connection = await session.connection(options);
    const { forward, publicUrl } = options;
    if (!publicUrl && !isHere(connection.url))
      throw new CliError(
        `The platform at ${connection.url} cannot reach this machine by itself. Open a tunnel to a --port, and give its address as --public-url.`,
      );
    const client = session.clientOf(connection);
    const listener = await startListener(portOf(options.port), session, forward && parseUrl(forward));
    try {
      const url = publicUrl ? parseUrl(publicUrl) : listener.url;
      const params = { types: options.types.split(','), filter: options.filter, target: { type: 'webhook', url } };
      const { body } = await client.call('event.subscribe', params, { signal: session.signal });
      const { id, secret } = (body as { data: { id: string; secret: string } }).data;
      listener.trust(secret);
      try {
        await session.note(
          `Listening at ${listener.url}${publicUrl ? ` for ${url}` : ''} as subscription ${id}. Stop with Ctrl-C.`,
        );
        await untilAborted(AbortSignal.any([session.signal, listener.unread]));
      } finally {
        // Not under the signal: it is what ends this.
        await client.call('event.unsubscribe', { id });
        await session.note('Unsubscribed.');
      }
    } finally {
      await listener.stop();
    }
    session.exitCode = session.signal.aborted ? EXIT.interrupted : EXIT.ok;
  });
}

function portOf(text = '0'): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw new CliError('--port must be a number from 0 to 65535.');
  return Number(text);
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    // Holds the process: a signal alone does not.
    const holding = setInterval(() => undefined, 60_000);
    signal.addEventListener('abort', () => {
      clearInterval(holding);
      resolve();
    });
  });
}
