import type { Integration, Run } from '@agent-platform/contracts';
import {
  consentInBrowser,
  createTestAgent,
  startOAuthServer,
  startPeer,
  startTestPlatform,
  TestClient,
  until,
  type OAuthServer,
  type Peer,
  type TestPlatform,
} from '@agent-platform/testing';
import { connect, type NatsConnection } from 'nats';

const PUBLIC_URL = 'http://platform.test';

let platform: TestPlatform;
let server: OAuthServer;
let peer: Peer;
let admin: TestClient;
let tap: NatsConnection;
const events: { type: string; subject?: string; data: Record<string, unknown> }[] = [];
let counter = 0;

beforeAll(async () => {
  server = await startOAuthServer(PUBLIC_URL);
  peer = await startPeer((request, response) => {
    if (request.path.startsWith('/away')) response.writeHead(302, { location: 'http://localhost:9/' });
    response.end(JSON.stringify({ path: request.path, authorization: request.headers.authorization }));
  });
  platform = await startTestPlatform('separate processes', { PUBLIC_URL, EGRESS_ALLOW: '127.0.0.0/8' });
  await platform.separate?.startService('integrations');
  admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  const { username, password, host } = new URL(platform.tapUrl);
  tap = await connect({ servers: host, user: username, pass: password, inboxPrefix: '_INBOX.tap' });
  tap.subscribe('events.integration.>', { callback: (_error, message) => void events.push(message.json()) });
  await tap.flush();
});
afterAll(async () => {
  await tap?.close();
  await platform?.stop();
  await peer?.stop();
  await server?.stop();
});

/** An agent that may do all with integrations. */
async function newAgent(...skills: string[]) {
  const all = [
    'integration_manage',
    'integration_execute',
    'integration_read',
    'workflow_manage',
    'workflow_execute',
    'workflow_read',
  ];
  const { id, key } = await createTestAgent(admin, { skills: (skills.length > 0 ? skills : all) as never });
  return { id, client: new TestClient(platform.gateway, key) };
}

async function define(client: TestClient, fields: object): Promise<Integration> {
  const answer = await client.post('/v1/integrations', { name: `i${++counter}`, ...fields });
  expect(answer).toMatchObject({ status: 201 });
  return answer.body.data as unknown as Integration;
}

const oauth = (client: TestClient, more: object = {}) =>
  define(client, { baseUrl: `${server.url}/api`, authMethod: 'oauth2', auth: server.auth, ...more });
const callback = (url: URL) => fetch(platform.gateway + url.pathname + url.search);
const get = async (client: TestClient, id: string) =>
  (await client.get(`/v1/integrations/${id}`)).body.data as unknown as Integration;
const execute = (client: TestClient, id: string, body: object = { path: '/x' }, headers = {}) =>
  client.post(`/v1/integrations/${id}/execute`, body, headers);

async function authorizationUrl(client: TestClient, id: string): Promise<string> {
  const answer = await client.post(`/v1/integrations/${id}/connection`, {});
  expect(answer.status).toBe(201);
  return (answer.body.data as unknown as { authorizationUrl: string }).authorizationUrl;
}

async function connectByConsent(client: TestClient, id: string): Promise<void> {
  const page = await callback(await consentInBrowser(await authorizationUrl(client, id), PUBLIC_URL));
  expect(page.status).toBe(200);
}

/** As if the access token had been got long ago. */
const expire = (integrationId: string) =>
  platform.database.query(
    `UPDATE integration.integration_credentials SET expires_at = now() - interval '1 minute', refreshed_at = now() - interval '1 hour'
     WHERE integration_id = $1 AND purpose = 'connection'`,
    [integrationId],
  );

