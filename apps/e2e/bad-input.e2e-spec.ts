import { startTestPlatform, TestClient, until, type TestPlatform } from '@agent-platform/testing';

let platform: TestPlatform;
let agent: TestClient;

beforeAll(async () => {
  platform = await startTestPlatform('one process');
  agent = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
});
afterAll(() => platform?.stop());

const ID = '01938f9e-7c1e-7000-8000-000000000001';
const step = { id: 'one', type: 'transform', with: { value: 1 } };
const definition = { name: 'bad', steps: [step] };

/** Every problem document has the fields of SPEC section 5. */
function expectProblem({ status, body, headers }: Awaited<ReturnType<TestClient['get']>>, code: string): void {
  expect(body).toMatchObject({
    type: expect.stringContaining(code) as string,
    title: expect.any(String) as string,
    status,
    detail: expect.any(String) as string,
    instance: expect.stringContaining('urn:request:') as string,
    code,
    requestId: headers.get('x-request-id'),
    retryable: expect.any(Boolean) as boolean,
  });
  expect(headers.get('content-type')).toBe('application/problem+json');
}

describe('requests', () => {
  it.each<[string, number, string, string]>([
    ['malformed JSON', 400, 'request.malformed', '{"action": '],
    ['a list', 400, 'request.malformed', '[]'],
    ['an unknown action', 404, 'action.unknown', '{"action": "workflow.explode"}'],
    ['a prototype name as action', 404, 'action.unknown', '{"action": "constructor"}'],
    ['an unknown field of the envelope', 422, 'request.invalid', '{"action": "workflow.list", "extra": 1}'],
    ['an unknown field', 422, 'request.invalid', '{"action": "workflow.list", "params": {"extra": 1}}'],
    [
      '__proto__ as a field',
      422,
      'request.invalid',
      '{"action": "workflow.list", "params": {"__proto__": {"limit": 1}}}',
    ],
    ['a wrong type', 422, 'request.invalid', '{"action": "workflow.list", "params": {"limit": "10"}}'],
    ['a limit of 0', 422, 'request.invalid', '{"action": "workflow.list", "params": {"limit": 0}}'],
    ['a cursor of our own making', 422, 'request.invalid', '{"action": "workflow.list", "params": {"cursor": "abc"}}'],
    ['NUL in a text', 422, 'request.invalid', '{"action": "workflow.list", "params": {"search": "a\\u0000b"}}'],
    ['half a surrogate pair', 422, 'request.invalid', '{"action": "workflow.list", "params": {"search": "\\ud800"}}'],
  ])('%s: %i %s', async (_what, status, code, body) => {
    const answer = await agent.send('POST', '/v1/actions', body);
    expect(answer.status).toBe(status);
    expectProblem(answer, code);
  });

  it('names the path at fault', async () => {
    const { body } = await agent.action('workflow.get', { id: 7, extra: true });
    expect(body.errors?.map(({ path }) => path).sort()).toEqual(['extra', 'id']);
  });

  it('refuses 100 000 nested lists without falling over', async () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    const answer = await agent.send('POST', '/v1/workflows', `{"definition": {"name": "deep", "steps": ${deep}}}`);
    expect(answer.status).toBe(422);
    expectProblem(answer, 'request.invalid');
    expect(answer.body.errors).toEqual([
      { path: 'definition', message: expect.stringContaining('levels deep') as string },
    ]);
  });

  it('refuses a body over 1 MiB, whether its length is told or not', async () => {
    const body = JSON.stringify({ definition: { ...definition, description: 'x'.repeat(1024 * 1024) } });
    expectProblem(await agent.send('POST', '/v1/workflows', body), 'request.body.too-large');
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(body));
        controller.close();
      },
    });
    const response = await fetch(`${platform.gateway}/v1/workflows`, {
      method: 'POST',
      body: stream,
      duplex: 'half',
      headers: { authorization: `Bearer ${platform.keys.OpenClaw}`, 'content-type': 'application/json' },
    });
    expect(response.status).toBe(413);
  });

  it('refuses other media types, paths and methods', async () => {
    const answer = await agent.send('POST', '/v1/workflows', 'a=1', { 'content-type': 'text/plain' });
    expectProblem(answer, 'request.media-type.unsupported');
    expectProblem(await agent.get('/v1/nothing'), 'request.route.not-found');
    const wrong = await agent.send('PUT', '/v1/workflows', '{}');
    expectProblem(wrong, 'request.method.not-allowed');
    expect(wrong.headers.get('allow')).toBe('GET, POST');
    expectProblem(await agent.get('/v1/workflows/%E0%A4%A'), 'request.malformed');
    expectProblem(await agent.get('/v1/workflows/not-a-uuid'), 'request.invalid');
    expectProblem(
      await agent.send('PATCH', `/v1/workflows/${ID}`, `{"id": "${ID.replace('1', '2')}"}`),
      'request.invalid',
    );
    expectProblem(await agent.post('/v1/workflows', { definition }, { 'idempotency-key': 'a b' }), 'request.invalid');
  });

  it('reads numbers of a query string, and refuses what is none', async () => {
    expect((await agent.get('/v1/workflows?limit=5')).status).toBe(200);
    for (const limit of ['abc', '1e3', '-1', '', '5&limit=6']) {
      expectProblem(await agent.get(`/v1/workflows?limit=${limit}`), 'request.invalid');
    }
  });
});

