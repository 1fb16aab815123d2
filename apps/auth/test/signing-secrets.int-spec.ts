import { createLogger } from '@agent-platform/observability';
import { createTestDatabase, type TestDatabase } from '@agent-platform/testing';
import { randomUUID } from 'node:crypto';
import { Pool } from 'pg';
import { Nonces } from '../src/signing-secrets/nonces';
import { Vault } from '../src/signing-secrets/vault';

const MASTER_KEY = 'a master key of 32 characters or more';
const logger = createLogger({ service: 'test', destination: { write: () => undefined } });

let database: TestDatabase;
let pool: Pool;
let agentId: string;

beforeEach(async () => {
  database = await createTestDatabase();
  pool = new Pool({ connectionString: database.urlOf('ap_auth'), options: '-c app.scope=service', max: 8 });
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
    const vault = new Vault(MASTER_KEY);
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
    const vault = new Vault(MASTER_KEY);
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
    const vaults = Array.from({ length: 5 }, () => new Vault(MASTER_KEY));
    await Promise.all(vaults.map((vault) => vault.unlock(pool)));
    expect(await database.query('SELECT FROM auth.sealing_keys')).toHaveLength(1);
    const sealed = vaults[0]?.seal('an answer', 'identity') ?? '';
    expect(vaults.map((vault) => vault.open(sealed, 'identity'))).toEqual(vaults.map(() => 'an answer'));
    expect(() => vaults[1]?.open(sealed, 'another')).toThrow();
  });

  it('says in one line that a master key is wrong, and touches nothing', async () => {
    await new Vault(MASTER_KEY).unlock(pool);
    const before = await database.query('SELECT * FROM auth.sealing_keys');
    await expect(new Vault(`${MASTER_KEY}!`).unlock(pool)).rejects.toThrow('MASTER_KEY is not the one');
    expect(await database.query('SELECT * FROM auth.sealing_keys')).toEqual(before);
    await new Vault(MASTER_KEY).unlock(pool);
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
