import type { AgentWithKeys, IssuedKey } from '@agent-platform/contracts';
import {
  createTestAgent,
  MASTER_KEY,
  signatureHeaders,
  startTestPlatform,
  TestClient,
  until,
  type Answer,
  type TestPlatform,
  PROMPT_SPANS,
  startTraceCollector,
  type TraceCollector,
  everythingWritten,
  formsOf,
  logEverything,
  whereFound,
} from '@agent-platform/testing';

let collector: TraceCollector;
let platform: TestPlatform;
/** Every answer that was not meant to hold a secret. */
const answers: string[] = [];
const secrets: string[] = [MASTER_KEY];

beforeAll(async () => {
  collector = await startTraceCollector();
  const tracing = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, ...PROMPT_SPANS };
  platform = await startTestPlatform('separate processes', { LOG_LEVEL: 'debug', ...tracing });
  await logEverything(platform);
  // The connections that are there have the old setting.
  for (const service of ['auth', 'workflow-executor'] as const) {
    await platform.separate?.processes.get(service)?.stop();
    await platform.separate?.startService(service);
  }
});
afterAll(async () => {
  await platform?.stop();
  await collector?.stop();
});

const keep = (answer: Answer) => {
  answers.push(JSON.stringify([answer.status, [...answer.headers], answer.body]));
  return answer;
};

/** Whatever is done with keys and secrets, well and badly. */
async function useEverything(): Promise<void> {
  const { gateway, keys, database } = platform;
  const admin = new TestClient(gateway, keys.OpenClaw ?? '');
  secrets.push(...Object.values(keys));
  const { id, key, name } = await createTestAgent(admin, { skills: ['agent_manage', 'workflow_manage'] });
  secrets.push(key);
  const once = { 'idempotency-key': 'canary' };
  const rotate = () => admin.post(`/v1/agents/${id}/keys`, { graceSeconds: 600 }, once);
  const second = ((await rotate()).body.data as unknown as IssuedKey).key;
  await rotate();
  const issued = await admin.post(`/v1/agents/${id}/signing-secret`, {}, { 'idempotency-key': 'canary-2' });
  const { secret } = issued.body.data as unknown as { secret: string };
  const again = await admin.post(`/v1/agents/${id}/signing-secret`, { graceSeconds: 600 });
  const newest = (again.body.data as unknown as { secret: string }).secret;
  const byHand = await database.query<{ key: string; secret: string }>(
    `SELECT auth.generate_agent_api_key($1) AS key, auth.rotate_signing_secret($2) AS secret`,
    [name, id],
  );
  secrets.push(second, secret, newest, byHand[0]?.key ?? '', byHand[0]?.secret ?? '');

  const agent = new TestClient(gateway, second);
  const body = JSON.stringify({
    definition: { name: 'canary', steps: [{ id: 'one', type: 'transform', with: { value: 1 } }] },
  });
  const path = '/v1/workflows';
  await until('the secret to be in force', async () => {
    return (await agent.send('POST', path, body, signatureHeaders(secret, 'POST', path, body))).status === 201;
  });
  for (const by of [newest, secret, 'wrong']) {
    keep(await agent.send('POST', path, body, signatureHeaders(by, 'POST', path, body)));
  }
  // What people do by mistake.
  keep(await agent.get(`/v1/agents/${key}`));
  keep(await agent.get(`/v1/agents/${secret}?key=${key}`));
  keep(await agent.get('/v1/agents?search=x', { 'x-request-id': key, 'user-agent': `curl ${key} ${secret}` }));
  keep(await admin.post(path, {}, { 'idempotency-key': key }));
  keep(await admin.send('POST', '/v1/actions', `${key} ${secret}`));
  keep(await admin.send('POST', path, `{"a": ${secret}}`));
  keep(await admin.send('PATCH', `/v1/agents/${key}/keys/${secret}`, '{}'));
  keep(await admin.action(`agent.${key}`));
  keep(await agent.get('/v1/me', { 'x-agent-key': key }));
  keep(await new TestClient(gateway, `${key}x`).get('/v1/me'));
  const { keys: shown } = keep(await admin.get(`/v1/agents/${id}`)).body.data as unknown as AgentWithKeys;
  for (const one of shown) keep(await admin.send('DELETE', `/v1/agents/${id}/keys/${one.id}`));
  keep(await agent.get('/v1/me'));
  keep(await admin.get('/v1/audit?limit=200'));
  keep(await admin.get('/v1/agents?limit=200'));
  answers.push(await (await fetch(`${gateway}/metrics`)).text());
}

it('no key or secret is in any log, table, stream or answer, in clear, hex or base64', async () => {
  await useEverything();
  await until('all that happened to be handed on', async () => {
    const [left] = await platform.database.query<{ rows: number }>(
      'SELECT (SELECT count(*) FROM auth.outbox)::int + (SELECT count(*) FROM workflow.outbox)::int AS rows',
    );
    return left?.rows === 0;
  });
  const places = await everythingWritten(platform);
  places.set('answers', answers.join('\n'));
  places.set('traces', collector.text());

  // It looked where there is something to find.
  expect(new Set(secrets).size).toBe(10);
  expect(places.get('table auth.signing_secrets')).not.toBe('');
  expect(places.get('table auth.idempotency_records')).toContain('agent.signing_secret');
  expect(places.get('log of gateway')).toContain('request refused');
  expect(places.get('traces')).toContain('agent.signing_secret');
  const postgresLog = places.get('log of PostgreSQL');
  if (postgresLog !== undefined) expect(postgresLog).toContain('INSERT INTO auth.used_nonces');
  expect([...places].some(([place, content]) => place.startsWith('file ') && content.includes('agent.updated'))).toBe(
    true,
  );
  expect(whereFound(secrets, places)).toEqual([]);
}, 120_000);

it('the search of this test finds a secret in each of the forms it may have', () => {
  const secret = 'mj_agent_0123456789abcdefghijABCDEFGHIJ';
  for (const hidden of [
    `x${secret}y`,
    Buffer.from(`ab${secret}cd`).toString('hex'),
    Buffer.from(secret).toString('base64'),
    Buffer.from(`a${secret}`).toString('base64url'),
    Buffer.from(`{"key":"${secret}"}`).toString('base64'),
    Buffer.from(`bc${secret}de`).toString('base64'),
  ]) {
    expect(formsOf(secret).some((form) => hidden.includes(form))).toBe(true);
  }
});
