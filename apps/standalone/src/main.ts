import 'reflect-metadata';
import { ConfigError, loadConfig } from '@agent-platform/config';
import { describe, stopOnSignals } from '@agent-platform/service-host';
import { createServer } from 'node:net';
import { StandaloneConfig } from './config';
import { keysInFile } from '../../migrate/src/agent-keys';
import { connect } from '../../migrate/src/connect';
import { prepare } from '../../migrate/src/prepare';
import { step } from '../../migrate/src/progress';
import { DataFolder } from './data-folder';
import { ownerUrl, startServers, type Servers } from './servers';
import { startInProcess, startProcesses, type RunningPlatform } from './services';

const FLAGS = ['--processes'];

async function main(flags: readonly string[]): Promise<void> {
  const unknown = flags.find((flag) => !FLAGS.includes(flag));
  if (unknown) throw new ConfigError([`There is no option ${unknown}. The options are ${FLAGS.join(', ')}.`]);
  const config = loadConfig(StandaloneConfig, process.env);
  const folder = new DataFolder(config.dataDir);
  // Found out before anything is started: the commonest reason for a start that fails.
  await checkPort(config);
  folder.lock();
  const servers = await startServers(config, folder, folder.secrets());
  let platform: RunningPlatform | undefined;
  const stop = async () => {
    process.stdout.write('\n  Stopping …\n');
    await platform?.stop();
    await stopLocal(servers);
  };
  stopOnSignals('standalone', stop);
  try {
    for (const server of servers.local) void server.exited.then(() => lost(stop, 'PostgreSQL or NATS'));
    await prepareDatabaseOf(servers, folder);
    platform = await step('Services started', () =>
      flags.includes('--processes')
        ? startProcesses(config, servers, (name) => lost(stop, name))
        : startInProcess(config, servers),
    );
    const gateway = `http://${config.host === '0.0.0.0' ? '127.0.0.1' : config.host}:${platform.gatewayPort}`;
    await step('Gateway ready', () => untilReady(gateway));
    folder.writeJson('urls.json', { gateway, postgres: ownerUrl(servers), nats: servers.natsUrl('tap') });
    welcome(config, folder, gateway);
    process.send?.({ ready: 'standalone', port: platform.gatewayPort });
  } catch (error) {
    stopping = true;
    await platform?.stop();
    await stopLocal(servers);
    throw error;
  }
}

async function prepareDatabaseOf(servers: Servers, folder: DataFolder): Promise<void> {
  const client = await connect({ url: servers.adminDatabaseUrl });
  try {
    await prepare(client, servers.passwords, keysInFile(folder.file('keys.json')));
  } finally {
    await client.end();
  }
}

let stopping = false;

/** A server or service ended that nobody stopped: the rest is stopped too, rather than left half working. */
function lost(stop: () => Promise<void>, what: string): void {
  if (stopping) return;
  stopping = true;
  process.stderr.write(`\n  ${what} ended unexpectedly; see the logs in the data folder. Stopping.\n`);
  void stop().finally(() => process.exit(1));
}

async function stopLocal({ local }: Servers): Promise<void> {
  stopping = true;
  await Promise.all(local.map((server) => server.stop()));
}

async function checkPort({ port, host }: StandaloneConfig): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', ({ code }: NodeJS.ErrnoException) => {
      reject(
        new ConfigError([
          `Port ${port} cannot be used (${code}). Stop what uses it, or choose another: PORT=3001 npm start`,
        ]),
      );
    });
    server.listen(port, host, resolve);
  });
  await new Promise((resolve) => server.close(resolve));
}

async function untilReady(gateway: string): Promise<void> {
  for (;;) {
    const { status } = await fetch(`${gateway}/readyz`);
    if (status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function welcome({ egressAllow }: StandaloneConfig, folder: DataFolder, gateway: string): void {
  const keys = folder.file('keys.json');
  process.stdout.write(`
  The Agent Platform is ready at ${gateway}

  The keys of the default agents are in ${keys}. A first request:

    KEY=$(node -p "require('${keys}').OpenClaw")
    curl -X POST ${gateway}/functions/v1/api-gateway \\
      -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" \\
      -d '{"action": "workflow.list"}'

  Addresses of PostgreSQL and NATS: ${folder.file('urls.json')}
  Workflow steps may call ${egressAllow || 'public addresses only'} (EGRESS_ALLOW). Stop with Ctrl-C.
`);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`\n  ${error instanceof ConfigError ? error.message : describe(error)}\n`);
  process.exit(1);
});