describe('OAuth2 against a real authorization server', () => {
  it('connects by consent, tells whose account it is, and calls with the token', async () => {
    const { client } = await newAgent();
    const { id, name, connection, auth } = await oauth(client);
    expect(connection.state).toBe('disconnected');
    expect(JSON.stringify(auth)).not.toContain('client-secret');
    expect(await execute(client, id)).toMatchObject({ status: 409, body: { code: 'integration.not-connected' } });

    const page = await callback(await consentInBrowser(await authorizationUrl(client, id), PUBLIC_URL));
    const html = await page.text();
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(html).toContain(`${name} is connected`);
    expect(html).toContain('ada@example.com');

    expect((await get(client, name)).connection).toMatchObject({
      state: 'connected',
      account: 'ada@example.com',
      scopes: ['openid', 'leads', 'offline_access'],
    });
    expect(await execute(client, name, { path: '/leads', query: { a: 1 } })).toMatchObject({
      status: 200,
      body: { data: { status: 200, body: { account: 'ada@example.com', path: '/api/leads?a=1' } } },
    });
    expect((await get(client, id)).usage).toMatchObject({ calls: 1, failures: 0 });
    await until('the event', () =>
      events.some(({ type, subject }) => type === 'integration.connected' && subject === id),
    );
  });

  it('refreshes an expired token, again and again as it rotates, and one that was refused', async () => {
    const { client } = await newAgent();
    const { id } = await oauth(client);
    await connectByConsent(client, id);
    for (let round = 0; round < 3; round++) {
      const before = (await server.stats()).refreshes;
      await expire(id);
      expect(await execute(client, id)).toMatchObject({ body: { data: { status: 200 } } });
      expect(await execute(client, id)).toMatchObject({ body: { data: { status: 200 } } });
      expect((await server.stats()).refreshes).toBe(before + 1);
    }
    expect((await get(client, id)).connection.state).toBe('connected');
    expect((await server.stats()).reuses).toBe(0);
  });

  it('sends one token request for 1000 callers over two replicas', async () => {
    const { client } = await newAgent();
    const { id } = await oauth(client);
    await connectByConsent(client, id);
    await expire(id);
    const before = await server.stats();
    const answers = await Promise.all(Array.from({ length: 1000 }, () => execute(client, id)));
    const statuses = answers.map(({ body }) => (body.data as unknown as { status?: number } | undefined)?.status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1000);
    const after = await server.stats();
    expect(after.tokenRequests - before.tokenRequests).toBe(1);
    expect(after.apiCalls - before.apiCalls).toBe(1000);
    const [used] = await platform.database.query<{ calls: number }>(
      'SELECT calls FROM integration.agent_integrations WHERE integration_id = $1',
      [id],
    );
    expect(Number(used?.calls)).toBe(1000);
  });

  it('a grant that the provider has ended makes it reauth_required, and says so once', async () => {
    const { client } = await newAgent();
    const { id } = await oauth(client);
    await connectByConsent(client, id);
    // Somebody else has the refresh token: the server ends the family when the second of the two comes with it.
    await expire(id);
    const [before] = await platform.database.query<Record<string, unknown>>(
      'SELECT wrapped_key, sealed, key_version, version FROM integration.integration_credentials WHERE integration_id = $1 AND purpose = $2',
      [id, 'connection'],
    );
    expect((await execute(client, id)).status).toBe(200);
    await platform.database.query(
      `UPDATE integration.integration_credentials SET wrapped_key = $2, sealed = $3, key_version = $4, version = $5,
         expires_at = now() - interval '1 minute' WHERE integration_id = $1 AND purpose = 'connection'`,
      [id, before?.wrapped_key, before?.sealed, before?.key_version, before?.version],
    );
    const answers = await Promise.all(Array.from({ length: 20 }, () => execute(client, id)));
    expect(new Set(answers.map(({ body }) => body.code))).toEqual(new Set(['integration.reauth-required']));
    expect((await get(client, id)).connection).toMatchObject({
      state: 'reauth_required',
      problem: expect.stringContaining('invalid_grant') as string,
    });
    const told = () => events.filter(({ type, subject }) => type === 'integration.error' && subject === id);
    await until('the event', () => told().length > 0);
    expect(told()).toHaveLength(1);
    expect(told()[0]?.data).toMatchObject({ error: { code: 'integration.reauth-required' } });
    await connectByConsent(client, id);
    expect(await execute(client, id)).toMatchObject({ body: { data: { status: 200 } } });
  });

  it('disconnects: revoked at the provider, deleted here', async () => {
    const { client } = await newAgent();
    const { id } = await oauth(client);
    await connectByConsent(client, id);
    const before = await server.stats();
    expect((await client.send('DELETE', `/v1/integrations/${id}/connection`)).status).toBe(204);
    expect((await server.stats()).revocations).toBe(before.revocations + 1);
    expect((await get(client, id)).connection.state).toBe('disconnected');
    expect(await execute(client, id)).toMatchObject({ status: 409, body: { code: 'integration.not-connected' } });
    expect(await client.send('DELETE', `/v1/integrations/${id}/connection`)).toMatchObject({ status: 409 });
    await until('the event', () =>
      events.some(({ type, subject }) => type === 'integration.disconnected' && subject === id),
    );
  });
});

