import 'reflect-metadata';
import { ConfigError, loadConfig } from '@agent-platform/config';
import { describe } from '@agent-platform/service-host';
import { join } from 'node:path';
import { keysInFile, newAgentKeys } from './agent-keys';
import { MigrateConfig } from './config';
import { connect } from './connect';
import { givenSecrets } from './given-secrets';
import { prepare } from './prepare';

async function main([command, ...rest]: readonly string[]): Promise<void> {
  if (command === 'new-keys' && rest.length === 0)
    return void process.stdout.write(`${JSON.stringify(newAgentKeys())}\n`);
  if (command !== undefined) throw new ConfigError(['migrate is called without arguments, or as migrate new-keys']);
  const config = loadConfig(MigrateConfig, process.env);
  const { passwords, keys } = givenSecrets(config);
  const fromFile = keysInFile(join(config.dataDir, 'keys.json'));
  const database = { url: config.databaseUrl, password: config.databasePassword, ca: config.databaseCa };
  const client = await connect(database, {
    waitSeconds: config.startWaitSeconds,
    say: (line) => process.stdout.write(`  … ${line}\n`),
  });
  // Told of a connection that breaks between statements, too: the next statement fails then.
  client.on('error', () => undefined);
  try {
    await prepare(client, passwords, (agent) => keys?.[agent] ?? fromFile(agent));
  } finally {
    await client.end();
  }
}

// The first process of a container ends by no signal that it does not listen to. What is under way is rolled back.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(1));

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`migrate: ${error instanceof ConfigError ? error.message : describe(error)}\n`);
  process.exit(1);
});
