import { SERVICE_NAMES, type ServiceName } from '@agent-platform/contracts';
import { roleOf } from '@agent-platform/database';
import { natsAccountsConfig, type NatsUser } from '@agent-platform/messaging';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startNatsBackend } from './backend';
import { testEnvironment } from './environment';
import type { PrivateDatabase } from './private-database';
import { createTestDatabase, type TestDatabase } from './test-database';

/** How the services of a test run. */
export type Layout = 'one process' | 'separate processes';

/** A process of ours. */
export interface TestProcess {
  readonly child: ChildProcess;
  readonly port: number;
  /** What it wrote to standard output and standard error. */
  output(): string;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** SIGTERM; answers the exit code. */
  stop(): Promise<number | null>;
}

/** The whole platform on a database and a nats-server of its own. */
export interface TestPlatform {
  readonly gateway: string;
  readonly keys: Readonly<Record<string, string>>;
  readonly database: TestDatabase;
  /** NATS URL of the tap user. */
  readonly tapUrl: string;
  /** What can be done to the parts when they are processes of their own. */
  readonly separate?: SeparateParts;
  stop(): Promise<void>;
}

interface SeparateParts {
  readonly processes: ReadonlyMap<string, TestProcess>;
  natsUrl(user: NatsUser): string;
  /** Where the nats-server keeps its streams. */
  readonly natsFolder: string;
  /** Kills the nats-server; answers a function that starts it again at the same address. */
  killNats(): () => Promise<void>;
  /** Starts another process of a service. */
  startService(name: ServiceName | 'gateway', env?: Record<string, string>): Promise<TestProcess>;
}

const NATS_PASSWORD = 'test';
/** Of every service of the tests that keeps secrets. */
export const MASTER_KEY = 'the master key of the tests, 32 characters and more';

/** Starts one of our apps from `dist` and waits until it says that it is ready. @throws Error with its output */
export function startApp(app: string, env: Record<string, string>, args: readonly string[] = []): Promise<TestProcess> {
  const { root } = testEnvironment();
  let output = '';
  const child = spawn(process.execPath, ['--enable-source-maps', join(root, 'dist/apps', app, 'main.js'), ...args], {
    cwd: root,
    env: { PATH: process.env.PATH, LOG_LEVEL: 'warn', HOST: '127.0.0.1', PORT: '0', DRAIN_DELAY_MS: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return exited;
  };
  return new Promise((resolve, reject) => {
    child.once('message', ({ port }: { port: number }) => {
      resolve({
        child,
        port,
        output: () => output,
        kill: async () => void (await end('SIGKILL')),
        stop: () => end('SIGTERM'),
      });
    });
    void exited.then((code) => reject(new Error(`${app} ended with ${code}: ${output}`)));
  });
}

/** @param own instead of a clone of the template, which is on the server that all tests share */
export async function startTestPlatform(
  layout: Layout,
  env: Record<string, string> = {},
  own?: PrivateDatabase,
): Promise<TestPlatform> {
  const { folder, keys } = own ? { ...testEnvironment(), keys: own.keys } : testEnvironment();
  const database = own ?? (await createTestDatabase());
  // Tests of refusals fail to authenticate more often than a client may.
  const common = { EGRESS_ALLOW: '127.0.0.0/8', FAILED_AUTHENTICATIONS_PER_MINUTE: '100000', ...env };
  const processes = new Map<string, TestProcess>();
  const stopProcesses = () => Promise.all([...processes].map(([name, running]) => stopCleanly(name, running)));

  if (layout === 'one process') {
    const dataDir = mkdtempSync(join(folder, 'data-'));
    const started = await startApp('standalone', { ...common, DATABASE_URL: database.url, DATA_DIR: dataDir });
    processes.set('standalone', started);
    const { nats } = JSON.parse(readFileSync(join(dataDir, 'urls.json'), 'utf8')) as { nats: string };
    return {
      gateway: `http://127.0.0.1:${started.port}`,
      keys,
      database,
      tapUrl: nats,
      stop: async () => {
        await stopProcesses();
        await database.drop();
      },
    };
  }
  const { startService, ...nats } = await startNatsFor(database, common, processes);
  await Promise.all(SERVICE_NAMES.map((name) => startService(name)));
  const gateway = await startService('gateway');
  return {
    gateway: `http://127.0.0.1:${gateway.port}`,
    keys,
    database,
    tapUrl: nats.natsUrl('tap'),
    separate: { processes, startService, ...nats },
    stop: async () => {
      await stopProcesses();
      await nats.stopNats();
      await database.drop();
    },
  };
}

/** A process that ends with an error when it is stopped has not handed over what it should have. */
async function stopCleanly(name: string, running: TestProcess): Promise<void> {
  const code = await running.stop();
  // Null: the test has killed it.
  if (code !== 0 && code !== null) throw new Error(`${name} ended with ${code}: ${running.output()}`);
}

async function startNatsFor(database: TestDatabase, env: Record<string, string>, processes: Map<string, TestProcess>) {
  const natsFolder = mkdtempSync(join(testEnvironment().folder, 'nats-'));
  const accounts = natsAccountsConfig(() => NATS_PASSWORD);
  let nats = await startNatsBackend(natsFolder, accounts);
  const { host, port } = nats;
  const natsUrl = (user: NatsUser) => `nats://${user}:${NATS_PASSWORD}@${host}:${port}`;
  return {
    natsUrl,
    natsFolder,
    killNats: () => {
      nats.kill();
      return async () => {
        nats = await startNatsBackend(natsFolder, accounts, port);
      };
    },
    stopNats: () => nats.stop(),
    startService: async (name: ServiceName | 'gateway', more: Record<string, string> = {}) => {
      const databaseUrl: Record<string, string> =
        name === 'gateway' ? {} : { DATABASE_URL: database.urlOf(roleOf(name)) };
      const secrets: Record<string, string> = ['auth', 'integrations', 'webhook-receiver'].includes(name)
        ? { MASTER_KEY }
        : {};
      const started = await startApp(name, { ...env, NATS_URL: natsUrl(name), ...databaseUrl, ...secrets, ...more });
      processes.set(name, started);
      return started;
    },
  };
}
