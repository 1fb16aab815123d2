import type { Integration } from '@agent-platform/contracts';
import {
  createTestAgent,
  startTestPlatform,
  TestClient,
  testScale,
  until,
  type TestPlatform,
} from '@agent-platform/testing';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const CONNECTIONS = 20;
/** On every run; the 2000 of the promise by hand: TEST_SCALE=20 npx jest apps/e2e/refresh */
const REFRESHES = 60 * testScale();
const CALLERS = 4;
const KILL_EVERY_MS = 1500;

interface Family {
  current: string;
  readonly used: Set<string>;
  inFlight: number;
  ended: boolean;
}

/** What an authorization server at its strictest does, and what a network does to its answers. */
class StrictServer {
  private readonly families = new Map<string, Family>();
  private counter = 0;
  private turn = 0;
  refreshes = 0;
  /** Refresh tokens that came a second time: for each a real server ends a family. */
  reuses = 0;
  mostInFlight = 0;
  readonly troubles: Record<string, number> = { dropped: 0, late: 0, busy: 0, broken: 0, refused: 0 };
  private readonly server = createServer((request, response) => void this.answer(request, response));

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    if (request.url === '/api') {
      const token = request.headers.authorization?.replace('Bearer access-', '') ?? '';
      return send(response, this.families.has(token.split('.')[0] ?? '') ? 200 : 401, {});
    }
    const form = new URLSearchParams(text);
    if (form.get('grant_type') === 'authorization_code') return send(response, 200, this.begin());
    await this.refresh(form.get('refresh_token') ?? '', response);
  }

  private begin(): object {
    const id = `f${++this.counter}`;
    const family = { current: `${id}.0`, used: new Set<string>(), inFlight: 0, ended: false };
    this.families.set(id, family);
    return this.tokens(family);
  }

  private tokens({ current }: Family): object {
    return { access_token: `access-${current}`, refresh_token: current, token_type: 'Bearer', expires_in: 3600 };
  }

  private async refresh(token: string, response: ServerResponse): Promise<void> {
    const family = this.families.get(token.split('.')[0] ?? '');
    if (!family || family.ended) return send(response, 400, { error: 'invalid_grant' });
    if (family.used.has(token)) {
      this.reuses++;
      family.ended = true;
      return send(response, 400, { error: 'invalid_grant' });
    }
    family.inFlight++;
    this.mostInFlight = Math.max(this.mostInFlight, family.inFlight);
    try {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 30));
      // Each trouble comes as often as is said below, in every hundred requests, and never twice in a row.
      const luck = ((this.turn++ * 37) % 100) / 100;
      if (luck < 0.05) return this.trouble('busy', () => send(response, 503, {}, { 'retry-after': '0' }));
      if (luck < 0.08) {
        family.ended = true;
        return this.trouble('refused', () => send(response, 400, { error: 'invalid_grant' }));
      }
      // The token is used up from here on, whatever becomes of the answer.
      family.used.add(token);
      const [id, count] = token.split('.');
      family.current = `${id}.${Number(count) + 1}`;
      this.refreshes++;
      if (luck < 0.11) return this.trouble('dropped', () => response.destroy());
      if (luck < 0.13) return this.trouble('late', () => setTimeout(() => send(response, 200, {}), 1500));
      if (luck < 0.15) return this.trouble('broken', () => send(response, 502, '<html>'));
      send(response, 200, this.tokens(family));
    } finally {
      family.inFlight--;
    }
  }

  private trouble(kind: string, act: () => void): void {
    this.troubles[kind] = (this.troubles[kind] ?? 0) + 1;
    act();
  }
}