describe('the callback refuses', () => {
  async function refused(url: URL): Promise<string> {
    const page = await callback(url);
    const html = await page.text();
    expect(page.status).toBeGreaterThanOrEqual(400);
    expect(page.status).toBeLessThan(500);
    return html;
  }

  it('a state that is missing, made up, given twice, used or expired, and connects nothing', async () => {
    const { client } = await newAgent();
    const { id } = await oauth(client);
    const change = (url: URL, edit: (params: URLSearchParams) => void) => {
      const changed = new URL(url);
      edit(changed.searchParams);
      return changed;
    };
    const url = await consentInBrowser(await authorizationUrl(client, id), PUBLIC_URL);
    expect(await refused(change(url, (params) => params.delete('state')))).toContain('lacks its state');
    expect(await refused(change(url, (params) => params.set('state', 'x'.repeat(43))))).toContain('not made here');
    expect(await refused(change(url, (params) => params.set('state', '<script>')))).not.toContain('<script>');
    expect(await refused(change(url, (params) => params.append('state', 'y')))).toContain('not one that can be used');
    expect((await get(client, id)).connection.state).toBe('disconnected');
    expect((await callback(url)).status).toBe(200);
    expect(await refused(url)).toContain('used before');

    const late = await consentInBrowser(await authorizationUrl(client, id), PUBLIC_URL);
    await platform.database.query(`UPDATE integration.oauth_flows SET expires_at = now() WHERE used_at IS NULL`);
    expect(await refused(late)).toContain('10 minutes');
  });

  it('a state whose row was given to another agent or integration', async () => {
    const { client } = await newAgent();
    const other = await newAgent();
    const { id } = await oauth(client);
    for (const change of [`agent_id = '${other.id}'`, `scopes = '{all}'`]) {
      const url = await consentInBrowser(await authorizationUrl(client, id), PUBLIC_URL);
      await platform.database.query(
        `UPDATE integration.oauth_flows SET ${change} WHERE used_at IS NULL AND integration_id = '${id}'`,
      );
      expect(await refused(url)).toContain('belongs to something else');
    }
    expect((await get(client, id)).connection.state).toBe('disconnected');
  });

  it('a denial, an error of the provider, no code, and a code that was used or made up', async () => {
    const { client } = await newAgent();
    const { id } = await oauth(client);
    const denied = await oauth(client, { auth: { ...server.auth, authorizeParams: { login_hint: 'deny' } } });
    const no = await consentInBrowser(await authorizationUrl(client, denied.id), PUBLIC_URL);
    expect((await callback(no)).status).toBe(403);

    const withParams = async (params: Record<string, string>) => {
      const { searchParams } = new URL(await authorizationUrl(client, id));
      const url = new URL(`${PUBLIC_URL}/v1/oauth/callback`);
      url.search = new URLSearchParams({ state: searchParams.get('state') ?? '', ...params }).toString();
      return callback(url);
    };
    expect(await (await withParams({ error: 'server_error' })).text()).toContain('server_error');
    expect(await (await withParams({ error: '<b>x' })).text()).not.toContain('<b>');
    expect(await (await withParams({})).text()).toContain('no code');
    expect(await (await withParams({ code: 'made-up' })).text()).toContain('refused the code (invalid_grant)');
    const used = await consentInBrowser(await authorizationUrl(client, id), PUBLIC_URL);
    await callback(used);
    expect(await (await withParams({ code: used.searchParams.get('code') ?? '' })).text()).toContain(
      'refused the code',
    );
  });

  it('any other method', async () => {
    const answer = await fetch(`${platform.gateway}/v1/oauth/callback`, { method: 'POST' });
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe('GET');
  });
});