describe('keys', () => {
  it.each<[string, Record<string, string>]>([
    ['no key', { authorization: '' }],
    ['a malformed key', { authorization: 'Bearer mj_agent_nope' }],
    ['a key of right form that nobody has', { authorization: `Bearer ${'mj_agent_'}${'0'.repeat(33)}` }],
    ['another scheme', { authorization: 'Basic dXNlcjpwdw==' }],
    ['two keys', { 'x-agent-key': 'mj_agent_nope' }],
  ])('%s: the same 401', async (_what, headers) => {
    const answer = await agent.get('/v1/workflows', headers);
    expect(answer.status).toBe(401);
    expectProblem(answer, 'auth.credentials.invalid');
    expect(answer.headers.get('www-authenticate')).toContain('Bearer');
  });

  it('refuses an agent without the capability, naming it, and one that is suspended', async () => {
    const dashboard = new TestClient(platform.gateway, platform.keys.Dashboard ?? '');
    const answer = await dashboard.post('/v1/workflows', { definition });
    expect(answer.status).toBe(403);
    expectProblem(answer, 'auth.capability.missing');
    expect(answer.body.missingCapability).toBe('workflow_manage');
    await platform.database.query("UPDATE auth.agents SET status = 'suspended' WHERE name = 'Scheduler'");
    const scheduler = new TestClient(platform.gateway, platform.keys.Scheduler ?? '');
    expectProblem(await scheduler.get('/v1/me'), 'auth.credentials.invalid');
  });

  it('leaves an audit row for every refusal before it is answered', async () => {
    const requestId = `refused-${Date.now()}`;
    await agent.get('/v1/workflows', { authorization: 'Bearer mj_agent_nope', 'x-request-id': requestId });
    const rows = await platform.database.query('SELECT decision, reason FROM auth.audit_log WHERE request_id = $1', [
      requestId,
    ]);
    expect(rows).toEqual([{ decision: 'refused', reason: 'auth.credentials.invalid (malformed)' }]);
  });

  it('stores the audit row of a target that cannot be stored as it is, and holds up no other', async () => {
    const requestId = `unstorable-${Date.now()}`;
    expectProblem(await agent.get('/v1/workflows/%00', { 'x-request-id': requestId }), 'request.invalid');
    const rows = await until('the audit row', async () => {
      const found = await platform.database.query(
        'SELECT decision, target_id FROM auth.audit_log WHERE request_id = $1',
        [requestId],
      );
      return found.length > 0 && found;
    });
    expect(rows).toEqual([{ decision: 'failed', target_id: '\ufffd' }]);
  });
});

