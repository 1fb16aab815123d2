import { createPool, roleOf } from '@agent-platform/database';
import { EgressClient } from '@agent-platform/egress';
import { Bus, natsAccountsConfig, OutboxRelay } from '@agent-platform/messaging';
import { createLogger, Metrics } from '@agent-platform/observability';
import {
  createTestDatabase,
  MASTER_KEY,
  startNatsBackend,
  testEnvironment,
  type TestDatabase,
} from '@agent-platform/testing';
import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { CallMetrics } from '../src/calls/call-metrics';
import { IntegrationsConfig } from '../src/config';
import { findCredential, putCredential } from '../src/connections/credential-store';
import { Refresher } from '../src/connections/refresher';
import { IntegrationChanges } from '../src/health/integration-changes';
import { OAuthClient } from '../src/oauth/oauth-client';
import { MasterKeys } from '@agent-platform/vault';
import { CREDENTIAL_TABLES, Vault } from '../src/vault/vault';

const logger = createLogger({ service: 'test', destination: { write: () => undefined } });
const config: IntegrationsConfig = Object.assign(new IntegrationsConfig(), {
  masterKey: MASTER_KEY,
  oauthTimeoutMs: 500,
});

let database: TestDatabase;
let nats: Awaited<ReturnType<typeof startNatsBackend>>;
let bus: Bus;
let pool: Pool;
let relay: OutboxRelay;
let vault: Vault;
let server: Server;
let tokenUrl: string;
/** The refresh tokens that came, and what each is answered. */
const came: string[] = [];
let answer: (token: string, response: ServerResponse) => void;
/** Two replicas. */
let replicas: Refresher[];

const fresh = (token: string, response: ServerResponse) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ access_token: `a${token}`, refresh_token: `${token}+`, expires_in: 3600 }));
};

