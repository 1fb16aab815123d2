import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { CliError, EXIT } from '../exit-codes';

/** A platform, and who one is there. */
export interface Profile {
  readonly url: string;
  readonly key: string;
  readonly signingSecret?: string;
}

export interface Profiles {
  /** The one that is used where none is named. */
  readonly current: string;
  readonly profiles: Readonly<Record<string, Profile>>;
}

const NONE: Profiles = { current: 'default', profiles: {} };

/** `$XDG_CONFIG_HOME/agentctl/config.json`, default `~/.config/agentctl/config.json`. */
export function configPath(env: Readonly<Record<string, string | undefined>>): string {
  return join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), '.config'), 'agentctl', 'config.json');
}

/** @throws CliError when others may read the file, or it is none */
export function readProfiles(path: string): Profiles {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return NONE;
    throw error;
  }
  try {
    // Of the file that is open: a look at its name would say nothing of what is read afterwards.
    const { mode, uid } = fstatSync(file);
    if (process.getuid && (mode & 0o077) !== 0)
      throw new CliError(
        `${path} holds keys, and others can read it. Run: chmod 600 '${path}', and rotate the keys if others use this machine.`,
        EXIT.unauthorized,
      );
    if (process.getuid && uid !== process.getuid())
      throw new CliError(
        `${path} belongs to another user. Log in again under a folder of your own.`,
        EXIT.unauthorized,
      );
    return parse(readFileSync(file, 'utf8'), path);
  } finally {
    closeSync(file);
  }
}

/** Writes the whole file at once, so that no reader and no crash ever sees a half of it. */
export function writeProfiles(path: string, profiles: Profiles): void {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const temporary = `${path}.${randomUUID()}`;
  try {
    const file = openSync(temporary, 'wx', 0o600);
    try {
      writeFileSync(file, `${JSON.stringify(profiles, null, 2)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}

function parse(text: string, path: string): Profiles {
  try {
    const { current, profiles } = JSON.parse(text) as Partial<Profiles>;
    if (typeof current === 'string' && typeof profiles === 'object' && profiles !== null) return { current, profiles };
  } catch {
    // Told below.
  }
  throw new CliError(`${path} is not a file of agentctl. Move it away, and log in again.`);
}
