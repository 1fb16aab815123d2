import {
  createPrivateDatabase,
  type PrivateDatabase,
  createTestAgent,
  startTestPlatform,
  TestClient,
  until,
  type TestPlatform,
} from '@agent-platform/testing';
import { randomBytes, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { dashboardFiles } from './dashboards';
import { readExposition, type ShownMetric } from './exposition';
import { readPromql } from './promql';

const ROOT = join(__dirname, '../..');
const FILES = join(ROOT, 'infra/helm/agent-platform/files');
const DOCS = join(ROOT, 'docs/metrics.md');
/** `TEST_SCALE=20 npx jest apps/e2e/metrics` is the whole of it: 1000 keys, paths and hosts, and 100 agents. */
const MANY = 50 * Number(process.env.TEST_SCALE ?? 1);
/** Labels that Prometheus adds to what it scrapes. */
const OF_SCRAPES = ['instance', 'job', 'namespace', 'pod'];
/** Whose labels have so many values that series are made once something happens. */
const MADE_LATER =
  /^(gateway_request|gateway_refusals|agent_platform_(action|internal_call|bus_request)|integrations_call|executor_steps)_/;

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Record<string, string>;
  readonly annotations: Record<string, string>;
}

let database: PrivateDatabase;
let platform: TestPlatform;
let admin: TestClient;
let shown: Map<string, ShownMetric>;

