import {
  startPeer,
  startTestPlatform,
  testEnvironment,
  TestClient,
  until,
  type TestPlatform,
} from '@agent-platform/testing';
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';

const WORKFLOW = {
  name: 'greet',
  steps: [
    { id: 'hello', type: 'transform', with: { value: 'Hello ${{ input.name }}' } },
    { id: 'pause', type: 'wait', with: { signal: { name: 'go' } } },
  ],
  output: '${{ steps.hello.output }}',
};

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

describe('agentctl', () => {
  const home = mkdtempSync(join(tmpdir(), 'agentctl-'));
  const main = join(testEnvironment().root, 'dist/apps/cli/main.js');
  const children = new Set<ChildProcess>();
  let platform: TestPlatform;
  let agent: TestClient;
  let workflowId: string;

  beforeAll(async () => {
    platform = await startTestPlatform('one process');
    agent = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
    const login = await run(['login', '--url', platform.gateway, '--key-file', '-'], `${platform.keys.OpenClaw}\n`);
    expect(login).toMatchObject({
      code: 0,
      out: '',
      err: expect.stringContaining('as OpenClaw (profile default)') as string,
    });
    expect(login.err).not.toContain(platform.keys.OpenClaw);
  });
  afterAll(async () => {
    // Those of a test that has failed.
    for (const child of children) child.kill('SIGKILL');
    await platform?.stop();
  });

  function start(argv: readonly string[], env: Record<string, string> = {}): ChildProcess {
    const child = spawn(process.execPath, [main, ...argv], {
      env: { PATH: process.env.PATH, XDG_CONFIG_HOME: home, ...env },
    });
    child.stdin?.on('error', () => undefined);
    children.add(child.once('exit', () => children.delete(child)));
    return child;
  }

  /** Of a process that was started: what it has written, and its end. */
  function watched(child: ChildProcess) {
    const text = { out: '', err: '' };
    child.stdout?.on('data', (chunk: Buffer) => (text.out += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (text.err += chunk.toString()));
    const ended = new Promise<Ended>((resolve) => child.once('close', (code) => resolve({ code, ...text })));
    return { text, ended };
  }

  function run(argv: readonly string[], stdin = '', env: Record<string, string> = {}): Promise<Ended> {
    const child = start(argv, env);
    const { ended } = watched(child);
    child.stdin?.end(stdin);
    return ended;
  }

  it('stores the key where only its owner reads it, and refuses the file once others can', async () => {
    const file = join(home, 'agentctl/config.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await run(['whoami', '--json'])).toMatchObject({
      code: 0,
      out: expect.stringContaining('"OpenClaw"') as string,
    });
    const other = mkdtempSync(join(tmpdir(), 'agentctl-'));
    cpSync(home, other, { recursive: true });
    writeFileSync(join(other, 'agentctl/config.json'), readFileSync(file), { mode: 0o600 });
    expect(await run(['logout'], '', { XDG_CONFIG_HOME: other })).toMatchObject({ code: 0 });
    expect(readFileSync(join(other, 'agentctl/config.json'), 'utf8')).not.toContain(platform.keys.OpenClaw);
    chmodSync(join(other, 'agentctl/config.json'), 0o644);
    const refused = await run(['whoami'], '', { XDG_CONFIG_HOME: other });
    expect(refused).toMatchObject({ code: 3, err: expect.stringContaining('chmod 600') as string });
  });

  it('stores no key that the platform refuses', async () => {
    const refused = await run(['login', '--url', platform.gateway, '--profile', 'bad'], 'mj_agent_nobody\n');
    expect(refused).toMatchObject({ code: 3, err: expect.stringContaining('auth.credentials.invalid') as string });
    expect(refused.err).not.toContain('mj_agent_nobody');
    expect(readFileSync(join(home, 'agentctl/config.json'), 'utf8')).not.toContain('nobody');
  });

  it('reads a workflow from standard input, and sends none that is wrong', async () => {
    const wrong = JSON.stringify({ ...WORKFLOW, steps: [{ id: 'a', type: 'odd' }] }, null, 2);
    const refused = await run(['workflow', 'create', '-f', '-'], wrong);
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toMatch(
      /standard input is no valid workflow\.\n {2}line 6: steps\[0\]\.type must be one of http/,
    );
    expect((await agent.get('/v1/workflows')).body.data).toEqual([]);

    const created = await run(['workflow', 'create', '-f', '-', '--json'], JSON.stringify(WORKFLOW));
    expect(created).toMatchObject({ code: 0, err: '' });
    const workflow = JSON.parse(created.out) as { id: string };
    expect(workflow).toMatchObject({ name: 'greet', version: 1, definition: WORKFLOW });
    workflowId = workflow.id;
    const definition = { ...WORKFLOW, output: 'other' };
    const updated = await run(['workflow', 'update', workflowId, '-f', '-', '--json'], JSON.stringify({ definition }));
    expect(JSON.parse(updated.out)).toMatchObject({ version: 2 });
    const old = await run(['workflow', 'get', workflowId, '--version', '1', '--json']);
    expect(JSON.parse(old.out)).toMatchObject({ definition: WORKFLOW });
  });

  it.each([
    ['completes', 0, 'completed', (id: string) => agent.post(`/v1/runs/${id}/signals/go`, {})],
    ['is cancelled', 7, 'cancelled', (id: string) => agent.post(`/v1/runs/${id}/cancel`, {})],
  ])('watches a run until it %s, and ends as it does', async (_what, code, status, end) => {
    const child = start(['workflow', 'execute', workflowId, '--input', '{"name":"Ada"}', '--version', '1', '--watch']);
    const { text, ended } = watched(child);
    await until('the run to wait', () => /pause waiting/.test(text.err));
    expect(text.err).toMatch(/hello completed/);
    const id = /run (\S+) /.exec(text.err)?.[1] ?? '';
    await end(id);
    expect(await ended).toMatchObject({ code, out: code === 0 ? '"Hello Ada"\n' : '' });
    expect(text.err).toContain(`run ${id} ${status}`);
  });

  it('tells why a run failed, also when it had ended before it was looked at', async () => {
    const steps = [{ id: 'bad', type: 'transform', with: { value: '${{ input.none.none }}' } }];
    const created = await agent.post('/v1/workflows', { definition: { name: 'fails', steps } });
    const { id } = created.body.data as unknown as { id: string };
    const executed = await agent.post(`/v1/workflows/${id}/runs?wait=30`, {});
    const watch = await run(['run', 'watch', (executed.body.data as unknown as { id: string }).id]);
    expect(watch).toMatchObject({
      code: 1,
      err: expect.stringMatching(/code step\.expression\.failed, step bad/) as string,
    });
    const json = await run(['workflow', 'execute', id, '--watch', '--json']);
    expect(json.code).toBe(1);
    const messages = json.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string });
    expect(messages.at(-1)).toMatchObject({ event: 'end', run: { status: 'failed' } });
  });

  it('draws a table of the steps over again at a terminal', async () => {
    // The bundle, as anybody may load it: nothing runs until it is told to.
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    const { runCli } = require(main) as { runCli: (argv: string[], io: object) => Promise<number> };
    const executed = await agent.post(`/v1/workflows/${workflowId}/runs`, { input: { name: 'Ada' } });
    const { id } = executed.body.data as unknown as { id: string };
    let out = '';
    const stdout = new Writable({ write: (chunk: Buffer, _encoding, done) => ((out += chunk.toString()), done()) });
    const watching = runCli(['run', 'watch', id], {
      stdin: Readable.from([]),
      stdout: Object.assign(stdout, { isTTY: true, columns: 80, rows: 24 }),
      stderr: new Writable({ write: (_chunk, _encoding, done) => done() }),
      env: { XDG_CONFIG_HOME: home, NO_COLOR: '1' },
    });
    await until('the step to wait', () => out.includes('… pause  waiting'));
    await agent.post(`/v1/runs/${id}/signals/go`, {});
    expect(await watching).toBe(0);
    expect(out).toContain('\u001b[3A');
    expect(out.slice(out.lastIndexOf('\u001b[J'))).toMatch(
      /completed\n✓ hello {2}completed .*\n✓ pause {2}completed .*\n/,
    );
    expect(out).toContain('\u001b[?25h');
  });

  it.each([
    [4, ['run', 'get', '01938f9e-7c1e-7000-8000-000000000001'], 'code run.not-found, request '],
    [1, ['run', 'get', 'nope'], '  <id>: must be a UUID'],
    [1, ['agent', 'create', '--name', '?', '--type', 'tool'], '  --name: must be'],
    [5, ['workflow', 'create', '--name', 'greet', '--definition', JSON.stringify(WORKFLOW)], 'workflow.name.taken'],
    [2, ['run', 'list', '--limit', 'x'], '--limit must be a whole number'],
  ])('ends with %d for %j', async (code, argv, message) => {
    const ended = await run(argv);
    expect(ended).toMatchObject({ code, out: '' });
    expect(ended.err).toContain(message);
  });

  it('says which capability is missing, that nothing answers, and whose key it is', async () => {
    const env = { AGENTCTL_KEY: platform.keys.Dashboard ?? '', AGENTCTL_URL: platform.gateway };
    const refused = await run(['agent', 'list', '--json'], '', env);
    expect(refused.code).toBe(3);
    expect(JSON.parse(refused.err)).toMatchObject({
      code: 'auth.capability.missing',
      missingCapability: 'agent_manage',
    });
    const away = await run(['agent', 'list'], '', { ...env, AGENTCTL_URL: 'http://127.0.0.1:1' });
    expect(away).toMatchObject({ code: 6, err: expect.stringContaining('cannot be reached') as string });
    const elsewhere = await run(['agent', 'list', '--url', 'http://127.0.0.1:1']);
    expect(elsewhere).toMatchObject({ code: 2, err: expect.stringContaining('is not sent to') as string });
  });

  it('shows a secret once with a warning beside it, and follows pages', async () => {
    const made = await run(['agent', 'create', '--name', 'made', '--type', 'tool', '--skills', 'data_read,data_write']);
    expect(made).toMatchObject({ code: 0, err: expect.stringContaining('not shown again') as string });
    expect(made.out).toMatch(/^key: +mj_agent_\w+$/m);
    const page = await run(['agent', 'list', '--limit', '1', '--json']);
    expect(JSON.parse(page.out)).toHaveLength(1);
    expect(page.err).toMatch(/--cursor \S+/);
    const all = await run(['agent', 'list', '--limit', '1', '--all', '--json']);
    expect((JSON.parse(all.out) as { name: string }[]).map(({ name }) => name)).toEqual(
      expect.arrayContaining(['made', 'OpenClaw', 'Dashboard', 'Scheduler']),
    );
    expect(all.err).toBe('');
  });

  it('calls an action by its name, and one that it does not know', async () => {
    expect((await run(['api', 'me.get', '--json'])).out).toContain('"OpenClaw"');
    expect(await run(['api', 'lead.score', '{"a": 1}'])).toMatchObject({
      code: 4,
      err: expect.stringContaining('action.unknown') as string,
    });
    expect((await run(['graphql', '{ agentList { nodes { name } } }'])).out).toContain('OpenClaw');
  });

  it('makes one effect under one idempotency key, and signs for an agent that must', async () => {
    const emit = ['event', 'emit', '--type', 'lead.made', '--data', '{"n": 1}', '--json'];
    const [one, other] = [
      await run([...emit, '--idempotency-key', 'k']),
      await run([...emit, '--idempotency-key', 'k']),
    ];
    expect(one).toMatchObject({ code: 0 });
    expect(other).toEqual(one);

    const made = await run([
      'agent',
      'create',
      '--name',
      'signs',
      '--type',
      'tool',
      '--skills',
      'event_publish',
      '--json',
    ]);
    const { id, key } = JSON.parse(made.out) as { id: string; key: string };
    const issued = await run(['agent', 'signing-secret', id, '--json']);
    const { secret } = JSON.parse(issued.out) as { secret: string };
    const env = { AGENTCTL_URL: platform.gateway, AGENTCTL_KEY: key };
    const unsigned = await run(emit, '', env);
    expect(unsigned).toMatchObject({ code: 3, err: expect.stringContaining('auth.signature.missing') as string });
    expect(await run(emit, '', { ...env, AGENTCTL_SIGNING_SECRET: secret })).toMatchObject({ code: 0 });
  });

  it('takes no offence at a reader that is gone', async () => {
    const child = start(['agent', 'list', '--json']);
    child.stdout?.destroy();
    expect(await watched(child).ended).toMatchObject({ code: 0, err: '' });
  });

  it('follows events until it is interrupted', async () => {
    const child = start(['events', 'tail', '--type', 'lead.*,other.*', '--filter', 'data.points > 10', '--json']);
    const { text, ended } = watched(child);
    let sent = 0;
    await until('an event', async () => {
      for (const points of [1, 12]) await agent.post('/v1/events', { type: 'lead.scored', data: { points } });
      sent += 2;
      return text.out !== '';
    });
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 130, err: '' });
    const events = text.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(events.length).toBeLessThan(sent);
    for (const event of events) expect(event).toMatchObject({ type: 'lead.scored', data: { points: 12 } });
  });

  it('listens for webhooks: shows what is signed, hands it on, refuses the rest, and unsubscribes', async () => {
    const peer = await startPeer((_request, response) => response.writeHead(204).end());
    const child = start(['webhook', 'listen', '--types', 'hook.*', '--forward', peer.url]);
    const { text, ended } = watched(child);
    const url = await until('the listener', () => /Listening at (\S+) as/.exec(text.err)?.[1]);
    expect((await fetch(url, { method: 'POST', body: '{"type":"hook.forged"}' })).status).toBe(401);
    await agent.post('/v1/events', { type: 'hook.real', data: { a: 1 } });
    await until('the delivery', () => text.out.includes('hook.real {"a":1}') && peer.requests.length > 0);
    expect(peer.requests[0]?.headers['webhook-signature']).toMatch(/^v1,/);
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 130, err: expect.stringContaining('Unsubscribed.') as string });
    expect(text.out).not.toContain('forged');
    expect((await agent.get('/v1/me/subscriptions')).body.data).toEqual([]);
    await peer.stop();
  });

  it('stops listening, and unsubscribes, when nobody reads any more what it shows', async () => {
    const child = start(['webhook', 'listen', '--types', 'hook.*']);
    const { text, ended } = watched(child);
    await until('the listener', () => text.err.includes('Listening at'));
    child.stdout?.destroy();
    await agent.post('/v1/events', { type: 'hook.unread', data: {} });
    expect(await ended).toMatchObject({ code: 0, err: expect.stringContaining('Unsubscribed.') as string });
    expect((await agent.get('/v1/me/subscriptions')).body.data).toEqual([]);
  });

  it('needs nothing but Node.js where it is installed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'agentctl-'));
    cpSync(join(main, '..'), folder, { recursive: true });
    const child = spawn(join(folder, 'main.js'), ['--version'], { env: { PATH: process.env.PATH } });
    expect(await watched(child).ended).toEqual({ code: 0, out: '0.1.0\n', err: '' });
  });
});
