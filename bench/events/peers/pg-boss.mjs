// pg-boss doing what the platform does with an event: a job is sent for it, fetched, posted, completed. Fetched by hand in a loop without a
// pause, as its own workers look at the queue twice a second at most.
import { createRequire } from 'node:module';
import { Agent, request } from 'undici';

// Installed with the other peers of the engine.
const PgBoss = createRequire(new URL('../../engine/package.json', import.meta.url))('pg-boss');

const BATCH = 100;
const QUEUE = 'webhooks';
const { url, target } = JSON.parse(process.argv[2]);
const boss = new PgBoss({ connectionString: url, schema: 'pgboss', max: 20, supervise: false, schedule: false });
boss.on('error', console.error);
await boss.start();
await boss.createQueue(QUEUE);
const agent = new Agent();
let working = true;

async function post({ data }) {
  const { statusCode, body } = await request(target, {
    dispatcher: agent,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ specversion: '1.0', type: 'bench.event', data }),
  });
  await body.dump();
  if (statusCode >= 300) throw new Error(`answered ${statusCode}`);
}

async function work() {
  while (working) {
    const jobs = await boss.fetch(QUEUE, { batchSize: BATCH });
    if (jobs.length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      continue;
    }
    await Promise.all(jobs.map(post));
    await boss.complete(
      QUEUE,
      jobs.map(({ id }) => id),
    );
  }
}
const workers = [work(), work()];

process.on('message', async ({ emit, end }) => {
  if (end) {
    working = false;
    await Promise.all(workers);
    await boss.stop({ graceful: false });
    process.exit(0);
  }
  await boss.send(QUEUE, { n: emit });
  process.send({ emitted: emit });
});
process.send({ port: 0 });
