import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
// Relative, as the global setup of Jest resolves no package names of the workspace.

// eslint-disable-next-line @nx/enforce-module-boundaries
import { startNats, startPostgres } from '../../local-servers/src';

/** Where a server of the tests listens. */
interface Backend {
  readonly host: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** `containers` starts servers by testcontainers, where a container engine is present; default is the embedded ones. */
const useContainers = process.env.TEST_BACKEND === 'containers';

/** The one PostgreSQL of a test run. */
export async function startPostgresBackend(
  dataDir: string,
  logFile: string,
): Promise<Backend & { password: string; query(url: string, sql: string): Promise<void> }> {
  const password = randomBytes(12).toString('hex');
  const query = async (url: string, sql: string) => {
    const client = new Client({ connectionString: url });
    await client.connect();
    await client.query(sql);
    await client.end();
  };
  if (useContainers) {
    const { GenericContainer, Wait } = await import('testcontainers');
    const container = await new GenericContainer('postgres:18')
      .withEnvironment({ POSTGRES_PASSWORD: password })
      .withCommand(['-c', 'fsync=off', '-c', 'max_connections=200'])
      .withExposedPorts(5432)
      .withWaitStrategy(Wait.forLogMessage(/ready to accept connections/, 2))
      .start();
    const stop = async () => void (await container.stop());
    return { host: container.getHost(), port: container.getMappedPort(5432), stop, password, query };
  }
  // Without fsync: nobody needs this data after a power cut, and a killed process loses nothing.
  const server = await startPostgres({ dataDir, password, fsync: false, logFile });
  return { host: '127.0.0.1', port: server.port, stop: () => server.stop(), password, query };
}

/** A nats-server of one test file, so that files that run at the same time do not hear each other. */
export async function startNatsBackend(
  dataDir: string,
  accounts: string,
  port?: number,
): Promise<Backend & { kill(): void }> {
  if (useContainers) {
    const { GenericContainer, Wait } = await import('testcontainers');
    const content = `port: 4222\nmax_payload: 8MB\njetstream {}\n${accounts}`;
    const container = await new GenericContainer('nats:2.12')
      .withCopyContentToContainer([{ content, target: '/nats.conf' }])
      .withCommand(['-c', '/nats.conf'])
      .withExposedPorts(port === undefined ? 4222 : { container: 4222, host: port })
      .withWaitStrategy(Wait.forLogMessage(/Server is ready/))
      .start();
    const stop = async () => void (await container.stop());
    return { host: container.getHost(), port: container.getMappedPort(4222), stop, kill: () => void stop() };
  }
  const server = await startNats({ dataDir, accounts, port });
  return { host: '127.0.0.1', port: server.port, stop: () => server.stop(), kill: () => server.kill() };
}
