import type { Agent, ServiceName, Workflow } from '@agent-platform/contracts';
import {
  createTestAgent,
  startTestPlatform,
  TestClient,
  until,
  type Answer,
  type TestPlatform,
} from '@agent-platform/testing';
import { generateApiKey } from '@agent-platform/shared-security';
import { connect, headers, type NatsConnection } from 'nats';
import { createServer, connect as connectSocket, type AddressInfo, type Socket } from 'node:net';

type NatsUser = ServiceName | 'tap';

let platform: TestPlatform;
let agent: TestClient;
const parts = () => {
  if (!platform.separate) throw new Error('the services run in one process');
  return platform.separate;
};

beforeEach(async () => {
  platform = await startTestPlatform('separate processes');
  agent = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  expect((await agent.get('/v1/workflows')).status).toBe(200);
});
afterEach(() => platform?.stop());

function expectUnavailable({ status, headers, body }: Answer): void {
  expect({ status, code: body.code, retryable: body.retryable }).toEqual({
    status: 503,
    code: expect.stringMatching(/^service\.(unavailable|timeout)$/) as string,
    retryable: true,
  });
  expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
}

const definition = { name: 'one', steps: [{ id: 'one', type: 'transform', with: { value: 1 } }] };

it('answers 503 with Retry-After while a service is down, and goes on when it is back', async () => {
  await parts().processes.get('workflow-executor')?.kill();
  expectUnavailable(await agent.get('/v1/workflows'));
  expect((await agent.get('/v1/me')).status).toBe(200);
  await parts().startService('workflow-executor');
  expect((await agent.get('/v1/workflows')).status).toBe(200);
});

it('answers 503 within its deadline while a service hangs', async () => {
  const executor = parts().processes.get('workflow-executor')?.child;
  const gateway = await parts().startService('gateway', { ACTION_TIMEOUT_MS: '500' });
  const hurried = new TestClient(`http://127.0.0.1:${gateway.port}`, platform.keys.OpenClaw ?? '');
  executor?.kill('SIGSTOP');
  expectUnavailable(await hurried.get('/v1/workflows'));
  executor?.kill('SIGCONT');
});

it('answers 503 while the database cannot be reached, and goes on when it can', async () => {
  const limitConnections = (limit: number) =>
    platform.database.query(
      `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT ${limit}', current_database()); END $$`,
    );
  // For services; the test itself is a superuser, whom no limit holds.
  await limitConnections(0);
  await platform.database.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename LIKE 'ap\\_%'",
  );
  const unknown = generateApiKey().key;
  for (const client of [agent, new TestClient(platform.gateway, unknown)]) {
    expectUnavailable(await client.get('/v1/workflows'));
    expectUnavailable(await client.post('/v1/workflows', { definition }));
  }
  await limitConnections(-1);
  await until('an answer', async () => (await agent.get('/v1/workflows')).status === 200);
  expect((await agent.post('/v1/workflows', { definition })).status).toBe(201);
  expect((await new TestClient(platform.gateway, unknown).get('/v1/workflows')).status).toBe(401);
});

it('answers 503 and turns readiness red while NATS is gone; loses nothing of what was accepted', async () => {
  const created = await agent.post('/v1/workflows', { definition });
  const { id } = created.body.data as unknown as Workflow;
  const startNats = parts().killNats();
  expectUnavailable(await agent.get('/v1/workflows'));
  expectUnavailable(await agent.post(`/v1/workflows/${id}/runs`, {}));
  const readiness = async () => (await fetch(`${platform.gateway}/readyz`)).status;
  await until('readiness to turn red', async () => (await readiness()) === 503);
  await startNats();
  await until('readiness to turn green', async () => (await readiness()) === 200);
  const answer = await until('an answer', async () => {
    const ran = await agent.post(`/v1/workflows/${id}/runs?wait=10`, {});
    return ran.status === 200 && ran;
  });
  expect(answer.body.data).toMatchObject({ status: 'completed' });
});

it('commits audit row and event with the change, and hands them on when their receivers are back', async () => {
  const { body: me } = await agent.get('/v1/me');
  await parts().processes.get('auth')?.kill();
  // Without auth the gateway lets nobody in; but what it forwarded before may arrive after.
  const id = await createAsGateway(me.data as unknown as Agent);
  const outbox = await platform.database.query("SELECT FROM workflow.outbox WHERE kind = 'audit'");
  expect(outbox).toHaveLength(1);
  await parts().startService('auth');
  const rows = await until('the audit row', async () => {
    const found = await platform.database.query('SELECT action FROM auth.audit_log WHERE target_id = $1', [id]);
    return found.length > 0 && found;
  });
  expect(rows).toEqual([{ action: 'workflow.create' }]);
  await until(
    'an empty outbox',
    async () => (await platform.database.query('SELECT FROM workflow.outbox')).length === 0,
  );
});

