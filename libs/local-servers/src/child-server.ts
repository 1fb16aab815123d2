import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';

/** A server that runs as a child of this process. */
export interface LocalServer {
  readonly pid: number;
  /** Resolves when it has ended, whatever ended it. */
  readonly exited: Promise<void>;
  /** Ends it in order; with force after a while. */
  stop(): Promise<void>;
  /** Ends it at once with SIGKILL, as a crash does. */
  kill(): void;
}

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Another user to run as, and whether it needs to reach folders that it may not enter. Only root can give these. */
  readonly user?: { readonly uid: number; readonly reachAnyFolder: boolean };
  /** A line of its log that says that it serves; its first group, if any, goes to the caller. */
  readonly ready: RegExp;
  readonly stopSignal: NodeJS.Signals;
  readonly logFile?: string;
}

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 15_000;
/** So much of its log is kept for the message of a failed start. */
const LOG_TAIL_CHARACTERS = 4000;

/** A server that did not come up; `log` is the end of what it said. */
export class StartError extends Error {
  constructor(
    message: string,
    readonly log: string,
  ) {
    super(message);
  }
}

/**
 * Starts a server and waits until its log says that it serves. On Linux the kernel ends it when this process dies; it has a
 * process group of its own, so that a Ctrl-C in the terminal reaches only us, and we stop it in order.
 *
 * @throws StartError; nothing is left running then
 */
export async function startChild(
  options: ChildOptions,
): Promise<LocalServer & { readonly readyLine: RegExpExecArray }> {
  const [command, ...args] = commandLine(options);
  const child = spawn(command ?? options.command, args, { detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const readyLine = await waitUntilReady(child, options);
  return {
    pid: child.pid ?? 0,
    readyLine,
    exited,
    kill: () => child.kill('SIGKILL'),
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill(options.stopSignal);
      const force = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await exited;
      clearTimeout(force);
    },
  };
}

let setprivFound: boolean | undefined;

function hasSetpriv(): boolean {
  setprivFound ??= process.platform === 'linux' && spawnSync('setpriv', ['--version']).status === 0;
  return setprivFound;
}

/**
 * Search any folder, as root may, and nothing else of what root may. Without the secure bit the kernel ignores the capability
 * in access(2), which initdb asks (capabilities(7), "SECBIT_NO_SETUID_FIXUP").
 */
const REACH_ANY_FOLDER = [
  '--securebits=+no_setuid_fixup',
  '--inh-caps=+dac_read_search',
  '--ambient-caps=+dac_read_search',
];

/** The command as it is, or behind `setpriv` (util-linux), which changes the user and ties its life to ours. */
export function commandLine({ command, args, user }: Pick<ChildOptions, 'command' | 'args' | 'user'>): string[] {
  if (!hasSetpriv()) {
    if (user)
      throw new StartError('Running as root needs setpriv (package util-linux). Install it, or use another user.', '');
    return [command, ...args];
  }
  const id = user && ['--reuid', String(user.uid), '--regid', String(user.uid), '--clear-groups'];
  const reach = user?.reachAnyFolder ? REACH_ANY_FOLDER : [];
  return ['setpriv', ...(id ?? []), ...reach, '--pdeathsig', 'KILL', command, ...args];
}

function waitUntilReady(child: ChildProcess, { command, ready, logFile }: ChildOptions): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let log = '';
    let waiting = true;
    const file = logFile === undefined ? undefined : createWriteStream(logFile, { flags: 'a', mode: 0o600 });
    const fail = (message: string) => {
      if (!waiting) return;
      waiting = false;
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(new StartError(message, log.trim()));
    };
    const timer = setTimeout(
      () => fail(`${command} did not start within ${START_TIMEOUT_MS / 1000} s.`),
      START_TIMEOUT_MS,
    );
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      file?.write(text);
      if (!waiting) return;
      log = (log + text).slice(-LOG_TAIL_CHARACTERS);
      const found = ready.exec(log);
      if (!found) return;
      waiting = false;
      clearTimeout(timer);
      resolve(found);
    });
    child.once('error', (error) => fail(`${command} cannot be run: ${error.message}`));
    child.once('close', () => {
      file?.end();
      fail(`${command} ended while it was starting.`);
    });
  });
}
