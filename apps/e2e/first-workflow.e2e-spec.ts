import { EXAMPLE_DEFINITION, type RunWithSteps, type Workflow } from '@agent-platform/contracts';
import {
  startPeer,
  startTestPlatform,
  TestClient,
  until,
  type Layout,
  type Peer,
  type TestPlatform,
} from '@agent-platform/testing';
import { connect, type NatsConnection } from 'nats';

describe.each<Layout>(['one process', 'separate processes'])('a first workflow, in %s', (layout) => {
  let platform: TestPlatform;
  let peer: Peer;
  let agent: TestClient;
  let tap: NatsConnection;

  beforeAll(async () => {
    peer = await startPeer((_request, response) => response.end(JSON.stringify({ visits: 7 })));
    platform = await startTestPlatform(layout);
    agent = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
    const { username, password, host } = new URL(platform.tapUrl);
    tap = await connect({ servers: host, user: username, pass: password, inboxPrefix: '_INBOX.tap' });
  });
  afterAll(async () => {
    await tap?.close();
    await platform?.stop();
    await peer?.stop();
  });

  it("answers the brief's first request", async () => {
    const answer = await agent.post('/functions/v1/api-gateway', { action: 'workflow.list' });
    expect(answer).toMatchObject({ status: 200, body: { data: [], page: { nextCursor: null } } });
  });

  it('creates and executes the example of the specification, and reads its three steps and output back', async () => {
    const events: string[] = [];
    tap.subscribe('events.>', { callback: (_error, message) => events.push(message.subject) });
    await tap.flush();
    const definition = JSON.parse(
      JSON.stringify(EXAMPLE_DEFINITION).replace('https://crm.example.com', peer.url),
    ) as object;

    const created = await agent.post('/v1/workflows', { definition });
    expect(created.status).toBe(201);
    const workflow = created.body.data as unknown as Workflow;
    expect(workflow).toMatchObject({ name: 'enrich-lead', version: 1, definition });

    const executed = await agent.post(`/v1/workflows/${workflow.id}/runs?wait=30`, { input: { leadId: 'lead-7' } });
    expect(executed.status).toBe(200);
    const { id } = executed.body.data as unknown as RunWithSteps;
    const read = await agent.get(`/v1/runs/${id}`);
    expect(read.body.data).toEqual(executed.body.data);
    expect(read.body.data).toMatchObject({
      status: 'completed',
      output: { points: 14 },
      steps: [
        { id: 'lead', type: 'http', status: 'completed', attempt: 1, output: { status: 200, body: { visits: 7 } } },
        { id: 'score', type: 'transform', status: 'completed', output: { points: 14 } },
        { id: 'tell', type: 'event', status: 'completed', output: { eventId: expect.any(String) as string } },
      ],
    });
    expect(peer.requests).toHaveLength(1);
    expect(peer.requests[0]).toMatchObject({ path: '/leads/lead-7', headers: { 'idempotency-key': `${id}:lead` } });
    await until('the events', () => events.length >= 3);
    expect(events.sort()).toEqual(['events.lead.scored', 'events.workflow.completed', 'events.workflow.started']);
  });

  it('leaves one audit row for each change, with who, what and where from', async () => {
    const created = await agent.action('workflow.create', {
      definition: { name: 'audited', steps: [{ id: 'one', type: 'transform', with: { value: 1 } }] },
    });
    const { id } = created.body.data as unknown as Workflow;
    const rows = await until('the audit row', async () => {
      const found = await platform.database.query<object>('SELECT * FROM auth.audit_log WHERE target_id = $1', [id]);
      return found.length > 0 && found;
    });
    expect(rows).toEqual([
      expect.objectContaining({
        action: 'workflow.create',
        decision: 'allowed',
        target_type: 'workflow',
        after: { name: 'audited', version: 1 },
        request_id: created.headers.get('x-request-id'),
        ip: expect.stringContaining('127.0.0.1') as string,
      }),
    ]);
  });

  it('keeps a run on the version it started with, and pages through lists', async () => {
    const step = (value: number) => ({
      steps: [{ id: 'one', type: 'transform', with: { value } }],
      output: '${{ steps.one.output }}',
    });
    const created = await agent.post('/v1/workflows', { name: 'versions', definition: step(1) });
    const { id } = created.body.data as unknown as Workflow;
    await agent.post(`/v1/workflows/${id}/runs?wait=10`, {});
    const updated = await agent.send('PATCH', `/v1/workflows/${id}`, JSON.stringify({ definition: step(2) }));
    expect(updated.body.data).toMatchObject({ version: 2 });
    await agent.post(`/v1/workflows/${id}/runs?wait=10`, {});
    const old = await agent.post(`/v1/workflows/${id}/runs?wait=10`, { version: 1 });
    expect(old.body.data).toMatchObject({ workflowVersion: 1, output: 1 });

    const first = await agent.get(`/v1/runs?workflowId=${id}&limit=2`);
    const rest = await agent.get(`/v1/runs?workflowId=${id}&limit=2&cursor=${first.body.page?.nextCursor}`);
    const outputs = [first, rest].flatMap(({ body }) =>
      (body.data as unknown as RunWithSteps[]).map(({ output }) => output),
    );
    expect(outputs).toEqual([1, 2, 1]);
    expect(rest.body.page).toEqual({ nextCursor: null });
    expect(await agent.send('DELETE', `/v1/workflows/${id}`)).toMatchObject({ status: 204 });
    expect(await agent.get(`/v1/workflows/${id}`)).toMatchObject({ status: 404, body: { code: 'workflow.not-found' } });
  });

  it('gives the first answer again under an idempotency key, and makes one effect of ten at once', async () => {
    const definition = { name: 'once', steps: [{ id: 'one', type: 'transform', with: { value: 1 } }] };
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => agent.post('/v1/workflows', { definition }, { 'idempotency-key': 'key-1' })),
    );
    const created = answers.filter(({ status }) => status === 201);
    expect(created.length).toBeGreaterThan(0);
    for (const { status, body } of answers) {
      if (status === 201) expect(body).toEqual(created[0]?.body);
      else expect(body.code).toBe('request.idempotency-key.in-progress');
    }
    const again = await agent.post('/v1/workflows', { definition }, { 'idempotency-key': 'key-1' });
    expect(again.body).toEqual(created[0]?.body);
    const other = await agent.post('/v1/workflows', { definition, name: 'other' }, { 'idempotency-key': 'key-1' });
    expect(other).toMatchObject({ status: 422, body: { code: 'request.idempotency-key.reused' } });
    const rows = await platform.database.query("SELECT FROM workflow.workflows WHERE name = 'once'");
    expect(rows).toHaveLength(1);
  });

  it('undoes what a refused change did, and refuses it in the same words under its idempotency key', async () => {
    const definition = { name: 'taken', steps: [{ id: 'one', type: 'transform', with: { value: 1 } }] };
    const first = await agent.post('/v1/workflows', { definition });
    const refused = await agent.post('/v1/workflows', { definition }, { 'idempotency-key': 'key-2' });
    expect(refused).toMatchObject({ status: 409, body: { code: 'workflow.name.taken' } });
    await agent.send('DELETE', `/v1/workflows/${(first.body.data as unknown as Workflow).id}`);
    const again = await agent.post('/v1/workflows', { definition }, { 'idempotency-key': 'key-2' });
    expect(again.body).toEqual(refused.body);
    const rows = await platform.database.query(
      "SELECT FROM workflow.workflows WHERE name = 'taken' AND deleted_at IS NULL",
    );
    expect(rows).toEqual([]);
  });

  it("hides another agent's workflow, and lets system_admin see it", async () => {
    const other = new TestClient(platform.gateway, platform.keys.Dashboard ?? '');
    const created = await agent.post('/v1/workflows', {
      definition: { name: 'private', steps: [{ id: 'one', type: 'transform', with: { value: 1 } }] },
    });
    const { id } = created.body.data as unknown as Workflow;
    expect(await other.get(`/v1/workflows/${id}`)).toMatchObject({ status: 404, body: { code: 'workflow.not-found' } });
    expect((await other.get('/v1/workflows')).body.data).toEqual([]);
  });
});