beforeAll(async () => {
  database = await createTestDatabase();
  const folder = mkdtempSync(join(testEnvironment().folder, 'nats-'));
  nats = await startNatsBackend(
    folder,
    natsAccountsConfig(() => '"test"'),
  );
  bus = await Bus.connect({ url: `nats://integrations:test@${nats.host}:${nats.port}`, name: 'test' });
  const role = roleOf('integrations');
  pool = createPool({
    url: database.urlOf(role),
    role,
    scope: 'service',
    name: 'test',
    max: 8,
    onError: () => undefined,
  });
  relay = new OutboxRelay(pool, bus, 'integration', logger);
  vault = new Vault(new MasterKeys(config, CREDENTIAL_TABLES), pool, logger);
  await vault.onModuleInit();
  server = createServer((request, response) => {
    let form = '';
    request.on('data', (chunk: Buffer) => (form += chunk.toString()));
    request.on('end', () => {
      const token = new URLSearchParams(form).get('refresh_token') ?? '';
      came.push(token);
      answer(token, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  tokenUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  const oauth = new OAuthClient(new EgressClient({ allow: ['127.0.0.1'] }), config);
  const changes = new IntegrationChanges(bus);
  const newMetrics = () => new CallMetrics(new Metrics('test'));
  replicas = [0, 1].map(() => new Refresher(pool, vault, oauth, relay, changes, logger, config, newMetrics()));
});
afterAll(async () => {
  server?.close();
  server?.closeAllConnections();
  await relay?.stop();
  await bus?.close();
  await nats?.stop();
  await pool?.end();
  await database?.drop();
});
beforeEach(() => {
  came.length = 0;
  answer = fresh;
});

/** A connection whose provider rotates, unless `rotates` says otherwise. */
async function connection(rotates: boolean | null = null) {
  const place = { integrationId: randomUUID(), agentId: randomUUID(), purpose: 'connection' } as const;
  await pool.query(
    `INSERT INTO integration.integrations (id, agent_id, name, base_url, auth_method, auth, allowed_hosts)
     VALUES ($1, $2, 'x', 'https://x', 'oauth2', $3, '{x}')`,
    [place.integrationId, place.agentId, { authorizeUrl: tokenUrl, tokenUrl, clientId: 'c' }],
  );
  const content = { type: 'oauth2', hosts: ['x'], tokenUrl, accessToken: 'a', refreshToken: 'r' };
  await putCredential(pool, vault, place, content, { refreshable: true, rotates, expiresAtMs: 0 });
  const row = await findCredential(pool, place);
  if (!row) throw new Error('not stored');
  const look = async () => {
    const { rows } = await pool.query<{ version: number; state: string; leased: boolean; rotates: boolean | null }>(
      `SELECT version, state, refresh_until IS NOT NULL AS leased, rotates FROM integration.integration_credentials WHERE id = $1`,
      [row.id],
    );
    return rows[0];
  };
  return { id: row.id, look };
}

const codeOf = (promise: Promise<void>) =>
  promise.then(
    () => 'refreshed',
    (error: { code?: string }) => error.code,
  );
const refresh = (replica: number, id: string, version = 1) =>
  codeOf((replicas[replica] as Refresher).refresh(id, version, Date.now() + 5000));

it('many callers on two replicas send one request, and whoever comes late with the old version none', async () => {
  const { id, look } = await connection();
  answer = (token, response) => setTimeout(() => fresh(token, response), 100);
  const outcomes = await Promise.all(Array.from({ length: 40 }, (_, index) => refresh(index % 2, id)));
  expect(new Set(outcomes)).toEqual(new Set(['refreshed']));
  for (const replica of [0, 1]) expect(await refresh(replica, id)).toBe('refreshed');
  expect(came).toEqual(['r']);
  expect(await look()).toEqual({ version: 2, state: 'connected', leased: false, rotates: true });
  expect(await refresh(1, id, 2)).toBe('refreshed');
  expect(came).toEqual(['r', 'r+']);
});

it.each([
  ['the answer is lost', (_token: string, response: ServerResponse) => void response.destroy()],
  ['it comes too late', () => undefined],
  ['it is a 502', (_token: string, response: ServerResponse) => void response.writeHead(502).end()],
  ['it is nonsense', (_token: string, response: ServerResponse) => void response.end('{}')],
  [
    'it is invalid_grant',
    (_token: string, response: ServerResponse) => void response.writeHead(400).end('{"error":"invalid_grant"}'),
  ],
])('where %s, the token is not sent again, and a person is asked', async (_what, act) => {
  const { id, look } = await connection();
  answer = act;
  expect(await refresh(0, id)).toBe('integration.reauth-required');
  answer = fresh;
  expect(await refresh(1, id)).toBe('integration.reauth-required');
  expect(came).toEqual(['r']);
  expect(await look()).toMatchObject({ version: 1, state: 'reauth_required', leased: false });
});

it('where the provider is known not to rotate, a lost answer is asked for again', async () => {
  const { id, look } = await connection(false);
  answer = (_token, response) => void response.destroy();
  expect(await refresh(0, id)).toBe('integration.refresh.pending');
  answer = fresh;
  expect(await refresh(1, id)).toBe('refreshed');
  expect(came).toEqual(['r', 'r']);
  expect(await look()).toMatchObject({ version: 2, state: 'connected' });
});

it.each([
  ['is busy', 503, 'integration.refresh.pending'],
  ['has had too many requests', 429, 'integration.refresh.pending'],
  ['does not know the client', 401, 'integration.oauth.failed'],
])('where the server %s, the connection stays as it is', async (_what, status, code) => {
  const { id, look } = await connection();
  answer = (_token, response) =>
    void response.writeHead(status, { 'retry-after': '0' }).end('{"error":"invalid_client"}');
  expect(await refresh(0, id)).toBe(code);
  expect(await look()).toMatchObject({ version: 1, state: 'connected', leased: false });
  answer = fresh;
  expect(await refresh(1, id)).toBe('refreshed');
});

it('a lease that its process did not end is not taken up with the same token', async () => {
  const { id, look } = await connection();
  await pool.query(
    "UPDATE integration.integration_credentials SET refresh_until = now() - interval '1 second' WHERE id = $1",
    [id],
  );
  expect(await refresh(0, id)).toBe('integration.reauth-required');
  expect(came).toEqual([]);
  expect(await look()).toMatchObject({ state: 'reauth_required' });
});

it('another replica waits for a lease that is held, and says so when its time is up', async () => {
  const { id } = await connection();
  await pool.query(
    "UPDATE integration.integration_credentials SET refresh_until = now() + interval '1 minute' WHERE id = $1",
    [id],
  );
  const waiting = codeOf((replicas[0] as Refresher).refresh(id, 1, Date.now() + 300));
  expect(await waiting).toBe('integration.refresh.pending');
  expect(came).toEqual([]);
});