function send(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

let platform: TestPlatform;
let client: TestClient;
const server = new StrictServer();
let url: string;

beforeAll(async () => {
  url = await server.start();
  platform = await startTestPlatform('separate processes', {
    OAUTH_TIMEOUT_MS: '700',
    // What a killed replica was asked is given up soon.
    ACTION_TIMEOUT_MS: '500',
    LOG_LEVEL: 'error',
  });
  const admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  const { key } = await createTestAgent(admin, {
    skills: ['integration_manage', 'integration_execute', 'integration_read'],
  });
  client = new TestClient(platform.gateway, key);
});
afterAll(async () => {
  await platform?.stop();
  server.stop();
});

async function connect(id: string): Promise<void> {
  const answer = await until('the link', async () => {
    const asked = await client.post(`/v1/integrations/${id}/connection`, {});
    return asked.status === 201 && asked;
  });
  const { authorizationUrl } = answer.body.data as unknown as { authorizationUrl: string };
  const state = new URL(authorizationUrl).searchParams.get('state') ?? '';
  // A replica that is killed meanwhile does not answer; then the connection is as it was, and is made again.
  const signal = AbortSignal.timeout(3000);
  await fetch(`${platform.gateway}/v1/oauth/callback?state=${state}&code=any`, { signal }).catch(() => undefined);
}

/** Asked again where a killed replica was asked. */
const stateOf = (id: string) =>
  until('the state', async () => {
    const { status, body } = await client.get(`/v1/integrations/${id}`);
    return status === 200 && (body.data as unknown as Integration).connection.state;
  });
const execute = (id: string) => client.post(`/v1/integrations/${id}/execute`, { path: '/', timeoutSeconds: 2 });
const codeOf = ({ status, body }: Awaited<ReturnType<typeof execute>>) => (status === 200 ? 'called' : body.code);

it('never uses a refresh token twice, over two replicas that are killed and answers that are lost; each connection ends usable or reauth_required', async () => {
  const ids = await Promise.all(
    Array.from({ length: CONNECTIONS }, async (_, index) => {
      const auth = { authorizeUrl: `${url}/auth`, tokenUrl: `${url}/token`, clientId: 'c' };
      const fields = { name: `strict${index}`, baseUrl: `${url}/api`, authMethod: 'oauth2', auth };
      const { id } = (await client.post('/v1/integrations', fields)).body.data as unknown as Integration;
      await connect(id);
      return id;
    }),
  );
  let replica = await platform.separate?.startService('integrations');
  let kills = 0;
  let reconnected = 0;
  const outcomes: Record<string, number> = {};
  const note = (code = 'none') => (outcomes[code] = (outcomes[code] ?? 0) + 1);
  let isOver = false;
  const killing = (async () => {
    while (!isOver) {
      await new Promise((resolve) => setTimeout(resolve, KILL_EVERY_MS));
      await replica?.kill();
      kills++;
      replica = await platform.separate?.startService('integrations');
    }
  })();
  await Promise.all(
    ids.map(async (id) => {
      while (server.refreshes < REFRESHES) {
        await platform.database.query(
          `UPDATE integration.integration_credentials SET expires_at = now() - interval '1 minute'
           WHERE integration_id = $1 AND state = 'connected' AND refresh_until IS NULL`,
          [id],
        );
        (await Promise.all(Array.from({ length: CALLERS }, () => execute(id)))).map(codeOf).forEach(note);
        if ((await stateOf(id)) === 'connected') continue;
        reconnected++;
        await connect(id);
      }
    }),
  );
  isOver = true;
  await killing;
  // The leases of killed replicas end by their time; then each is one or the other.
  const ends = await Promise.all(
    ids.map((id) =>
      until(
        'an end',
        async () => {
          const code = codeOf(await execute(id));
          return (code === 'called' || code === 'integration.reauth-required') && code;
        },
        60_000,
      ),
    ),
  );
  expect(ends).toHaveLength(CONNECTIONS);
  expect(server.reuses).toBe(0);
  expect(server.mostInFlight).toBe(1);
  // It was as bad as it was meant to be.
  expect(kills).toBeGreaterThan(0);
  expect(server.troubles.dropped).toBeGreaterThan(0);
  expect(outcomes.called).toBeGreaterThan(0);
  if (testScale() > 1)
    process.stdout.write(
      `${JSON.stringify({ refreshes: server.refreshes, kills, reconnected, troubles: server.troubles, outcomes })}\n`,
    );
}, 900_000);
