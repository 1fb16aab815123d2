import { AGENT_CHANGED_SUBJECT } from '@agent-platform/contracts';
import { createPool } from '@agent-platform/database';
import { Bus, UnitOfWork } from '@agent-platform/messaging';
import { createLogger } from '@agent-platform/observability';
import { generateSignature } from '@agent-platform/shared-security';
import { createTestDatabase, startNatsBackend, until, type TestDatabase } from '@agent-platform/testing';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, type Pool } from 'pg';
import { AgentChanges } from '../src/agents/agent-changes';
import { Nonces } from '../src/signing-secrets/nonces';
import { SigningSecretsService } from '../src/signing-secrets/signing-secrets.service';
import { Vault } from '../src/signing-secrets/vault';

const MASTER_KEY = 'a master key of 32 characters or more';
const logger = createLogger({ service: 'test', destination: { write: () => undefined } });

let database: TestDatabase;
let pool: Pool;
let agentId: string;

beforeEach(async () => {
  database = await createTestDatabase();
  const url = database.urlOf('ap_auth');
  pool = createPool({ url, role: 'ap_auth', scope: 'service', name: 'test', max: 8, onError: () => undefined });
  const [agent] = await database.query<{ id: string }>("SELECT id FROM auth.agents WHERE name = 'OpenClaw'");
  agentId = agent?.id ?? '';
});
afterEach(async () => {
  await pool.end();
  await database.drop();
});

interface Sealed {
  readonly id: string;
  readonly key: string;
  readonly sealed: Buffer;
}
const stored = async () =>
  (await database.query<Sealed>('SELECT id, sealing_key_id AS key, sealed FROM auth.signing_secrets ORDER BY id')).at(
    -1,
  );
const labelOf = (id: string, agent = agentId) => `signing secret ${id} of agent ${agent}`;

describe('the vault', () => {
  it('opens what Postgres sealed, for its own row alone and unchanged', async () => {
    const vault = new Vault({ masterKey: MASTER_KEY });
    await vault.unlock(pool);
    for (let i = 0; i < 20; i++) {
      const [row] = await database.query<{ secret: string }>('SELECT auth.rotate_signing_secret($1) AS secret', [
        agentId,
      ]);
      const found = await stored();
      if (!found || !row) throw new Error('nothing was stored');
      expect(row.secret).toMatch(/^mj_secret_[0-9A-Za-z]{43}$/);
      expect(vault.unseal(found.key, found.sealed, labelOf(found.id))).toBe(row.secret);
      expect(() => vault.unseal(found.key, found.sealed, labelOf(randomUUID()))).toThrow();
      expect(() => vault.unseal(found.key, found.sealed, labelOf(found.id, randomUUID()))).toThrow();
      const changed = Buffer.from(found.sealed);
      changed.writeUInt8(changed.readUInt8(i * 12) ^ 1, i * 12);
      expect(() => vault.unseal(found.key, changed, labelOf(found.id))).toThrow();
    }
  });

  it('seals as RFC 8017 says: texts of any length up to 190 bytes', async () => {
    const vault = new Vault({ masterKey: MASTER_KEY });
    await vault.unlock(pool);
    for (const length of [0, 1, 63, 189, 190]) {
      const text = 'ü'.repeat(length / 2) + 'x'.repeat(length % 2);
      const [row] = await database.query<{ key: string; sealed: Buffer }>(
        "SELECT sealing_key_id AS key, sealed FROM auth.seal(convert_to($1, 'UTF8'), 'a label')",
        [text],
      );
      expect(row && vault.unseal(row.key, row.sealed, 'a label')).toBe(text);
    }
    await expect(database.query("SELECT auth.seal(convert_to(repeat('x', 191), 'UTF8'), '')")).rejects.toThrow(
      '190 bytes',
    );
  });

  it('has one key, whoever starts first, and every replica opens what another sealed', async () => {
    const vaults = Array.from({ length: 5 }, () => new Vault({ masterKey: MASTER_KEY }));
    await Promise.all(vaults.map((vault) => vault.unlock(pool)));
    expect(await database.query('SELECT FROM auth.sealing_keys')).toHaveLength(1);
    const sealed = vaults[0]?.seal('an answer', 'identity') ?? '';
    expect(vaults.map((vault) => vault.open(sealed, 'identity'))).toEqual(vaults.map(() => 'an answer'));
    expect(() => vaults[1]?.open(sealed, 'another')).toThrow();
  });

  it('says in one line that a master key is wrong, and touches nothing', async () => {
    await new Vault({ masterKey: MASTER_KEY }).unlock(pool);
    const before = await database.query('SELECT * FROM auth.sealing_keys');
    await expect(new Vault({ masterKey: `${MASTER_KEY}!` }).unlock(pool)).rejects.toThrow('MASTER_KEY is not the one');
    expect(await database.query('SELECT * FROM auth.sealing_keys')).toEqual(before);
    await new Vault({ masterKey: MASTER_KEY }).unlock(pool);
  });

  it('has no key yet where auth never started, and psql says what to do', async () => {
    await expect(database.query('SELECT auth.generate_signing_secret($1)', [agentId])).rejects.toThrow(
      'Start the auth service',
    );
  });
});

