import type { CloudEvent } from '@agent-platform/contracts';
import {
  createTestAgent,
  startTestPlatform,
  TestClient,
  testEnvironment,
  until,
  type TestPlatform,
} from '@agent-platform/testing';
import { connect, Events, type NatsConnection } from 'nats';
import { spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

let platform: TestPlatform;
let agent: TestClient;
let dataDir: string;
const running: { stop(): Promise<unknown> }[] = [];

beforeAll(async () => {
  platform = await startTestPlatform('one process');
  const admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  const { key } = await createTestAgent(admin, { skills: ['event_publish'] });
  agent = new TestClient(platform.gateway, key);
  dataDir = mkdtempSync(join(testEnvironment().folder, 'tap-'));
  writeFileSync(join(dataDir, 'urls.json'), JSON.stringify({ nats: platform.tapUrl }));
});
afterEach(() => Promise.all(running.splice(0).map((tap) => tap.stop())));
afterAll(() => platform?.stop());

/** The example of docs/taps.md, as it stands there. */
async function startTap(...args: string[]) {
  const child = spawn(process.execPath, ['docs/examples/tap.mjs', ...args], {
    cwd: testEnvironment().root,
    env: { PATH: process.env.PATH, DATA_DIR: dataDir },
  });
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  const tap = {
    types: () =>
      output
        .split('\n')
        .slice(0, -1)
        .map((line) => (JSON.parse(line) as CloudEvent).type)
        .filter((type) => type.startsWith('lead.')),
    stop: () => {
      child.kill('SIGINT');
      return exited;
    },
  };
  running.push(tap);
  await until('the tap', () => {
    if (child.exitCode !== null) throw new Error(`the tap has ended: ${errors}`);
    return errors.includes('reading');
  });
  return tap;
}
const emit = async (type: string) =>
  expect(await agent.post('/v1/events', { type, data: {} })).toMatchObject({ status: 202 });

it('a tap sees events as they come, and after a pause those that came meanwhile', async () => {
  const tap = await startTap();
  await emit('lead.first');
  await until('the event', () => tap.types().length > 0);
  expect(await tap.stop()).toBe(0);
  const pausedAt = new Date().toISOString();
  await emit('lead.second');
  await emit('lead.third');
  const again = await startTap('--since', pausedAt);
  await until('what was missed', () => again.types().length === 2);
  await emit('lead.fourth');
  await until('what comes', () => again.types().length === 3);
  expect(again.types()).toEqual(['lead.second', 'lead.third', 'lead.fourth']);
  expect(await again.stop()).toBe(0);
});

it('the user of taps publishes nothing, and hears nothing but events', async () => {
  const url = new URL(platform.tapUrl);
  const connection: NatsConnection = await connect({
    servers: url.host,
    user: url.username,
    pass: url.password,
    inboxPrefix: '_INBOX.tap',
  });
  const violations: string[] = [];
  void (async () => {
    for await (const { type, data, permissionContext } of connection.status())
      if (type === Events.Error)
        violations.push(`${data as string} ${permissionContext?.operation} ${permissionContext?.subject}`);
  })();
  const tap = await startTap();
  const forbidden = [
    'events.lead.forged',
    'rpc.workflow.list.v1',
    'internal.auth.agent-changed.v1',
    '$JS.API.STREAM.DELETE.EVENTS',
  ];
  for (const subject of forbidden) connection.publish(subject, '{"type": "lead.forged"}');
  for (const subject of ['rpc.>', '_INBOX.gateway.>', 'internal.>'])
    connection.subscribe(subject, { callback: () => undefined });
  await connection.flush();
  await until('the refusals', () => violations.length === forbidden.length + 3);
  expect(violations).toEqual(
    expect.arrayContaining([
      ...forbidden.map((subject) => `PERMISSIONS_VIOLATION publish ${subject}`),
      'PERMISSIONS_VIOLATION subscription rpc.>',
    ]),
  );
  await emit('lead.real');
  await until('the event', () => tap.types().length > 0);
  expect(tap.types()).toEqual(['lead.real']);
  await connection.close();
});

it('the document of the taps is there for everyone', async () => {
  const answer = await fetch(`${platform.gateway}/asyncapi.json`);
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({ asyncapi: '3.0.0' });
});
