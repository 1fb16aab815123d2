import { ConfigError } from '@agent-platform/config';
import { NATS_USERS } from '@agent-platform/messaging';
import { OWNER_ROLE, roleOf } from '@agent-platform/database';
import { SERVICE_NAMES } from '@agent-platform/contracts';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readJsonFile, writeJsonFile } from '../../migrate/src/json-file';

/** Made once. */
export interface Secrets {
  /** Passwords by role. */
  readonly database: Readonly<Record<string, string>>;
  /** Passwords by user. */
  readonly nats: Readonly<Record<string, string>>;
  /** What signing secrets and credentials are encrypted under. */
  readonly masterKey: string;
}

/** The folder that keeps everything of one installation. */
export class DataFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = resolve(path);
    mkdirSync(this.path, { recursive: true });
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /**
   * Keeps the folder for this process until it ends. What a dead process left is taken over.
   *
   * @throws ConfigError when another process holds it
   */
  lock(): void {
    const file = this.file('lock');
    for (;;) {
      try {
        writeFileSync(file, String(process.pid), { flag: 'wx', mode: 0o600 });
        break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holder = Number(readFileSync(file, 'utf8'));
      if (holder > 0 && holder !== process.pid && isPlatform(holder)) {
        throw new ConfigError([
          `The data folder ${this.path} is in use by process ${holder}. Stop that one, or choose another folder and port: ` +
            'DATA_DIR=.data2 PORT=3001 npm start',
        ]);
      }
      rmSync(file, { force: true });
    }
    process.once('exit', () => rmSync(file, { force: true }));
  }

  /** The passwords and the master key of this installation, made at its first start. */
  secrets(): Secrets {
    const stored: Partial<Secrets> = this.readJson<Secrets>('secrets.json') ?? {};
    const secrets: Secrets = {
      database: withPasswords(['postgres', OWNER_ROLE, ...SERVICE_NAMES.map(roleOf)], stored.database ?? {}),
      nats: withPasswords(NATS_USERS, stored.nats ?? {}),
      masterKey: stored.masterKey ?? randomBytes(32).toString('base64url'),
    };
    this.writeJson('secrets.json', secrets);
    return secrets;
  }

  readJson<T>(name: string): T | undefined {
    return readJsonFile<T>(this.file(name));
  }

  writeJson(name: string, value: object): void {
    writeJsonFile(this.file(name), value);
  }
}

/** Whether a process lives and, where the system tells, is one of this program: its number may have been given anew. */
function isPlatform(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('standalone');
  } catch {
    return true;
  }
}

function withPasswords(names: readonly string[], stored: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, stored[name] ?? randomBytes(24).toString('base64url')]));
}
