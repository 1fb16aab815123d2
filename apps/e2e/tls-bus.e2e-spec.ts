import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNats, type LocalNats } from '@agent-platform/local-servers';
import { Bus } from '@agent-platform/messaging';
import { makeCertificates, type Certificates } from '@agent-platform/testing';

const PASSWORD = 'p@ss/word?#%';
let folder: string;
let servers: Record<'tls' | 'plain', LocalNats>;
let certificates: Certificates;
const otherCa = makeCertificates('DNS:localhost').ca;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nats-tls-'));
  certificates = makeCertificates('DNS:localhost');
  const { certFile, keyFile } = certificates;
  const user = `authorization { user: auth, password: ${JSON.stringify(PASSWORD)} }\n`;
  const tls = `tls { cert_file: "${certFile}", key_file: "${keyFile}" }\n`;
  servers = {
    tls: await startNats({ dataDir: join(folder, 'tls'), accounts: user + tls }),
    plain: await startNats({ dataDir: join(folder, 'plain'), accounts: user }),
  };
});
afterAll(async () => {
  await Promise.all(Object.values(servers).map((server) => server.stop()));
  rmSync(folder, { recursive: true, force: true });
});

const connectTo = (
  host: string,
  given: Partial<Parameters<typeof Bus.connect>[0]> = {},
  server: LocalNats = servers.tls,
) => {
  const url = `nats://auth@${host}:${server.port}`;
  return Bus.connect({ url, password: PASSWORD, ca: certificates.ca, name: 'test', ...given });
};

it('connects over TLS with a password of its own, and again after the connection was lost', async () => {
  const bus = await connectTo('localhost');
  try {
    const back = new Promise<void>((resolve) => bus.onReconnected(resolve));
    await bus.connection.reconnect();
    await back;
    await bus.flush();
    expect(bus.connected).toBe(true);
  } finally {
    await bus.close();
  }
});

/** What a start says, in one line. */
async function problemOf(connecting: Promise<Bus>): Promise<string> {
  try {
    await (await connecting).close();
  } catch (error) {
    return `${(error as Error).message} (${String((error as Error).cause)})`;
  }
  return 'it was accepted';
}

it.each<[string, () => Promise<Bus>, RegExp]>([
  ['another authority', () => connectTo('localhost', { ca: otherCa }), /Check NATS_CA and the host in NATS_URL/],
  ['no authority', () => connectTo('localhost', { ca: undefined }), /Check NATS_CA/],
  ['another host', () => connectTo('127.0.0.1'), /Check NATS_CA and the host in NATS_URL/],
  [
    'another password',
    () => connectTo('localhost', { password: 'hunter2' }),
    /Check the user in NATS_URL and NATS_PASSWORD/,
  ],
  ['a server without TLS', () => connectTo('localhost', {}, servers.plain), /Check NATS_URL/],
  [
    'a server without TLS for tls://',
    () => connectTo('', { ca: undefined, url: `tls://auth@localhost:${servers.plain.port}` }, servers.plain),
    /Check NATS_URL/,
  ],
])('refuses %s with one line that names the variable', async (_name, connect, line) => {
  const problem = await problemOf(connect());
  expect(problem).toMatch(/^NATS at (localhost|127\.0\.0\.1):\d+ cannot be used\. /);
  expect(problem).toMatch(line);
  expect(problem).not.toMatch(/hunter2|p@ss|p%40ss|\n/);
});

it('checks an address against the addresses of the certificate', async () => {
  const own = makeCertificates('IP:127.0.0.1');
  const tls = `tls { cert_file: "${own.certFile}", key_file: "${own.keyFile}" }\n`;
  const server = await startNats({ dataDir: join(folder, 'address'), accounts: tls });
  try {
    const bus = await Bus.connect({ url: `tls://127.0.0.1:${server.port}`, ca: own.ca, name: 'test' });
    await bus.close();
  } finally {
    await server.stop();
  }
});
