import type { PermitGrant, PermitRequest } from '@agent-platform/contracts';
import { createPool } from '@agent-platform/database';
import { createTestDatabase, type TestDatabase } from '@agent-platform/testing';
import type { Pool } from 'pg';
import { RateLimitsService } from '../src/rate-limits/rate-limits.service';

let database: TestDatabase;
let pool: Pool;
let ledger: RateLimitsService;
let agentId: string;
let otherId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  const url = database.urlOf('ap_auth');
  pool = createPool({ url, role: 'ap_auth', scope: 'service', name: 'test', max: 8, onError: () => undefined });
  ledger = new RateLimitsService(pool);
  const agents = await database.query<{ id: string }>('SELECT id FROM auth.agents ORDER BY name');
  [agentId = '', otherId = ''] = agents.map(({ id }) => id);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});
beforeEach(async () => {
  await database.query('DELETE FROM auth.rate_limit_windows');
  await limit(60);
});

const limit = (rpm: number) =>
  database.query('UPDATE auth.agents SET rate_limit_rpm = $1 WHERE id = $2', [rpm, agentId]);
const lease = async (want: number, returned: PermitRequest['returned'] = []): Promise<PermitGrant> => {
  const [grant] = await ledger.lease([{ agentId, want, returned }]);
  if (!grant) throw new Error('nothing was answered');
  return grant;
};
/** Makes all that was given out so much older. */
const age = (ms: number) =>
  database.query('UPDATE auth.rate_limit_windows SET slots = ARRAY(SELECT s - $1::bigint / 250 FROM unnest(slots) s)', [
    ms,
  ]);
const remaining = async () =>
  (await pool.query<{ left: number }>('SELECT auth.remaining_requests($1) AS left', [agentId])).rows[0]?.left;

it('gives out what is left of the limit, and says when there is more', async () => {
  expect(await lease(50)).toMatchObject({ granted: 50, rpm: 60, remaining: 10, retryAfterMs: 0 });
  expect(await remaining()).toBe(10);
  const rest = await lease(50);
  expect(rest).toMatchObject({ granted: 10, remaining: 0 });
  const none = await lease(1);
  expect(none).toMatchObject({ granted: 0, remaining: 0 });
  expect(none.retryAfterMs).toBeGreaterThan(60_000);
  expect(none.retryAfterMs).toBeLessThanOrEqual(62_250);
});

it('counts a permit for the window and for the time in which it can have been used', async () => {
  await lease(60);
  await age(61_000);
  expect((await lease(1)).granted).toBe(0);
  await age(1_500);
  expect((await lease(60)).granted).toBe(60);
});

it('takes unused permits back, once and never more than were given out', async () => {
  const { slot } = await lease(60);
  expect(await lease(0, [[slot, 20]])).toMatchObject({ granted: 0, remaining: 20 });
  expect(await lease(30)).toMatchObject({ granted: 20, remaining: 0 });
  expect(
    await lease(0, [
      [slot, 1000],
      [slot - 1, 1000],
    ]),
  ).toMatchObject({ remaining: 60 });
});

it('follows a change of the limit at once, up and down', async () => {
  await lease(60);
  await limit(100);
  expect(await lease(50)).toMatchObject({ granted: 40, rpm: 100 });
  await limit(10);
  expect(await lease(1)).toMatchObject({ granted: 0, rpm: 10, remaining: 0 });
  await age(62_500);
  expect(await lease(50)).toMatchObject({ granted: 10 });
});

it('never gives out more than the limit, however many ask at once, in whatever order', async () => {
  await database.query('UPDATE auth.agents SET rate_limit_rpm = 60');
  const asks = Array.from({ length: 60 }, (_, index) => {
    const both = [
      { agentId, want: 3, returned: [] },
      { agentId: otherId, want: 2, returned: [] },
    ];
    return ledger.lease(index % 2 ? both : both.reverse());
  });
  const grants = (await Promise.all(asks)).flat();
  const given = (id: string) =>
    grants.filter((grant) => grant.agentId === id).reduce((sum, { granted }) => sum + granted, 0);
  expect([given(agentId), given(otherId)]).toEqual([60, 60]);
});

it('answers nothing for an agent that is not there', async () => {
  expect(await ledger.lease([{ agentId: '01938f9e-7c1e-7000-8000-000000000001', want: 1, returned: [] }])).toEqual([]);
});

it('chooses of the active agents that hold a skill the one with most of its limit left', async () => {
  await database.query("UPDATE auth.agents SET rate_limit_rpm = 60, status = 'active'");
  const best = async () =>
    (await database.query<{ id: string }>("SELECT auth.get_best_agent_for_skill('workflow_read') AS id"))[0]?.id;
  const agents = await database.query<{ id: string; name: string }>('SELECT id, name FROM auth.agents');
  const idOf = (name: string) => agents.find((agent) => agent.name === name)?.id ?? '';
  const use = (name: string, want: number) => ledger.lease([{ agentId: idOf(name), want, returned: [] }]);
  await use('OpenClaw', 10);
  expect(await best()).toBe(idOf('Dashboard'));
  await use('Dashboard', 20);
  expect(await best()).toBe(idOf('OpenClaw'));
  // In proportion: 20 of 6000 is less than 10 of 60.
  await database.query("UPDATE auth.agents SET rate_limit_rpm = 6000 WHERE name = 'Dashboard'");
  expect(await best()).toBe(idOf('Dashboard'));
  await database.query("UPDATE auth.agents SET status = 'suspended' WHERE name = 'Dashboard'");
  expect(await best()).toBe(idOf('OpenClaw'));
  await database.query("UPDATE auth.agents SET status = 'suspended'");
  expect(await best()).toBeNull();
});
