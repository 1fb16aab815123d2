// pg-boss: each step is a job of a queue of its own, fetched and completed by hand, so that no poll stands between; the job
// that ends it is followed by one of the next queue, with the result so far. "bulk" moves 500 jobs with each statement.
import PgBoss from 'pg-boss';
import { each, serve } from '../serve.mjs';

const BULK = 500;
const { url, bulk } = JSON.parse(process.argv[2]);
const boss = new PgBoss({ connectionString: url, max: 20, supervise: false, schedule: false });
boss.on('error', console.error);
await boss.start();
const stages = ['step-1', 'step-2', 'step-3'];
for (const name of [...stages, 'branch']) await boss.createQueue(name);

const step = ({ id, data }) => ({ id, result: { n: data.n } });

/** A job; another worker may have locked those that it looked at. */
async function fetchOne(queue) {
  for (;;) {
    const [job] = await boss.fetch(queue);
    if (job) return job;
  }
}

/** One step of whichever run comes first. */
async function work(stage) {
  const job = await fetchOne(stages[stage]);
  const { id, result } = step(job);
  await boss.complete(stages[stage], id, result);
  if (stage + 1 < stages.length) await boss.send(stages[stage + 1], { n: job.data.n, results: [result] });
}

async function oneByOne(n) {
  await boss.send(stages[0], { n });
  for (let stage = 0; stage < stages.length; stage++) await work(stage);
}

async function inBulk(count) {
  await boss.insert(Array.from({ length: count }, (_, n) => ({ name: stages[0], data: { n } })));
  for (let stage = 0; stage < stages.length; stage++) {
    const jobs = await boss.fetch(stages[stage], { batchSize: count });
    await boss.complete(
      stages[stage],
      jobs.map(({ id }) => id),
    );
    const next = stages[stage + 1];
    if (next) await boss.insert(jobs.map(({ data }) => ({ name: next, data })));
  }
}

serve({
  throughput: bulk
    ? (count) => each(Math.ceil(count / BULK), 2, () => inBulk(BULK))
    : (count) => each(count, 20, oneByOne),
  one: () => (bulk ? inBulk(1) : oneByOne(0)),
  fanOut: async () => {
    await boss.insert(Array.from({ length: 100 }, (_, n) => ({ name: 'branch', data: { n } })));
    if (bulk) {
      const jobs = await boss.fetch('branch', { batchSize: 100 });
      return boss.complete(
        'branch',
        jobs.map(({ id }) => id),
      );
    }
    await each(100, 20, async () => {
      const job = await fetchOne('branch');
      await boss.complete('branch', job.id, step(job).result);
    });
  },
  end: () => boss.stop({ graceful: false }),
});