describe('definitions', () => {
  const http = { id: 'one', type: 'http', with: { url: 'https://example.com' } };
  it.each<[string, object, string]>([
    ['no steps', { steps: [] }, 'steps'],
    ['steps that are no list', { steps: {} }, 'steps'],
    ['an unknown field', { steps: [step], extra: 1 }, 'extra'],
    ['a step that is no object', { steps: [1] }, 'steps[0]'],
    ['an id that is missing', { steps: [{ ...step, id: undefined }] }, 'steps[0].id'],
    ['a prototype name as id', { steps: [{ ...step, id: 'constructor' }] }, 'steps[0].id'],
    ['an id twice', { steps: [step, step] }, 'steps[1].id'],
    ['an unknown type', { steps: [{ ...step, type: 'magic' }] }, 'steps[0].type'],
    ['an agent step to nobody', { steps: [{ id: 'one', type: 'agent', with: { command: 'x' } }] }, 'steps[0].with.to'],
    ['a need that is not there', { steps: [{ ...step, needs: ['two'] }] }, 'steps[0].needs'],
    ['a step that needs itself', { steps: [{ ...step, needs: ['one'] }] }, 'steps[0].needs'],
    [
      'a cycle',
      {
        steps: [
          { ...step, needs: ['two'] },
          { ...step, id: 'two', needs: ['one'] },
        ],
      },
      'steps[0].needs',
    ],
    [
      'an expression that does not parse',
      { steps: [{ ...step, with: { value: { a: ['${{ input. }}'] } } }] },
      'steps[0].with.value.a[0]',
    ],
    [
      'an expression that is not closed',
      { steps: [{ ...step, with: { value: '${{ input.x' } }] },
      'steps[0].with.value',
    ],
    ['an unknown name', { steps: [{ ...step, with: { value: '${{ secrets.x }}' } }] }, 'steps[0].with.value'],
    [
      'a read of a step that comes later',
      {
        steps: [
          { ...step, with: { value: '${{ steps.two.output }}' } },
          { ...step, id: 'two' },
        ],
      },
      'steps[0].with',
    ],
    ['a condition that is no expression', { steps: [{ ...step, if: 'yes' }] }, 'steps[0].if'],
    ['a timeout that is no duration', { steps: [{ ...step, timeout: '10 parsecs' }] }, 'steps[0].timeout'],
    ['a retry without end', { steps: [{ ...http, retry: { maxAttempts: 1e9 } }] }, 'steps[0].retry.maxAttempts'],
    ['an http step without url', { steps: [{ ...http, with: {} }] }, 'steps[0].with.url'],
    ['an http step to a file', { steps: [{ ...http, with: { url: 'file:///etc/passwd' } }] }, 'steps[0].with.url'],
    [
      'an http method that is none',
      { steps: [{ ...http, with: { url: 'https://example.com', method: 'STEAL' } }] },
      'steps[0].with.method',
    ],
    [
      "an event of the platform's own",
      { steps: [{ id: 'one', type: 'event', with: { type: 'workflow.completed' } }] },
      'steps[0].with.type',
    ],
    ['an input schema that is none', { steps: [step], input: { type: 'nonsense' } }, 'input'],
    ['an output that reads nothing', { steps: [step], output: '${{ steps.two.output }}' }, 'output'],
    ['1001 steps', { steps: Array.from({ length: 1001 }, (_, n) => ({ ...step, id: `s${n}` })) }, 'steps'],
  ])('%s: refused, naming %s', async (_what, bad, path) => {
    const answer = await agent.post('/v1/workflows', { definition: { name: 'bad', ...bad } });
    expect(answer.status).toBe(422);
    expectProblem(answer, 'workflow.definition.invalid');
    expect(answer.body.errors?.map((error) => error.path)).toContain(path);
  });

  it('changed nothing', async () => {
    expect(await platform.database.query('SELECT FROM workflow.workflows')).toEqual([]);
  });
});