describe('who may use an integration', () => {
  it("an agent that was granted it calls with the owner's connection, and no other agent knows of it", async () => {
    const owner = await newAgent();
    const worker = await newAgent('integration_execute', 'integration_read', 'integration_manage');
    const stranger = await newAgent();
    const { id, name } = await oauth(owner.client, { grants: [{ agentId: worker.id }] });
    await connectByConsent(owner.client, id);
    expect(await execute(worker.client, name)).toMatchObject({ body: { data: { status: 200 } } });
    expect((await get(worker.client, id)).connection).toMatchObject({ state: 'connected', account: 'ada@example.com' });
    expect((await get(worker.client, id)).grants ?? null).toBeNull();
    expect((await get(owner.client, id)).grants).toMatchObject([{ agentId: worker.id, connection: 'owner', calls: 1 }]);
    // It cannot end, replace or change what is another's.
    expect(await worker.client.send('DELETE', `/v1/integrations/${id}/connection`)).toMatchObject({ status: 403 });
    expect(await worker.client.post(`/v1/integrations/${id}/connection`, {})).toMatchObject({ status: 403 });
    expect(await worker.client.send('PATCH', `/v1/integrations/${id}`, '{"rateLimitRpm": 1}')).toMatchObject({
      status: 404,
    });
    for (const reference of [id, name]) {
      expect(await execute(stranger.client, reference)).toMatchObject({ status: 404 });
      expect((await stranger.client.get(`/v1/integrations/${reference}`)).status).toBe(404);
    }
    expect((await stranger.client.get('/v1/integrations')).body.data).toEqual([]);

    const change = (grants: object[]) =>
      owner.client.send('PATCH', `/v1/integrations/${id}`, JSON.stringify({ grants }));
    expect((await change([{ agentId: worker.id, connection: 'own' }])).status).toBe(200);
    expect(await execute(worker.client, id)).toMatchObject({
      status: 409,
      body: { code: 'integration.not-connected' },
    });
    expect((await change([])).status).toBe(200);
    expect((await execute(worker.client, id)).status).toBe(404);
    expect(await change([{ agentId: '01938f9e-7c1e-7000-8000-000000000001' }])).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'grants[0].agentId' }] },
    });
  });

  it('a credential goes to the hosts that it was given for, whatever its owner makes of the definition', async () => {
    const owner = await newAgent();
    const worker = await newAgent();
    const evil = await startPeer();
    const { id } = await define(owner.client, {
      baseUrl: peer.url,
      authMethod: 'api_key',
      auth: { header: 'authorization' },
      grants: [{ agentId: worker.id, connection: 'own' }],
    });
    await worker.client.post(`/v1/integrations/${id}/connection`, { apiKey: 'key-of-the-worker' });
    const moved = await owner.client.send('PATCH', `/v1/integrations/${id}`, JSON.stringify({ baseUrl: evil.url }));
    expect(moved).toMatchObject({ status: 200 });
    expect(await execute(worker.client, id)).toMatchObject({
      status: 422,
      body: { code: 'integration.host.not-allowed' },
    });
    expect(evil.requests).toEqual([]);
    await evil.stop();
  });
});

