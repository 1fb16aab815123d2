import type { Integration } from '@agent-platform/contracts';
import {
  createTestAgent,
  MASTER_KEY,
  startPeer,
  startTestPlatform,
  TestClient,
  until,
  type Answer,
  type Peer,
  type TestPlatform,
  PROMPT_SPANS,
  startTraceCollector,
  type TraceCollector,
  everythingWritten,
  logEverything,
  whereFound,
} from '@agent-platform/testing';
import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

/** Hard to write: in JSON, in a URL, in HTML and in a form it looks different each time. */
const canary = (name: string) =>
  `${name}-${randomBytes(12).toString('hex')}/"q"+=&<${randomBytes(6).toString('base64')}>`;
/** What a header can carry and a token may hold. */
const plain = (name: string) => `${name}-${randomBytes(18).toString('base64')}`;

const secrets = {
  header: plain('header'),
  query: plain('query'),
  path: `1234:${randomBytes(18).toString('base64url')}`,
  password: canary('password'),
  user: plain('user'),
  clientSecret: canary('client'),
  access: plain('access'),
  refresh: plain('refresh'),
  access2: plain('access2'),
  refresh2: plain('refresh2'),
  refused: plain('refused'),
};
const answers: string[] = [];
let collector: TraceCollector;
let platform: TestPlatform;
let peer: Peer;
let tokens: Server;
let tokenUrl: string;

/** A provider that gives back all it got, in every form it can think of. */
function echo(
  request: Peer['requests'][number],
  response: Parameters<NonNullable<Parameters<typeof startPeer>[0]>>[1],
) {
  const credential = request.headers.authorization ?? String(request.headers['x-key'] ?? '');
  const decoded = credential.startsWith('Basic ')
    ? Buffer.from(credential.slice(6), 'base64').toString()
    : credential.replace(/^\w+ /, '') || decodeURIComponent(request.path);
  const [route] = request.path.replace(/^\/bot[^/]+/, '').split('?');
  response.setHeader('x-echo', Buffer.from(credential).toString('latin1'));
  response.setHeader('x-echo-base64', Buffer.from(`a${decoded}`).toString('base64'));
  response.setHeader('set-cookie', `session=${encodeURIComponent(decoded)}`);
  response.setHeader('www-authenticate', `Bearer realm="${encodeURIComponent(decoded)}"`);
  const forms = [
    decoded,
    encodeURIComponent(decoded),
    new URLSearchParams({ a: decoded }).toString(),
    Buffer.from(decoded).toString('base64'),
    Buffer.from(`xy${decoded}`).toString('base64url'),
    Buffer.from(decoded).toString('hex'),
    JSON.stringify(JSON.stringify({ decoded })),
  ];
  const page = `<html>${forms.join('\n')} ${decoded.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')}</html>`;
  switch (route) {
    case '/json':
      return response.end(JSON.stringify({ forms, [decoded]: { deep: [credential] }, url: request.path }));
    case '/page':
      return response.writeHead(500, { 'content-type': 'text/html' }).end(page);
    case '/401':
      return response.writeHead(401).end(JSON.stringify({ error: `bad token ${decoded}` }));
    case '/gzip':
      return response.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': 'gzip' }).end(gzipSync(page));
    case '/redirect':
      return response.writeHead(302, { location: `/json?token=${encodeURIComponent(decoded)}` }).end();
    case '/away':
      return response
        .writeHead(302, { location: `http://${Buffer.from(decoded).toString('hex').slice(0, 60)}.test/` })
        .end();
    case '/broken':
      return request.headers && response.destroy();
    default:
      return response.writeHead(404).end(JSON.stringify({ detail: `no ${request.path} for ${decoded}` }));
  }
}

beforeAll(async () => {
  collector = await startTraceCollector();
  platform = await startTestPlatform('separate processes', {
    LOG_LEVEL: 'debug',
    OAUTH_TIMEOUT_MS: '1000',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
    ...PROMPT_SPANS,
  });
  await logEverything(platform);
  for (const service of ['integrations', 'workflow-executor', 'auth'] as const) {
    await platform.separate?.processes.get(service)?.stop();
    await platform.separate?.startService(service);
  }
  peer = await startPeer((request, response) => void echo(request, response));
  let count = 0;
  tokens = createServer((request, response) => {
    let form = '';
    request.on('data', (chunk: Buffer) => (form += chunk.toString()));
    request.on('end', () => {
      response.setHeader('content-type', 'application/json');
      const isFirst = count++ === 0;
      // The third is refused with all that was sent in the description.
      if (count > 2)
        return response.writeHead(400).end(JSON.stringify({ error: 'invalid_grant', error_description: form }));
      const given = isFirst ? [secrets.access, secrets.refresh] : [secrets.access2, secrets.refresh2];
      response.end(
        JSON.stringify({
          access_token: given[0],
          refresh_token: given[1],
          expires_in: 3600,
          token_type: 'bearer',
          echo: form,
        }),
      );
    });
  });
  await new Promise<void>((resolve) => tokens.listen(0, '127.0.0.1', resolve));
  tokenUrl = `http://127.0.0.1:${(tokens.address() as AddressInfo).port}/token`;
});
afterAll(async () => {
  await collector?.stop();
  await platform?.stop();
  await peer?.stop();
  tokens?.close();
});

