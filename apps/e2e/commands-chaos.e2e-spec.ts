import {
  createPrivateDatabase,
  createTestAgent,
  startCommandWorkers,
  startTestPlatform,
  TestClient,
  testScale,
  until,
  type CommandWorkers,
  type PrivateDatabase,
  type TestPlatform,
} from '@agent-platform/testing';
import { rmSync } from 'node:fs';
import { join } from 'node:path';

/** `TEST_SCALE=17 npx jest apps/e2e/commands-chaos` is the whole of it: 1020 commands. */
const COMMANDS = 60 * testScale();
/** Sent by steps of runs. */
const RUNS = COMMANDS / 2;
const WORKERS = 3;
/** What may be answered while parts are dead. */
const COME_BACK = [409, 500, 503];

let database: PrivateDatabase;
let platform: TestPlatform;
let sender: TestClient;
let receiverId: string;
let workflowId: string;
let workers: CommandWorkers;

beforeAll(async () => {
  database = await createPrivateDatabase();
  platform = await startTestPlatform('separate processes', {}, database);
  const admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  const { key } = await createTestAgent(admin, {
    skills: ['agent_impersonate', 'workflow_manage', 'workflow_execute'],
  });
  sender = new TestClient(platform.gateway, key);
  const receiver = await createTestAgent(admin);
  receiverId = receiver.id;
  const ask = { to: { id: receiverId }, command: 'echo', payload: { n: '${{ input.n }}' } };
  const definition = { steps: [{ id: 'ask', type: 'agent', with: ask }], output: '${{ steps.ask.output.n }}' };
  const made = await sender.post('/v1/workflows', { name: 'echo', definition });
  workflowId = (made.body.data as unknown as { id: string }).id;
  workers = startCommandWorkers(platform.gateway, receiver.key, WORKERS);
}, 120_000);
afterAll(async () => {
  workers?.stop();
  await platform?.stop();
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Sends one command, or starts the run that does, whatever is dead meanwhile; the key makes it one. */
async function send(n: number): Promise<void> {
  for (;;) {
    try {
      const headers = { 'idempotency-key': `command-${n}` };
      const { status } = await (n < RUNS
        ? sender.post(`/v1/workflows/${workflowId}/runs`, { input: { n } }, headers)
        : sender.post(`/v1/agents/${receiverId}/commands`, { command: 'echo', payload: { n } }, headers));
      if (status === 202) return;
      if (!COME_BACK.includes(status)) throw new Error(`answered with ${status}`);
    } catch (error) {
      if (!['TypeError', 'SyntaxError'].includes((error as Error).name)) throw error;
    }
    await pause(50 + Math.random() * 100);
  }
}

/** Kills one worker after the other; answers how many. */
async function killWorkers(isDone: () => boolean): Promise<number> {
  let killed = 0;
  for (; !isDone(); killed++) {
    await pause(400 + Math.random() * 400);
    workers.replace(killed % WORKERS);
  }
  return killed;
}

/** Kills the executor, `auth`, NATS with its store, and PostgreSQL in turn. */
async function killParts(isDone: () => Promise<boolean>): Promise<Record<string, number>> {
  const kills: Record<string, number> = { 'workflow-executor': 0, auth: 0, nats: 0, postgres: 0 };
  for (let kill = 0; !(await isDone()); kill++) {
    const part = Object.keys(kills)[kill % 4] ?? '';
    if (part === 'nats') {
      const restart = platform.separate?.killNats();
      rmSync(join(platform.separate?.natsFolder ?? '', 'jetstream'), { recursive: true });
      await restart?.();
    } else if (part === 'postgres') await database.kill()();
    else {
      await platform.separate?.processes.get(part)?.kill();
      await platform.separate?.startService(part as 'auth');
    }
    kills[part] = (kills[part] ?? 0) + 1;
    await pause(1000 + Math.random() * 1000);
  }
  return kills;
}

const open = () =>
  database
    .query<{ open: number }>('SELECT count(*)::int AS open FROM workflow.agent_commands WHERE ended_at IS NULL')
    .then(([row]) => row?.open ?? 0);

it(
  'every command is answered once, whatever is killed',
  async () => {
    let next = 0;
    let sent = 0;
    let done = false;
    const workersKilled = killWorkers(() => done);
    const killing = killParts(async () => sent === COMMANDS && (await open()) === 0);
    await Promise.all(
      Array.from({ length: 5 }, async () => {
        while (next < COMMANDS) {
          await send(next++);
          sent++;
          await pause(50);
        }
      }),
    );
    const kills = await killing;
    done = true;
    const killed = await workersKilled;
    const runs = await until(
      'the end of every run',
      async () => {
        const rows = await database.query<{ status: string }>(
          `SELECT status, error, count(*)::int AS count, bool_and(output::text = input ->> 'n') AS right FROM workflow.workflow_runs GROUP BY 1, 2`,
        );
        return rows.every(({ status }) => ['completed', 'failed', 'cancelled'].includes(status)) && rows;
      },
      60_000,
    );
    expect(runs).toEqual([{ status: 'completed', error: null, count: RUNS, right: true }]);
    await until('the end of every command', async () => (await open()) === 0, 60_000);

    const [commands] = await database.query(
      `SELECT count(*)::int AS commands, count(DISTINCT payload ->> 'n')::int AS distinct, count(*) FILTER (WHERE status = 'completed')::int AS completed,
         count(*) FILTER (WHERE (result ->> 'n') IS DISTINCT FROM (payload ->> 'n'))::int AS wrong FROM workflow.agent_commands`,
    );
    expect(commands).toEqual({ commands: COMMANDS, distinct: COMMANDS, completed: COMMANDS, wrong: 0 });
    expect(workers.refusals).toEqual([]);
    // Each change has its audit row and its event, and no more than one.
    const rows = () =>
      database.query(
        `SELECT (SELECT array_agg(DISTINCT n) FROM (SELECT count(*)::int AS n FROM auth.audit_log WHERE action = 'agent.command' AND decision = 'allowed' GROUP BY target_id) a) AS sent,
           (SELECT array_agg(DISTINCT n) FROM (SELECT count(*)::int AS n FROM auth.audit_log WHERE action = 'me.respond' AND decision = 'allowed' GROUP BY target_id) a) AS answered,
           (SELECT count(*)::int FROM event.events WHERE type = 'command.sent') AS "sentEvents",
           (SELECT count(*)::int FROM event.events WHERE type = 'command.ended') AS "endedEvents"`,
      );
    const expected = { sent: [1], answered: [1], sentEvents: COMMANDS, endedEvents: COMMANDS };
    await until(
      'audit rows and events',
      async () => JSON.stringify((await rows())[0]) === JSON.stringify(expected),
      60_000,
    );
    const again = [...workers.taken.values()].filter((count) => count > 1).length;
    process.stdout.write(
      `commands: ${COMMANDS}, kills ${JSON.stringify({ workers: killed, ...kills })}, ${again} handed over more than once\n`,
    );
  },
  120_000 + 60_000 * testScale(),
);
