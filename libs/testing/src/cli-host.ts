import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testEnvironment } from './environment';

/** How a command of the command line ended. */
export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The built command line in a process that runs one command after the other: starting one for each takes longer than most commands. */
export interface CliHost {
  run(argv: readonly string[], env?: Readonly<Record<string, string>>): Promise<CliResult>;
  stop(): void;
}

const HOST = `
const { Readable, Writable } = require('node:stream');
const { runCli } = require(process.argv[2]);
process.on('message', async ({ argv, env }) => {
  const written = { stdout: '', stderr: '' };
  const sink = (name) => new Writable({ write(chunk, _encoding, done) { written[name] += chunk; done(); } });
  const code = await runCli(argv, { stdin: Readable.from([]), stdout: sink('stdout'), stderr: sink('stderr'), env });
  process.send({ code, ...written });
});
`;

export function startCliHost(): CliHost {
  const { root, folder } = testEnvironment();
  const own = mkdtempSync(join(folder, 'cli-'));
  writeFileSync(join(own, 'host.cjs'), HOST);
  const child = fork(join(own, 'host.cjs'), [join(root, 'dist/apps/cli/main.js')], { cwd: own });
  return {
    run: (argv, env = {}) =>
      new Promise((resolve, reject) => {
        const failed = (code: number | null) => reject(new Error(`the command line ended with ${code}`));
        child.once('exit', failed);
        child.once('message', (result: CliResult) => {
          child.off('exit', failed);
          resolve(result);
        });
        child.send({ argv, env: { XDG_CONFIG_HOME: own, HOME: own, ...env } });
      }),
    stop: () => {
      child.kill('SIGKILL');
      rmSync(own, { recursive: true, force: true });
    },
  };
}
