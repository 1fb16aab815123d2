import { BUILT_IN_EVENTS, type CloudEvent, type Workflow } from '@agent-platform/contracts';
import {
  createTestAgent,
  startPeer,
  startTestPlatform,
  TestClient,
  until,
  type TestPlatform,
} from '@agent-platform/testing';
import Ajv2020 from 'ajv/dist/2020';
import addFormats from 'ajv-formats';

/** What no service does yet: documents are those of the query engine. */
const TO_COME = ['data.created', 'data.updated', 'data.deleted'];

let platform: TestPlatform;
let admin: TestClient;

beforeAll(async () => {
  platform = await startTestPlatform('one process');
  admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
});
afterAll(() => platform?.stop());

async function run(definition: object): Promise<string> {
  const { body } = await admin.post('/v1/workflows', { definition });
  const { id } = body.data as unknown as Workflow;
  await admin.post(`/v1/workflows/${id}/runs?wait=10`, {});
  return id;
}

it('are emitted where they belong, each as its schema says', async () => {
  // Agents.
  const { id: agentId, key } = await createTestAgent(admin, { skills: ['event_publish', 'event_subscribe'] });
  const agent = new TestClient(platform.gateway, key);
  const gone = await startPeer((_request, response) => response.writeHead(410).end());
  await agent.post('/v1/subscriptions', { types: ['lead.*'], target: { type: 'webhook', url: gone.url } });
  await agent.post('/v1/events', { type: 'lead.scored', data: {} });
  await until('the endpoint to be asked', () => gone.requests.length > 0);
  await admin.action('agent.update', { id: agentId, description: 'changed' });
  await until('the end of the subscription', async () => {
    const { body } = await agent.get('/v1/me/subscriptions');
    return (body.data as unknown as { status: string }[])[0]?.status === 'disabled';
  });
  await admin.action('agent.update', { id: agentId, status: 'suspended' });
  await gone.stop();
  // Workflows.
  const scheduled = await run({ name: 'well', steps: [{ id: 'a', type: 'transform', with: { value: 1 } }] });
  await run({ name: 'badly', steps: [{ id: 'a', type: 'transform', with: { value: '${{ 1 / 0 }}' } }] });
  const body = JSON.stringify({ cron: '* * * * *', catchUp: '10m' });
  await admin.send('PUT', `/v1/workflows/${scheduled}/schedule`, body);
  await platform.database.query(
    `UPDATE workflow.workflow_schedules SET next_fire_at = date_trunc('minute', now()) WHERE workflow_id = $1`,
    [scheduled],
  );
  // Integrations.
  const api = await startPeer();
  const auth = { header: 'authorization', prefix: 'Bearer ' };
  await admin.post('/v1/integrations', { name: 'crm', baseUrl: api.url, authMethod: 'api_key', auth });
  expect(await admin.post('/v1/integrations/crm/connection', { apiKey: 'key-of-the-crm' })).toMatchObject({
    status: 201,
  });
  await admin.send('DELETE', '/v1/integrations/crm/connection');
  await api.stop();
  // The operator.
  await platform.database.query(
    `SET ROLE ap_owner; SELECT event.emit_event('system.maintenance', '{"detail": "tonight", "startsAt": "2027-01-31T02:00:00Z"}', NULL, '${agentId}')`,
  );

  const wanted = Object.keys(BUILT_IN_EVENTS).filter((type) => !TO_COME.includes(type) && type !== 'integration.error');
  const eventsOf = async () => {
    const found = new Map<string, CloudEvent>();
    for (const type of wanted) {
      const { body: page } = await admin.get(`/v1/events?type=${type}`);
      const [event] = page.data as unknown as CloudEvent[];
      if (event) found.set(type, event);
    }
    return found;
  };
  // What is missing at the end is named by the expectation below.
  await until('all events', async () => (await eventsOf()).size === wanted.length, 20_000).catch(() => undefined);
  const events = await eventsOf();
  expect([...events.keys()]).toEqual(wanted);
  const ajv = addFormats(new Ajv2020({ allErrors: true, strict: false }));
  for (const [type, { schema }] of Object.entries(BUILT_IN_EVENTS)) {
    const event = events.get(type);
    if (!event) continue;
    const validate = ajv.compile(schema);
    expect({ type, valid: validate(event.data), errors: validate.errors }).toEqual({ type, valid: true, errors: null });
    expect(event).toMatchObject({
      specversion: '1.0',
      datacontenttype: 'application/json',
      agentid: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      source: `/agents/${event.agentid}`,
      traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/) as string,
    });
  }
});

it('stand in the database for operators', async () => {
  const rows = await platform.database.query<{ name: string }>('SELECT name FROM event.event_types ORDER BY name');
  expect(rows.map(({ name }) => name)).toEqual(Object.keys(BUILT_IN_EVENTS).sort());
});
