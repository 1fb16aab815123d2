import { createPool, roleOf } from '@agent-platform/database';
import { createLogger } from '@agent-platform/observability';
import { createTestDatabase, MASTER_KEY, type TestDatabase } from '@agent-platform/testing';
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { findCredential, putCredential, type CredentialPlace } from '../src/connections/credential-store';
import { MasterKeys, rotateVault, type Sealed } from '@agent-platform/vault';

import { CREDENTIAL_TABLES, Vault, type SealedIdentity } from '../src/vault/vault';

const NEW_KEY = 'the next master key of the tests, 32 characters and more';
const logger = createLogger({ service: 'test', destination: { write: () => undefined } });

let database: TestDatabase;
let pool: Pool;

beforeEach(async () => {
  database = await createTestDatabase();
  const url = database.urlOf(roleOf('integrations'));
  pool = createPool({
    url,
    role: roleOf('integrations'),
    scope: 'service',
    name: 'test',
    max: 4,
    onError: () => undefined,
  });
});
afterEach(async () => {
  await pool.end();
  await database.drop();
});

async function openVault(masterKey = MASTER_KEY, masterKeyPrevious?: string): Promise<Vault> {
  const vault = new Vault(new MasterKeys({ masterKey, masterKeyPrevious }, CREDENTIAL_TABLES), pool, logger);
  await vault.onModuleInit();
  return vault;
}

async function newPlace(agentId: string = randomUUID()): Promise<CredentialPlace> {
  const integrationId = randomUUID();
  await pool.query(
    `INSERT INTO integration.integrations (id, agent_id, name, base_url, auth_method, auth, allowed_hosts)
     VALUES ($1, $2, gen_random_uuid()::text, 'https://x', 'api_key', '{}', '{x}')`,
    [integrationId, agentId],
  );
  return { integrationId, agentId, purpose: 'connection' };
}

async function stored(vault: Vault, place: CredentialPlace, content: object) {
  await vault.store(() => putCredential(pool, vault, place, content));
  const found = await findCredential(pool, place);
  if (!found) throw new Error('nothing was stored');
  return found;
}

const keyVersions = async () =>
  (await database.query<{ version: number }>('SELECT version FROM integration.master_keys ORDER BY 1')).map(
    ({ version }) => version,
  );

describe('a stored credential', () => {
  it('opens for its row and version alone, and nothing of it can be changed, cut or moved', async () => {
    const vault = await openVault();
    const place = await newPlace();
    const row = await stored(vault, place, { apiKey: 'a secret' });
    const other = await stored(vault, await newPlace(place.agentId), { apiKey: 'another' });
    const refused = async (sealed: Sealed, identity: SealedIdentity) =>
      expect(await vault.open(sealed, identity).catch((error: { code?: string }) => error.code)).toBe(
        'integration.credential.unreadable',
      );

    expect(await vault.open(row, row)).toEqual({ apiKey: 'a secret' });
    for (const field of ['sealed', 'wrappedKey'] as const) {
      const bytes = row[field];
      for (let at = 0; at < bytes.length; at++) {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
        await refused({ ...row, [field]: changed }, row);
        await refused({ ...row, [field]: bytes.subarray(0, at) }, row);
      }
      await refused({ ...row, [field]: other[field] }, row);
    }
    await refused(other, row);
    await refused({ ...row, keyVersion: 2 }, row);
    await refused({ ...row, keyVersion: 0 }, row);
    for (const changed of [
      { id: other.id },
      { integrationId: other.integrationId },
      { agentId: randomUUID() },
      { purpose: 'client' as const },
      { version: 2 },
    ]) {
      await refused(row, { ...row, ...changed });
    }
    // An older content of the same row does not come back either.
    const newer = await stored(vault, place, { apiKey: 'newer' });
    await refused({ ...newer, wrappedKey: row.wrappedKey, sealed: row.sealed }, newer);
    expect(await vault.open(newer, newer)).toEqual({ apiKey: 'newer' });
  });

  it('has an initialisation vector and a data key of its own, each time it is stored', async () => {
    const vault = await openVault();
    const place = await newPlace();
    const seen = new Set<string>();
    for (let round = 0; round < 50; round++) {
      const { sealed, wrappedKey } = await stored(vault, place, { apiKey: 'the same' });
      seen.add(sealed.subarray(0, 12).toString('hex')).add(wrappedKey.subarray(0, 12).toString('hex'));
    }
    expect(seen.size).toBe(100);
  });
});

