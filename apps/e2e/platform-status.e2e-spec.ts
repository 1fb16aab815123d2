import { SERVICE_NAMES, type PlatformStatus } from '@agent-platform/contracts';
import { createTestAgent, startTestPlatform, TestClient, until, type TestPlatform } from '@agent-platform/testing';

let platform: TestPlatform;
let admin: TestClient;

beforeAll(async () => {
  platform = await startTestPlatform('separate processes', { VERSION: '7.1.0' });
  admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
});
afterAll(() => platform?.stop());

async function statusOf(): Promise<PlatformStatus> {
  const { status, body } = await admin.get('/v1/status');
  expect([status, body]).toEqual([200, expect.anything()]);
  return body.data as unknown as PlatformStatus;
}
const of = (status: PlatformStatus, name: string) => status.services.find(({ service }) => service === name);

it('shows the build, readiness, queues and outbox of every replica of every service', async () => {
  await platform.separate?.startService('health');
  const status = await statusOf();
  expect(status.status).toBe('ok');
  expect(status.services.map(({ service }) => service).sort()).toEqual(['gateway', ...SERVICE_NAMES].sort());
  expect(of(status, 'health')?.replicas).toHaveLength(2);
  for (const { service, replicas } of status.services) {
    for (const replica of replicas) {
      const database = service === 'gateway' || service === 'query-engine' ? {} : { database: 'ok' };
      expect(replica).toMatchObject({ version: '7.1.0', ready: true, checks: { bus: 'ok', ...database } });
      expect(replica.build).toMatch(/^[0-9a-f]{12}$/);
      expect(Object.values(replica.queues)).not.toContain(null);
      if ('database' in database) expect(replica.outbox?.rows).toBeLessThanOrEqual(10_000);
    }
  }
  expect(of(status, 'workflow-executor')?.replicas[0]?.queues).toEqual({
    runsInMemory: 0,
    runsReady: 0,
    runsWaiting: 0,
  });
  expect(of(status, 'webhook-receiver')?.replicas[0]?.queues).toMatchObject({ deliveriesWaiting: 0, deadLetters: 0 });
  expect(of(status, 'gateway')?.replicas[0]?.queues).toMatchObject({ openStreams: 0 });
});

it('counts what waits in an outbox, and how long the oldest has', async () => {
  await platform.separate?.processes.get('webhook-receiver')?.kill();
  await createTestAgent(admin);
  const status = await until('the age of the oldest', async () => {
    const seen = await statusOf();
    return (of(seen, 'auth')?.replicas[0]?.outbox?.oldestSeconds ?? 0) >= 1 && seen;
  });
  expect(of(status, 'auth')?.replicas[0]?.outbox?.rows).toBeGreaterThanOrEqual(1);
  expect(status.status).toBe('degraded');
  expect(of(status, 'webhook-receiver')).toEqual({ service: 'webhook-receiver', status: 'unreachable', replicas: [] });
  await platform.separate?.startService('webhook-receiver');
  await until('all to be well', async () => (await statusOf()).status === 'ok');
});

it('is for system_admin alone', async () => {
  const { key } = await createTestAgent(admin, { skills: ['integration_read'] });
  const answer = await new TestClient(platform.gateway, key).get('/v1/status');
  expect(answer).toMatchObject({ status: 403, body: { missingCapability: 'system_admin' } });
});