const scrape = async () => readExposition(await (await fetch(`${platform.gateway}/metrics`)).text());
const rules = () =>
  (parse(readFileSync(join(FILES, 'alerts.yaml'), 'utf8')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
    ({ rules: own }) => own,
  );

beforeAll(async () => {
  database = await createPrivateDatabase();
  platform = await startTestPlatform('one process', {}, database);
  admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  await useAll(0);
  shown = await scrape();
}, 120_000);
afterAll(() => platform?.stop());

/** Whatever could make a series of its own: agents, keys, paths, actions, hosts, methods, webhooks, event types. */
async function useAll(round: number): Promise<void> {
  const names = Array.from({ length: MANY }, (_, index) => `x${round}-${index}-${randomUUID().slice(0, 8)}`);
  const raw = (path: string, init: RequestInit = {}) =>
    fetch(platform.gateway + path, {
      ...init,
      headers: { authorization: `Bearer ${platform.keys.OpenClaw}`, ...init.headers },
    });
  for (const name of names) {
    const key = `mj_agent_${randomBytes(32).toString('base64url')}`;
    await Promise.all([
      raw(`/${name}/${name}?${name}`),
      raw(`/v1/workflows/${name}`, { method: 'DELETE' }),
      raw('/v1/actions', { method: 'POST', body: JSON.stringify({ action: name, params: {} }) }),
      raw(`/v1/workflows/${name}`, { headers: { authorization: `Bearer ${key}` } }),
      raw(`/v1/webhooks/${randomUUID()}`, { method: 'POST', body: '{}' }),
      raw('/graphql', {
        method: 'POST',
        body: JSON.stringify({ query: `{ ${name.replaceAll('-', '_')} }` }),
        headers: { 'content-type': 'application/json' },
      }),
      raw('/v1/events', {
        method: 'POST',
        body: JSON.stringify({ type: `${name}.happened`, data: {} }),
        headers: { 'content-type': 'application/json' },
      }),
    ]);
  }
  for (let agent = 0; agent < MANY / 10; agent++) {
    const skills = ['workflow_read', 'integration_manage', 'integration_execute', 'integration_read'] as const;
    const { key } = await createTestAgent(admin, { skills: [...skills] });
    const client = new TestClient(platform.gateway, key);
    await client.get('/v1/me');
    await client.post('/v1/agents', { name: 'not allowed', type: 'tool' });
    if (agent > 1) continue;
    const answer = await client.post('/v1/integrations', {
      name: names[agent],
      baseUrl: 'http://127.0.0.1:9',
      authMethod: 'api_key',
      auth: { header: 'x-key' },
    });
    const { id } = answer.body.data as unknown as { id: string };
    await client.post(`/v1/integrations/${id}/connection`, { apiKey: 'a-key-of-the-metrics' });
    await client.post(`/v1/integrations/${id}/execute`, { path: '/' });
    await client.get(`/v1/integrations/${id}/health`);
  }
  const http = {
    id: 'call',
    type: 'http',
    with: { url: 'http://${{ item }}:9/' },
    retry: { maxAttempts: 1 },
    onError: 'continue',
  };
  const each = { id: 'each', type: 'foreach', with: { items: '${{ input.hosts }}', concurrency: 10, steps: [http] } };
  const made = await admin.post('/v1/workflows', { definition: { name: names[0], steps: [each] } });
  const { id } = made.body.data as unknown as { id: string };
  const hosts = names.map((_, index) => `127.${round + 1}.${index % 250}.${1 + Math.floor(index / 250)}`);
  const run = await admin.post(`/v1/workflows/${id}/runs?wait=30`, { input: { hosts } });
  expect(run.body.data).toMatchObject({ status: 'completed' });
  await admin.action('data.query', { collection: 'none', filter: {} });
  await admin.get('/v1/status');
}

it('has as many series after a second round of agents, keys, paths, actions and hosts as after the first', async () => {
  await until('what the first round has begun to be over', async () => {
    const [left] = await platform.database.query<{ rows: number }>('SELECT count(*)::int AS rows FROM event.outbox');
    return left?.rows === 0;
  });
  const before = await scrape();
  await useAll(1);
  const after = await scrape();
  const grown = [...after.values()].filter(({ name, lines }) => {
    // Of the garbage collector; a kind is shown once it has run.
    return !name.startsWith('nodejs_') && lines > (before.get(name)?.lines ?? 0);
  });
  expect(grown.map(({ name, series }) => [name, series])).toEqual([]);
  const values = [...after.values()].flatMap(({ series }) => series.flatMap((labels) => Object.values(labels)));
  expect(values.filter((value) => /^x[01]-|^127[.]|mj_agent/.test(value))).toEqual([]);
  expect([...after.values()].reduce((sum, { lines }) => sum + lines, 0)).toBeLessThan(6000);
});

it('counts what has happened', async () => {
  const text = await (await fetch(`${platform.gateway}/metrics`)).text();
  const of = (series: string) => {
    const [name, labels = ''] = series.split('{');
    const wanted = labels.replace('}', '').split(',');
    const found = text
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) && wanted.every((one) => line.includes(one)));
    return found.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  };
  // In two rounds.
  const exactly = {
    gateway_failed_authentications_total: 2 * MANY,
    'gateway_refusals_total{code="auth.credentials.invalid"}': 2 * MANY,
    'gateway_refusals_total{code="auth.capability.missing"}': (2 * MANY) / 10,
    'gateway_request_duration_seconds_count{action="webhook.receive",status="401"}': 2 * MANY,
    'receiver_inbound_webhooks_total{outcome="no_endpoint"}': 2 * MANY,
    'executor_steps_total{type="http",state="failed"}': 2 * MANY,
    'executor_step_duration_seconds_count{type="http"}': 2 * MANY,
    'executor_run_duration_seconds_count{state="completed"}': 2,
    'executor_runs_taken_total{how="direct"}': 2,
    'integrations_call_duration_seconds_count{auth="api_key",outcome="unreachable"}': 4,
    'agent_platform_action_duration_seconds_count{action="workflow.create",outcome="ok"}': 2,
  };
  expect(Object.fromEntries(Object.keys(exactly).map((series) => [series, of(series)]))).toEqual(exactly);
  // Beside what the platform does by itself.
  for (const series of [
    'receiver_events_stored_total{outcome="new"}',
    'receiver_tap_events_total{outcome="new"}',
    'auth_audit_entries_total',
    'auth_key_verifications_total{outcome="ok"}',
    'auth_permits_granted_total',
    'agent_platform_outbox_relayed_total{service="workflow-executor"}',
    'agent_platform_database_transactions_total{service="workflow-executor",outcome="committed"}',
    'gateway_stage_duration_seconds_count{stage="forwarding"}',
  ])
    expect([series, of(series) > 0]).toEqual([series, true]);
});