const keep = (answer: Answer) => {
  answers.push(JSON.stringify([answer.status, [...answer.headers], answer.body]), JSON.stringify(answer.body));
  return answer;
};

async function useEverything(): Promise<void> {
  const admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  const { key } = await createTestAgent(admin, {
    skills: [
      'integration_manage',
      'integration_execute',
      'integration_read',
      'workflow_manage',
      'workflow_execute',
      'workflow_read',
    ],
  });
  const client = new TestClient(platform.gateway, key);
  const define = async (name: string, authMethod: string, auth: object) => {
    const answer = keep(await client.post('/v1/integrations', { name, baseUrl: peer.url, authMethod, auth }));
    expect(answer.status).toBe(201);
    return (answer.body.data as unknown as Integration).id;
  };
  const account = { path: '/json', field: 'forms.0' };
  const connect = async (name: string, body: object, status = 201) =>
    expect(
      keep(await client.post(`/v1/integrations/${name}/connection`, body, { 'idempotency-key': name })),
    ).toMatchObject({ status });
  await define('by-header', 'api_key', { header: 'x-key', prefix: 'Key ', account });
  await connect('by-header', { apiKey: secrets.header });
  await define('by-query', 'api_key', { query: 'token' });
  await connect('by-query', { apiKey: secrets.query });
  await define('by-path', 'api_key', { pathPrefix: '/bot{key}' });
  await connect('by-path', { apiKey: secrets.path });
  await define('by-password', 'basic', {});
  await connect('by-password', { username: 'ada', password: secrets.password });
  await define('by-user', 'basic', {});
  await connect('by-user', { username: secrets.user, password: '' });
  await define('refused', 'api_key', { header: 'authorization', account: { path: '/401', field: 'a' } });
  await connect('refused', { apiKey: secrets.refused }, 422);
  await connect('refused', { apiKey: `${secrets.refused} with a blank` }, 422);
  const oauth = {
    authorizeUrl: tokenUrl,
    tokenUrl,
    revokeUrl: tokenUrl,
    clientId: 'c',
    clientSecret: secrets.clientSecret,
  };
  const oauthId = await define('by-consent', 'oauth2', { ...oauth, account: { tokenField: 'echo' } });
  const link = keep(await client.post('/v1/integrations/by-consent/connection', {})).body.data as unknown as {
    authorizationUrl: string;
  };
  const state = new URL(link.authorizationUrl).searchParams.get('state') ?? '';
  answers.push(await (await fetch(`${platform.gateway}/v1/oauth/callback?state=${state}&code=secret-code`)).text());
  const expire = () =>
    platform.database.query(
      "UPDATE integration.integration_credentials SET expires_at = now() WHERE integration_id = $1 AND purpose = 'connection'",
      [oauthId],
    );

  const names = ['by-header', 'by-query', 'by-path', 'by-password', 'by-user', 'by-consent'];
  for (const name of names) {
    for (const path of ['/json', '/page', '/401', '/gzip', '/redirect', '/away', '/broken', '/none', '/x y']) {
      keep(
        await client.post(
          `/v1/integrations/${name}/execute`,
          { path },
          { 'idempotency-key': `${name}${path.trim().replace(' ', '')}` },
        ),
      );
      if (name === 'by-consent' && path === '/page') await expire();
    }
    const steps = [{ id: 'a', type: 'integration', with: { integration: name, path: '/json' } }];
    const workflow = keep(await client.post('/v1/workflows', { definition: { name, steps } })).body.data as unknown as {
      id: string;
    };
    keep(await client.post(`/v1/workflows/${workflow.id}/runs?wait=10`, {}));
    keep(await client.get(`/v1/integrations/${name}`));
  }
  // A refresh that is refused, and after it a disconnection whose revocation is.
  await expire();
  keep(await client.post('/v1/integrations/by-consent/execute', { path: '/json' }));
  for (const name of names) keep(await client.send('DELETE', `/v1/integrations/${name}/connection`));
  keep(await client.get('/v1/integrations'));
  keep(await client.get('/v1/runs?limit=100'));
  keep(await admin.get('/v1/audit?limit=200'));
}

it('no credential is in any answer, log, event, audit row or table, however a provider gives it back', async () => {
  await useEverything();
  await until('all that happened to be handed on', async () => {
    const [left] = await platform.database.query<{ rows: number }>(
      'SELECT count(*)::int AS rows FROM integration.outbox',
    );
    return left?.rows === 0;
  });
  const places = await everythingWritten(platform);
  places.set('answers', answers.join('\n'));
  places.set('traces', collector.text());
  // It looked where there is something to find.
  expect(peer.requests.length).toBeGreaterThan(40);
  expect(places.get('table integration.idempotency_records')).toContain('***');
  const audit = [...places].filter(([place]) => place.startsWith('table auth.audit_log')).map(([, content]) => content);
  expect(audit.join()).toContain('integration.execute');
  expect(places.get('table workflow.workflow_run_steps')).toContain('***');
  expect(places.get('traces')).toContain('step integration');
  expect(
    [...places].some(([place, content]) => place.startsWith('file ') && content.includes('integration.error')),
  ).toBe(true);
  expect(answers.join('').split('***').length).toBeGreaterThan(100);
  expect(whereFound([...Object.values(secrets), MASTER_KEY], places)).toEqual([]);
}, 120_000);
