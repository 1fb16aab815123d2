import { generateApiKey, hashApiKey, isUuid, isWellFormedApiKey } from '@agent-platform/shared-security';
import { createTestDatabase, type TestDatabase } from '@agent-platform/testing';
import { Client } from 'pg';

let database: TestDatabase;
let psql: Client;
let agentId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  psql = new Client({ connectionString: database.urlOf('ap_owner') });
  await psql.connect();
  [{ id: agentId } = { id: '' }] = await one<{ id: string }>("SELECT id FROM agents WHERE name = 'Dashboard'");
});
afterAll(async () => {
  await psql.end();
  await database.drop();
});

/** As the owner role, whose URL `npm start` writes to urls.json; functions are named without a schema, as a person would. */
async function one<Row extends object>(sql: string, values: unknown[] = []): Promise<Row[]> {
  return (await psql.query<Row>(sql, values)).rows;
}
const value = async (sql: string, values: unknown[] = []) =>
  Object.values((await one(sql, values))[0] ?? {})[0] as unknown;
const verify = async (key: string | null) =>
  (await one<{ refused: string | null }>('SELECT * FROM verify_agent_api_key($1)', [key]))[0];

describe('keys', () => {
  it('made in psql have the form that the gateway checks, and are good', async () => {
    for (let i = 0; i < 50; i++) {
      const key = (await value("SELECT generate_agent_api_key('Dashboard', '1 day'::interval)")) as string;
      expect(isWellFormedApiKey(key)).toBe(true);
      expect(await verify(key)).toMatchObject({ agent_id: agentId, agent_name: 'Dashboard', refused: null });
    }
    await expect(value("SELECT generate_agent_api_key('Nobody')")).rejects.toThrow('There is no agent named Nobody');
    for (const lifetime of ['0', '-1 day', '366 days']) {
      await expect(value('SELECT generate_agent_api_key($1, $2)', ['Dashboard', lifetime])).rejects.toThrow(
        'at most 365 days',
      );
    }
  });

  it('are told what is wrong with them, and no hash', async () => {
    const { key, hash, prefix } = generateApiKey();
    expect((await verify(key))?.refused).toBe('unknown');
    for (const bad of [null, '', 'x', `${key}0`, key.toUpperCase(), key.replace(/.$/, '-')]) {
      expect((await verify(bad))?.refused).toBe('malformed');
    }
    const insert =
      'INSERT INTO api_keys (id, agent_id, key_hash, prefix, expires_at) VALUES (platform.uuid_v7(), $1, $2, $3, $4)';
    await one(insert, [agentId, hash, prefix, new Date(Date.now() - 1000)]);
    expect((await verify(key))?.refused).toBe('expired');
    const good = (await value("SELECT generate_agent_api_key('Dashboard')")) as string;
    const found = await verify(good);
    expect(JSON.stringify(found)).not.toContain(hashApiKey(good).toString('hex'));
    expect(Object.keys(found ?? {}).sort()).toEqual([
      'agent_id',
      'agent_name',
      'capabilities',
      'expires_at',
      'key_id',
      'refused',
    ]);
    await one("UPDATE agents SET status = 'suspended' WHERE id = $1", [agentId]);
    expect((await verify(good))?.refused).toBe('suspended');
    await one("UPDATE agents SET status = 'active' WHERE id = $1", [agentId]);
    expect(await value('SELECT revoke_agent_api_key($1)', [(found as { key_id?: string }).key_id])).toBe(true);
    expect((await verify(good))?.refused).toBe('revoked');
    expect(await value('SELECT revoke_agent_api_key($1)', [agentId])).toBe(false);
  });

  it('rotate: the old ones end with the grace, none lives longer than it did', async () => {
    const short = (await value("SELECT generate_agent_api_key('Dashboard', interval '1 minute')")) as string;
    const long = (await value("SELECT generate_agent_api_key('Dashboard')")) as string;
    const [rotated] = await one<{ id: string; key: string; expires_at: Date }>(
      "SELECT * FROM rotate_agent_api_key($1, interval '1 hour', interval '2 hours')",
      [agentId],
    );
    const minutesLeft = async (key: string) => {
      const { expires_at: end } = (await verify(key)) as unknown as { expires_at: Date };
      return Math.round((end.getTime() - Date.now()) / 60_000);
    };
    expect([await minutesLeft(short), await minutesLeft(long), await minutesLeft(rotated?.key ?? '')]).toEqual([
      1, 60, 120,
    ]);
    for (const grace of ['-1 second', '8 days']) {
      await expect(value('SELECT rotate_agent_api_key($1, $2)', [agentId, grace])).rejects.toThrow('0 to 7 days');
    }
  });

  it('of every call by hand leave one audit row', async () => {
    const count = async () => Number(await value("SELECT count(*) FROM audit_log WHERE reason = 'by hand'"));
    const before = await count();
    await value("SELECT generate_agent_api_key('Dashboard')");
    await value('SELECT key FROM rotate_agent_api_key($1)', [agentId]);
    expect(await count()).toBe(before + 2);
    // Undone together with what it tells of.
    await psql.query('BEGIN');
    await value("SELECT generate_agent_api_key('Dashboard')");
    await psql.query('ROLLBACK');
    expect(await count()).toBe(before + 2);
    expect(isUuid(String(await value("SELECT log_audit_event('system.maintenance')")))).toBe(true);
  });
});

describe('skills', () => {
  it('are read, granted and asked for', async () => {
    const skills = (await one<{ capability: string }>('SELECT * FROM get_agent_skills($1)', [agentId])).map(
      ({ capability }) => capability,
    );
    expect(skills).toEqual(['data_query', 'data_read', 'workflow_read']);
    const can = (skill: string) => value('SELECT can_agent_perform_skill($1, $2)', [agentId, skill]);
    expect([await can('data_read'), await can('data_write'), await can('nonsense')]).toEqual([true, false, false]);
    const grant = () => value("SELECT grant_agent_skill($1, 'data_write', NULL, 'for a test')", [agentId]);
    expect([await grant(), await grant()]).toEqual([true, false]);
    expect(await can('data_write')).toBe(true);
    await expect(value("SELECT grant_agent_skill($1, 'nonsense')", [agentId])).rejects.toThrow(
      'agent_skills_capability_fk',
    );
    const holders = await one<{ name: string }>("SELECT name FROM get_skill_agents('data_write')");
    expect(holders.map(({ name }) => name).sort()).toEqual(['Dashboard', 'OpenClaw']);
    await one("UPDATE agents SET status = 'archived' WHERE id = $1", [agentId]);
    expect(await can('data_write')).toBe(false);
    await one("UPDATE agents SET status = 'active' WHERE id = $1", [agentId]);
  });
});

describe('utilities', () => {
  it('are there under their names', async () => {
    expect(await value('SELECT current_agent_id()')).toBeNull();
    expect(await value("SELECT ensure_audit_partition('2031-05-17')")).toBe('audit_log_2031_05');
    const uuids = await one<{ id: string }>('SELECT platform.uuid_v7() AS id FROM generate_series(1, 100)');
    for (const { id } of uuids) {
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(Math.abs(parseInt(id.replaceAll('-', '').slice(0, 12), 16) - Date.now())).toBeLessThan(60_000);
    }
    const triggers = await one(
      "SELECT FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE p.proname = 'set_updated_at'",
    );
    expect(triggers.length).toBeGreaterThan(1);
  });
});