it('every metric has a help text, units in its name, and the label service', () => {
  const ours = [...shown.values()].filter(({ name }) => !/^(process|nodejs)_/.test(name));
  expect(ours.length).toBeGreaterThan(50);
  for (const { name, type, help, series } of ours) {
    expect([name, /[.]$/.test(help)]).toEqual([name, true]);
    if (type === 'counter') expect(name).toMatch(/_total$/);
    if (type === 'histogram') expect(name).toMatch(/_seconds$/);
    // Shown at all, so that its labels are known.
    expect([name, series.length > 0 && series.every(({ service }) => service)]).toEqual([name, true]);
  }
});

it('what the status of the platform shows is exported under the same names', async () => {
  const answer = await admin.get('/v1/status');
  const { services } = answer.body.data as unknown as {
    services: { service: string; replicas: { queues: Record<string, number> }[] }[];
  };
  const status = services.flatMap(({ service, replicas }) =>
    replicas.flatMap(({ queues }) => Object.keys(queues).map((name) => `${service} ${name}`)),
  );
  const of = (metric: string, label: string) =>
    (shown.get(metric)?.series ?? []).map((labels) => `${labels.service} ${labels[label]}`);
  const exported = [...of('agent_platform_queue_depth', 'queue'), ...of('agent_platform_lag_seconds', 'lag')];
  expect(exported.sort()).toEqual(status.sort());
  expect(exported).toEqual(
    expect.arrayContaining([
      'workflow-executor runsReady',
      'webhook-receiver deliveriesDue',
      'integrations callsUnderWay',
    ]),
  );
});

/** What is wrong with an expression. */
function mistakesOf(expression: string): string[] {
  const { metrics, grouping } = readPromql(expression);
  const known = (name: string) => shown.get(name) ?? shown.get(name.replace(/_(bucket|sum|count)$/, ''));
  const labelsOf = (name: string) =>
    new Set([...(known(name)?.series ?? []).flatMap((labels) => Object.keys(labels)), ...OF_SCRAPES]);
  const all = new Set([...metrics.flatMap(({ name }) => [...labelsOf(name)]), 'le']);
  return [
    ...(metrics.length === 0 ? ['reads nothing'] : []),
    ...metrics.flatMap(({ name, matchers }) =>
      known(name)
        ? matchers.flatMap(({ label, equals }) => {
            if (!labelsOf(name).has(label)) return [`${name} has no label ${label}`];
            const values = known(name)?.series.map((labels) => labels[label]);
            const isMissing = equals !== undefined && !MADE_LATER.test(name) && !values?.includes(equals);
            return isMissing ? [`no ${name} has ${label}="${equals}"`] : [];
          })
        : [`there is no ${name}`],
    ),
    ...grouping.filter((label) => !all.has(label)).map((label) => `nothing has the label ${label}`),
  ];
}

it('a mistake in an expression is found', () => {
  expect(mistakesOf('sum(rate(gateway_request_duration_second_count[5m]))')).toEqual([
    'there is no gateway_request_duration_second_count',
  ]);
  expect(mistakesOf('agent_platform_queue_depth{queue="runReady"}')).toEqual([
    'no agent_platform_queue_depth has queue="runReady"',
  ]);
  expect(mistakesOf('agent_platform_ready{queue="x"}')).toEqual(['agent_platform_ready has no label queue']);
  expect(mistakesOf('sum by (services) (agent_platform_ready)')).toEqual(['nothing has the label services']);
  expect(() => mistakesOf('sum(agent_platform_ready')).toThrow('no PromQL');
});