describe('calls', () => {
  it('hides the credential in what comes back, and refuses to be led to another host', async () => {
    const { client } = await newAgent();
    const { id } = await define(client, { baseUrl: peer.url, authMethod: 'basic', auth: {} });
    await client.post(`/v1/integrations/${id}/connection`, { username: 'ada', password: 'open sesame' });
    expect((await execute(client, id, { path: '/echo' })).body.data).toMatchObject({
      body: { path: '/echo', authorization: 'Basic ***' },
    });
    expect(await execute(client, id, { path: '/away' })).toMatchObject({
      status: 422,
      body: { code: 'integration.host.not-allowed' },
    });
    expect(await execute(client, id, { path: 'http://localhost:1/' })).toMatchObject({
      status: 422,
      body: { code: 'integration.host.not-allowed' },
    });
  });

  it('answers a repetition with the first answer, and calls once', async () => {
    const { client } = await newAgent();
    const { id } = await define(client, { baseUrl: peer.url, authMethod: 'api_key', auth: { query: 'key' } });
    await client.post(`/v1/integrations/${id}/connection`, { apiKey: 'key-in-the-query' });
    const path = `/once/${id}`;
    const once = { 'idempotency-key': 'order-1' };
    const first = await execute(client, id, { method: 'POST', path }, once);
    expect((await execute(client, id, { method: 'POST', path }, once)).body).toEqual(first.body);
    const sent = peer.requests.filter((request) => request.path.startsWith(path));
    expect(sent).toHaveLength(1);
    expect(sent[0]?.headers['idempotency-key']).toBe('order-1');
    expect(JSON.stringify(first.body)).not.toContain('key-in-the-query');
    expect(await execute(client, id, { method: 'POST', path: '/other' }, once)).toMatchObject({ status: 422 });
  });

  it('keeps to the rate limit of the integration, over two replicas', async () => {
    const { client } = await newAgent();
    const { id } = await define(client, {
      baseUrl: peer.url,
      authMethod: 'api_key',
      auth: { header: 'x-key' },
      rateLimitRpm: 20,
    });
    await client.post(`/v1/integrations/${id}/connection`, { apiKey: 'key-of-the-limit' });
    const answers = await Promise.all(Array.from({ length: 60 }, () => execute(client, id)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(20);
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(40);
    expect(refused[0]?.body).toMatchObject({ code: 'integration.rate-limit.exceeded', retryable: true });
    expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('calls an operation of an imported document, with its parameters checked', async () => {
    const { client } = await newAgent();
    const openapi = {
      openapi: '3.0.3',
      servers: [{ url: peer.url }],
      paths: {
        '/leads/{id}': {
          get: {
            operationId: 'getLead',
            parameters: [
              {
                name: 'id',
                in: 'path',
                required: true,
                schema: { type: 'integer', minimum: 0, exclusiveMinimum: true },
              },
              { name: 'fields', in: 'query', schema: { type: 'array', items: { $ref: '#/components/schemas/Field' } } },
            ],
          },
        },
      },
      components: { schemas: { Field: { type: 'string', enum: ['name', 'mail'] } } },
    };
    const { id } = await define(client, { authMethod: 'api_key', auth: { header: 'x-key' }, openapi });
    await client.post(`/v1/integrations/${id}/connection`, { apiKey: 'key-of-the-document' });
    expect((await get(client, id)).operations).toEqual([
      { operationId: 'getLead', method: 'GET', path: '/leads/{id}', summary: null },
    ]);
    const call = (params: object) => execute(client, id, { operationId: 'getLead', params });
    expect((await call({ id: 7, fields: ['name', 'mail'] })).body.data).toMatchObject({
      body: { path: '/leads/7?fields=name&fields=mail' },
    });
    for (const [params, path] of [
      [{}, 'params.id'],
      [{ id: 'x' }, 'params.id'],
      [{ id: 0 }, 'params.id'],
      [{ id: 1, fields: ['phone'] }, 'params.fields[0]'],
      [{ id: 1, colour: 'red' }, 'params.colour'],
    ] as const) {
      expect((await call(params)).body.errors?.map((error) => error.path)).toContain(path);
    }
    expect(await execute(client, id, { operationId: 'drop' })).toMatchObject({
      body: { code: 'integration.operation.unknown' },
    });
    expect(await execute(client, id, { operationId: 'getLead', path: '/x' })).toMatchObject({ status: 422 });
  });

  it('a step of a run calls by the same path, and leaves an audit row of its own', async () => {
    const { client } = await newAgent();
    const { id, name } = await define(client, {
      baseUrl: peer.url,
      authMethod: 'api_key',
      auth: { header: 'authorization' },
    });
    await client.post(`/v1/integrations/${id}/connection`, { apiKey: 'key-of-the-step' });
    const definition = {
      name: 'calls',
      steps: [
        { id: 'lead', type: 'integration', with: { integration: name, path: '/leads/${{ input.id }}' } },
        { id: 'path', type: 'transform', with: { value: '${{ steps.lead.output.body.path }}' } },
      ],
      output: '${{ steps.path.output }}',
    };
    const workflow = (await client.post('/v1/workflows', { definition })).body.data as unknown as { id: string };
    const answer = await client.post(`/v1/workflows/${workflow.id}/runs?wait=20`, { input: { id: 7 } });
    expect(answer.body.data as unknown as Run).toMatchObject({ status: 'completed', output: '/leads/7' });
    const sent = peer.requests.find(({ path }) => path === '/leads/7');
    expect(sent?.headers['idempotency-key']).toBe(`${(answer.body.data as unknown as Run).id}:lead`);
    await until('the audit row', async () => {
      const { data } = (await admin.get('/v1/audit?action=integration.execute&limit=50')).body as unknown as {
        data: { targetId: string; after: { path: string } }[];
      };
      return data.some(({ targetId, after }) => targetId === id && after.path === '/leads/7');
    });
  });
});
