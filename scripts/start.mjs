// `npm start`: installs what is missing, builds, and runs the whole platform. Needs nothing but Node.js itself.
import { spawn } from 'node:child_process';
import { chdir } from 'node:process';
import { fileURLToPath } from 'node:url';
import { build } from './lib/build.mjs';
import { checkNode, installNatsServer, installPackages } from './lib/install.mjs';
import { run } from './lib/terminal.mjs';

const HELP = `
  npm start                    runs the platform on http://127.0.0.1:3000
  npm start -- --processes     runs each service as a process of its own

  Variables:
    PORT          port of the gateway (3000)
    HOST          address that it listens on (127.0.0.1)
    DATA_DIR      where everything is kept (.data)
    DATABASE_URL  a PostgreSQL server of your own, instead of the embedded one
    MASTER_KEY    32 or more random characters, with a DATABASE_URL that another data folder set up
    NATS_URL      a NATS server of your own, with JetStream, instead of a local one
    EGRESS_ALLOW  networks and hosts that workflow steps may call although they are special (127.0.0.0/8,::1)
    EGRESS_DENY   networks and hosts that they may never call
    LOG_LEVEL     debug, info, warn or error (warn)
`;

run(async () => {
  const args = process.argv.slice(2);
  if (args.includes('--help')) return console.log(HELP);
  const dataDir = process.env.DATA_DIR;
  chdir(fileURLToPath(new URL('..', import.meta.url)));
  console.log('\n  Agent Platform\n');
  checkNode();
  await installPackages();
  if (!process.env.NATS_URL) await installNatsServer();
  await build();

  const child = spawn(process.execPath, ['--enable-source-maps', 'dist/apps/standalone/main.js', ...args], {
    env: { ...process.env, ...(dataDir && { DATA_DIR: dataDir }) },
    // Through the channel the child learns when this process is gone, whatever ended it, and stops.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  // A terminal sends SIGINT to the child as well; it counts the first signal only.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  child.once('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
});