it('every alert reads what is exported, says what to do, and has a section in the runbook', () => {
  const runbook = readFileSync(join(ROOT, 'docs/runbook.md'), 'utf8');
  const sections = [...runbook.matchAll(/^## (AgentPlatform\w+)$/gm)].map(([, name]) => name);
  const all = rules();
  expect(all.length).toBeGreaterThan(25);
  expect(all.map(({ alert, expr }) => [alert, mistakesOf(expr)])).toEqual(all.map(({ alert }) => [alert, []]));
  for (const { alert, labels, annotations } of all) {
    expect(['critical', 'warning', 'info']).toContain(labels.severity);
    expect(annotations.runbook).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
    expect([alert, /[.]$/.test(annotations.summary ?? ''), /[.]$/.test(annotations.description ?? '')]).toEqual([
      alert,
      true,
      true,
    ]);
  }
  expect([...sections].sort()).toEqual(all.map(({ alert }) => alert).sort());
});

it('the dashboards are what apps/e2e/dashboards.ts describes, and read what is exported (UPDATE_GENERATED=1 writes them)', () => {
  const folder = join(FILES, 'dashboards');
  const files = dashboardFiles();
  if (process.env.UPDATE_GENERATED)
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  expect(readdirSync(folder).sort()).toEqual(Object.keys(files).sort());
  for (const [name, text] of Object.entries(files)) {
    expect(readFileSync(join(folder, name), 'utf8')).toBe(text);
    const { panels } = JSON.parse(text) as { panels: { title: string; targets: { expr: string }[] }[] };
    const mistakes = panels.flatMap(({ title, targets }) =>
      targets.flatMap(({ expr }) => mistakesOf(expr).map((mistake) => `${title}: ${mistake}`)),
    );
    expect([name, mistakes]).toEqual([name, []]);
  }
});

it('docs/metrics.md has every metric (UPDATE_GENERATED=1 writes it)', () => {
  const rows = [...shown.values()]
    .filter(({ name }) => !/^(process|nodejs)_/.test(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, type, help, series }) => {
      const labels = [...new Set(series.flatMap((each) => Object.keys(each)))].filter((label) => label !== 'service');
      const services = [...new Set(series.map(({ service = '' }) => service))].sort();
      const by = services.length >= 6 ? 'all' : services.join(', ');
      return `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${by} | ${help} |`;
    });
  const [head = ''] = readFileSync(DOCS, 'utf8').split('\n| metric');
  const text = `${head}\n| metric | type | labels | of | what |\n| --- | --- | --- | --- | --- |\n${rows.join('\n')}\n`;
  if (process.env.UPDATE_GENERATED) writeFileSync(DOCS, text);
  expect(readFileSync(DOCS, 'utf8')).toBe(text);
});

it('answers at once while Postgres is away, without what is read there', async () => {
  const restart = database.kill();
  const gone = await until('the outage to show', async () => {
    const startedAt = performance.now();
    const metrics = await scrape();
    expect(performance.now() - startedAt).toBeLessThan(4000);
    return metrics.get('agent_platform_queue_depth')?.series.some(({ queue }) => queue === 'runsReady')
      ? false
      : metrics;
  });
  // What is in memory is there.
  const queues = gone.get('agent_platform_queue_depth')?.series.map(({ queue }) => queue);
  expect(queues).toEqual(expect.arrayContaining(['openStreams', 'runsInMemory']));
  expect(gone.get('agent_platform_outbox_rows')?.series).toEqual([]);
  expect(gone.get('agent_platform_bus_connected')?.series).toHaveLength(7);
  await restart();
  await until('the queues to be read again', async () =>
    (await scrape()).get('agent_platform_queue_depth')?.series.some(({ queue }) => queue === 'runsReady'),
  );
});
