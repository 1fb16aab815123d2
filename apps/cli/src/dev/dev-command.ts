import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import { CliError, EXIT } from '../exit-codes';
import { storeProfile } from '../profiles/login';
import type { Session } from '../session';
import { logLine } from './log-line';

const READY = /is ready at (https?:\/\/\S+)/;

/** `dev`: the platform as `npm start` runs it, its logs for people, and a profile to use it with. */
export function addDev(program: Command, session: Session): void {
  program
    .command('dev')
    .description(
      'Starts the platform of a checkout as npm start does, shows its logs, and logs in as OpenClaw under the profile dev. PORT, DATA_DIR and the other variables of npm start hold. Ctrl-C stops it.',
    )
    .helpOption('-h, --help', 'show this')
    .action(async () => {
      const root = checkoutAbove(process.cwd());
      if (!root)
        throw new CliError(
          'This is no checkout of the Agent Platform. Clone it, change into its folder, and run agentctl dev there; to use a platform that runs, agentctl login --url <url>.',
        );
      const { env } = session.io;
      const child = spawn(process.execPath, ['scripts/start.mjs'], {
        cwd: root,
        env: { LOG_LEVEL: 'info', ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const stop = () => void child.kill('SIGTERM');
      session.signal.addEventListener('abort', stop);
      if (session.signal.aborted) stop();
      const code = exitOf(child);
      const dataDir = resolve(root, env.DATA_DIR ?? '.data');
      try {
        await Promise.all([
          follow(child.stdout, session, (url) => logIn(url, dataDir, session)),
          follow(child.stderr, session),
        ]);
      } finally {
        // Also where nobody reads what it says any more.
        stop();
      }
      session.exitCode = (await code) === 0 ? EXIT.ok : EXIT.failed;
    });
}

/** The folder of the checkout that a folder is in. */
function checkoutAbove(folder: string): string | undefined {
  const manifest = join(folder, 'package.json');
  if (existsSync(join(folder, 'scripts/start.mjs')) && existsSync(manifest)) {
    const { name } = JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string };
    if (name === 'agent-platform') return folder;
  }
  return dirname(folder) === folder ? undefined : checkoutAbove(dirname(folder));
}

async function follow(stream: Readable, session: Session, onReady?: (url: string) => Promise<void>): Promise<void> {
  for await (const line of createInterface({ input: stream })) {
    await session.print(logLine(line));
    const url = READY.exec(line)?.[1];
    if (url) await onReady?.(url);
  }
}

/** Where the platform has its keys elsewhere, its user logs in by hand. */
async function logIn(url: string, dataDir: string, session: Session): Promise<void> {
  try {
    const keys = JSON.parse(readFileSync(join(dataDir, 'keys.json'), 'utf8')) as Record<string, string>;
    if (!keys.OpenClaw) throw new CliError('there is no key of OpenClaw');
    const me = await storeProfile(session, 'dev', { url, key: keys.OpenClaw });
    await session.note(`\n  Logged in as ${me.name} (profile dev). In another terminal: agentctl workflow list\n`);
  } catch (error) {
    await session.note(`\n  Not logged in (${(error as Error).message}). Run agentctl login --url ${url}\n`);
  }
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('close', (code) => resolve(code)));
}