describe('the master key', () => {
  it('that is wrong stops the service with one clear line and touches nothing', async () => {
    await stored(await openVault(), await newPlace(), { apiKey: 'a secret' });
    const dump = async () =>
      database.query('SELECT * FROM integration.master_keys m, integration.integration_credentials c');
    const before = await dump();
    await expect(openVault(`${MASTER_KEY}!`)).rejects.toThrow(/^MASTER_KEY is not the one [^\n]*$/);
    await expect(openVault(NEW_KEY, `${MASTER_KEY}!`)).rejects.toThrow('MASTER_KEY is not the one');
    expect(await dump()).toEqual(before);
  });

  it('is made once by many replicas that start at once', async () => {
    const vaults = await Promise.all(Array.from({ length: 4 }, () => openVault()));
    expect(await keyVersions()).toEqual([1]);
    const place = await newPlace();
    const row = await stored(vaults[0] as Vault, place, { apiKey: 'a secret' });
    for (const vault of vaults) expect(await vault.open(row, row)).toEqual({ apiKey: 'a secret' });
  });

  it('is replaced while replicas go on: what they write is under the new one, and nothing is left under the old', async () => {
    const old = await openVault();
    const places = await Promise.all(Array.from({ length: 30 }, () => newPlace()));
    for (const [index, place] of places.entries()) await stored(old, place, { index });
    const replica = await openVault(NEW_KEY, MASTER_KEY);
    expect(replica.keys.current).toBe(1);

    const rotating = await openVault(NEW_KEY, MASTER_KEY);
    const progress: number[] = [];
    const { version, done } = await rotateVault(rotating, pool, (_done, left) => progress.push(left));
    expect({ version, done, last: progress.at(-1) }).toEqual({ version: 2, done: 30, last: 0 });
    expect(await keyVersions()).toEqual([2]);
    // A replica that has not heard of it writes with the old one, is refused by the database, and learns.
    const late = await newPlace();
    expect(await stored(replica, late, { index: 30 })).toMatchObject({ keyVersion: 2 });
    for (const [index, place] of [...places, late].entries()) {
      const row = await findCredential(pool, place);
      if (row) expect(await replica.open(row, row)).toEqual({ index });
    }
    // One with the old key alone says what is the matter; one with the new key alone starts.
    await expect(openVault()).rejects.toThrow('MASTER_KEY_PREVIOUS');
    const row = await findCredential(pool, late);
    const fresh = await openVault(NEW_KEY);
    if (row) expect(await fresh.open(row, row)).toEqual({ index: 30 });
    expect((await rotateVault(fresh, pool)).done).toBe(0);
  });

  it('that was replaced is refused by the database itself', async () => {
    const vault = await openVault();
    const row = await stored(vault, await newPlace(), { apiKey: 'a secret' });
    await rotateVault(await openVault(NEW_KEY, MASTER_KEY), pool);
    const { wrappedKey } = vault.seal({}, row);
    const write = pool.query('UPDATE integration.integration_credentials SET wrapped_key = $1, key_version = 1', [
      wrappedKey,
    ]);
    await expect(write).rejects.toMatchObject({ code: 'APMK1' });
  });

  it('names the credential whose data key does not open, and has done those before it', async () => {
    const vault = await openVault();
    const bad = await stored(vault, await newPlace(), {});
    await pool.query("UPDATE integration.integration_credentials SET wrapped_key = 'broken' WHERE id = $1", [bad.id]);
    await expect(rotateVault(await openVault(NEW_KEY, MASTER_KEY), pool)).rejects.toThrow(bad.id);
  });
});
