import { fork } from 'node:child_process';
import { join } from 'node:path';
import { testEnvironment } from './environment';

/** What is wrong with an endpoint of the sink. */
export const FAULTS = ['silent', 'drip', 'redirect', 'huge', 'reset', 'broken', 'no TLS', 'nobody'] as const;
export type Fault = (typeof FAULTS)[number];

/** Many endpoints in a process of their own, some of them faulty. */
export interface WebhookSink {
  /** Where the webhooks of a name are taken. */
  urlOf(name: string, fault?: Fault): string;
  /** How often each number (`data.n`) came, by name. */
  counts(): Promise<Readonly<Record<string, readonly (number | null)[]>>>;
  /** How many of the numbers below `count` have not come to each of these names. */
  missing(names: readonly string[], count: number): Promise<number>;
  stop(): Promise<void>;
}

export async function startWebhookSink(): Promise<WebhookSink> {
  const child = fork(join(testEnvironment().root, 'libs/testing/servers/webhook-sink.mjs'));
  const next = <Message>() =>
    new Promise<Message>((resolve) => child.once('message', (message) => resolve(message as Message)));
  const { port, tlsPort } = await next<{ port: number; tlsPort: number }>();
  return {
    urlOf: (name, fault) => {
      if (fault === 'no TLS') return `https://127.0.0.1:${tlsPort}/${name}`;
      // Nothing listens on the port of the discard protocol.
      if (fault === 'nobody') return `http://127.0.0.1:9/${name}`;
      return `http://127.0.0.1:${port}/${fault ?? 'good'}/${name}`;
    },
    counts: async () => {
      const answer = next<{ counts: Record<string, (number | null)[]> }>();
      child.send({ ask: 'counts' });
      return (await answer).counts;
    },
    missing: async (names, count) => {
      const answer = next<{ missing: number }>();
      child.send({ ask: 'missing', names, count });
      return (await answer).missing;
    },
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill('SIGKILL');
      }),
  };
}