describe('nonces', () => {
  const replica = () => new Nonces(pool, logger);

  it('are taken once: of many uses at once, by several replicas, and after a restart', async () => {
    const replicas = [replica(), replica(), replica()];
    const nonces = Array.from({ length: 100 }, (_, index) => `nonce number ${index}`);
    const uses = nonces.flatMap((nonce) =>
      replicas.flatMap((one) => [one.take(agentId, nonce), one.take(agentId, nonce)]),
    );
    const taken = await Promise.all(uses);
    for (const index of nonces.keys()) {
      expect(taken.slice(index * 6, index * 6 + 6).filter(Boolean)).toHaveLength(1);
    }
    const restarted = replica();
    const again = await Promise.all(nonces.map((nonce) => restarted.take(agentId, nonce)));
    expect(again.filter(Boolean)).toEqual([]);
    expect(await restarted.take(randomUUID(), nonces[0] ?? '')).toBe(true);
  });

  it('that could not be taken are not taken for used', async () => {
    const nonces = replica();
    await database.query('ALTER TABLE auth.used_nonces RENAME TO away');
    await expect(nonces.take(agentId, 'x')).rejects.toThrow();
    await database.query('ALTER TABLE auth.away RENAME TO used_nonces');
    expect(await nonces.take(agentId, 'x')).toBe(true);
  });
});

describe('the check of a signature', () => {
  let folder: string;
  let nats: Awaited<ReturnType<typeof startNatsBackend>>;
  let bus: Bus;
  let service: SigningSecretsService;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'signing-'));
    nats = await startNatsBackend(folder, 'accounts {}');
    bus = await Bus.connect({ url: `nats://${nats.host}:${nats.port}`, name: 'test' });
    const changes = new AgentChanges(pool, logger, bus, new UnitOfWork(pool, 'auth', () => undefined));
    service = new SigningSecretsService(
      pool,
      bus,
      new Vault({ masterKey: MASTER_KEY }),
      new Nonces(pool, logger),
      changes,
    );
    await service.onModuleInit();
  });
  afterEach(async () => {
    await bus.close();
    await nats.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(['this agent', 'any agent'])('is answered although %s changes while its secrets are read', async (who) => {
    const [row] = await database.query<{ secret: string }>('SELECT auth.generate_signing_secret($1) AS secret', [
      agentId,
    ]);
    const timestamp = String(Math.floor(Date.now() / 1000));
    const command = { timestamp, nonce: randomUUID(), method: 'GET', path: '/', bodyHash: '' };
    const signature = generateSignature(row?.secret ?? '', command);
    const psql = new Client({ connectionString: database.url });
    await psql.connect();
    await psql.query('BEGIN; LOCK TABLE auth.signing_secrets IN ACCESS EXCLUSIVE MODE');
    const verified = service.verify({ agentId, signature, ...command });
    const blocked = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'auth.signing_secrets'::regclass";
    await until('the secrets to be read', async () => (await database.query(blocked)).length > 0);
    const heard = new Promise((resolve) => bus.subscribe(AGENT_CHANGED_SUBJECT, resolve));
    bus.publish(AGENT_CHANGED_SUBJECT, { agentId: who === 'any agent' ? null : agentId });
    await heard;
    await psql.end();
    expect(await verified).toEqual({ refused: null });
    // What was read before the change is not remembered: without a secret there is nothing to refuse.
    await database.query('UPDATE auth.signing_secrets SET revoked_at = now()');
    const unsigned = { ...command, nonce: randomUUID(), signature: `v1=${'0'.repeat(64)}` };
    expect(await service.verify({ agentId, ...unsigned })).toEqual({ refused: null });
  });
});
