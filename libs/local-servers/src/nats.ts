import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild, StartError, type LocalServer } from './child-server';

export interface NatsOptions {
  /** For the configuration and the JetStream store. */
  readonly dataDir: string;
  /** The accounts part of the configuration: users and their permissions. */
  readonly accounts: string;
  /** Default a free one. */
  readonly port?: number;
  readonly logFile?: string;
}

export interface LocalNats extends LocalServer {
  readonly port: number;
}

/** Where package managers put it, beside the PATH; /usr/sbin is on an ordinary user's PATH seldom. */
const USUAL_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin'];

/** The nats-server of this machine, if there is one. */
function findNatsServer(): string | undefined {
  return [...(process.env.PATH ?? '').split(':'), ...USUAL_FOLDERS]
    .map((folder) => join(folder, 'nats-server'))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/**
 * Starts nats-server with JetStream on 127.0.0.1.
 *
 * @throws Error with one clear line: not installed, port in use, what nats-server itself said
 */
export async function startNats({ dataDir, accounts, port, logFile }: NatsOptions): Promise<LocalNats> {
  const command = findNatsServer();
  if (!command) {
    throw new Error(
      'nats-server is not installed. Install it (Debian and Ubuntu: apt-get install nats-server; macOS: brew install ' +
        'nats-server; others: https://github.com/nats-io/nats-server/releases), or set NATS_URL to a server of your own.',
    );
  }
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const configFile = join(dataDir, 'nats.conf');
  const own = `host: "127.0.0.1"\nport: ${port ?? -1}\nmax_payload: 8MB\njetstream { store_dir: ${JSON.stringify(dataDir)} }\n`;
  writeFileSync(configFile, own + accounts, { mode: 0o600 });
  try {
    const server = await startChild({
      command,
      args: ['-c', configFile],
      ready: /Listening for client connections on 127\.0\.0\.1:(\d+)[^]*Server is ready/,
      stopSignal: 'SIGTERM',
      logFile,
    });
    return { ...server, port: Number(server.readyLine[1]) };
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    if (/address already in use/.test(error.log))
      throw new Error(`nats-server cannot use port ${port}: it is taken.`, { cause: error });
    throw new Error(`nats-server did not start. ${error.log.split('\n').slice(-3).join(' ')}`, { cause: error });
  }
}