it('keeps events where they were committed while the event log is away, and hands them on when it is back', async () => {
  await parts().processes.get('webhook-receiver')?.kill();
  const { id } = await createTestAgent(agent);
  const eventsOf = (source: string) =>
    platform.database.query(
      `SELECT FROM ${source} AS e, jsonb_path_query(e.payload::jsonb, '$ ? (@.type == "agent.created")') AS p WHERE p ->> 'subject' = $1`,
      [id],
    );
  const output = () => parts().processes.get('auth')?.output() ?? '';
  await until('a try to hand it on', () => output().includes('outbox rows could not be handed on'));
  expect(await eventsOf('auth.outbox')).toHaveLength(1);
  await parts().startService('webhook-receiver');
  await until('the event in the log', async () => (await eventsOf('event.events')).length === 1);
  await until('an empty outbox', async () => (await eventsOf('auth.outbox')).length === 0);
});

/** What the gateway forwards for `workflow.create`; answers the id of the workflow. */
async function createAsGateway({ id, name, skills }: Agent): Promise<string> {
  const { username, password, host } = new URL(parts().natsUrl('gateway'));
  const connection = await connect({ servers: host, user: username, pass: password, inboxPrefix: '_INBOX.gateway' });
  const context = headers();
  const traceparent = `00-${'1'.repeat(32)}-${'1'.repeat(16)}-01`;
  const client = { ip: null, userAgent: null };
  const agentContext = { id, name, capabilities: skills };
  context.set('Call-Context', JSON.stringify({ agent: agentContext, client, requestId: 'forwarded', traceparent }));
  const reply = await connection.request('rpc.workflow.create.v1', JSON.stringify({ definition }), {
    headers: context,
    timeout: 10_000,
  });
  await connection.close();
  return reply.json<{ data: Workflow }>().data.id;
}

/** A way to NATS that can be cut. */
async function startWay() {
  const { hostname, port, username, password } = new URL(parts().natsUrl('auth'));
  const sockets = new Set<Socket>();
  let open = true;
  const server = createServer((socket) => {
    if (!open) return void socket.destroy();
    const onward = connectSocket(Number(port), hostname);
    for (const [from, to] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      sockets.add(from);
      from.on('error', () => undefined).on('close', () => to.destroy());
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    open = false;
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `nats://${username}:${password}@127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    mend: () => void (open = true),
    close: () => {
      cut();
      server.close();
    },
  };
}

describe('a key that is revoked by hand while auth', () => {
  /** An agent whose key the gateway remembers. */
  async function knownAgent() {
    const { id, key } = await createTestAgent(agent);
    const client = new TestClient(platform.gateway, key);
    expect((await client.get('/v1/me')).status).toBe(200);
    const revoke = () =>
      platform.database.query('SELECT auth.revoke_agent_api_key(id) FROM auth.api_keys WHERE agent_id = $1', [id]);
    return { client, revoke };
  }
  const refused = (client: TestClient) => until('the refusal', async () => (await client.get('/v1/me')).status === 401);

  it('does not hear of it is refused once it listens again', async () => {
    const { client, revoke } = await knownAgent();
    await platform.database.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query = 'LISTEN agent_changed'",
    );
    await revoke();
    await refused(client);
  });

  it('cannot tell anybody is refused once it can', async () => {
    await parts().processes.get('auth')?.stop();
    const way = await startWay();
    const auth = await parts().startService('auth', { NATS_URL: way.url });
    const { client, revoke } = await knownAgent();
    way.cut();
    await until('the loss', () => auth.output().includes('the message bus is lost'));
    await revoke();
    way.mend();
    await refused(client);
    await auth.stop();
    way.close();
  });
});

describe('isolation', () => {
  it("refuses a NATS user that publishes another's actions or listens to its inbox", async () => {
    /** What the server refused of what a user did; a last thing that is surely refused tells that all was answered. */
    const refusedOf = async (user: NatsUser, act: (connection: NatsConnection) => void) => {
      const { username, password, host } = new URL(parts().natsUrl(user));
      const connection = await connect({ servers: host, user: username, pass: password });
      const refused: string[] = [];
      void (async () => {
        for await (const { permissionContext } of connection.status()) {
          if (permissionContext) refused.push(`${permissionContext.operation} ${permissionContext.subject}`);
        }
      })();
      act(connection);
      connection.publish('nobody.may.publish.this', '');
      await until('the last refusal', () => refused.includes('publish nobody.may.publish.this'));
      await connection.close();
      return refused.slice(0, -1);
    };
    const publish = (subject: string) => (connection: NatsConnection) => connection.publish(subject, '{}');
    const listen = (subject: string) => (connection: NatsConnection) =>
      void connection.subscribe(subject, { callback: () => undefined });

    const create = 'rpc.workflow.create.v1';
    expect(await refusedOf('auth', publish(create))).toEqual([`publish ${create}`]);
    expect(await refusedOf('health', publish(create))).toEqual([`publish ${create}`]);
    expect(await refusedOf('tap', publish('events.lead.scored'))).toEqual(['publish events.lead.scored']);
    const verify = 'rpc.internal.auth.verify-key.v1';
    expect(await refusedOf('workflow-executor', listen(verify))).toEqual([`subscription ${verify}`]);
    expect(await refusedOf('tap', listen('_INBOX.gateway.>'))).toEqual(['subscription _INBOX.gateway.>']);
    expect(await refusedOf('tap', listen('events.>'))).toEqual([]);
    expect(await refusedOf('workflow-executor', publish(create))).toEqual([]);
  });
});
