// graphile-worker: each step is a job that adds the next, with the result so far in its payload; a job that has run is deleted.
// "batched" uses its local queue and batches what it completes, which it documents for throughput.
import { run } from 'graphile-worker';
import pg from 'pg';
import { each, Ends, serve } from '../serve.mjs';

const { url, batched } = JSON.parse(process.argv[2]);
const ends = new Ends();
let left = 0;
let made = 0;
const pool = new pg.Pool({ connectionString: url, max: 30 });
pool.on('error', console.error);
pool.on('connect', (client) => client.on('error', console.error));
const preset = {
  worker: {
    concurrentJobs: 24,
    pollInterval: 500,
    ...(batched && { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 }),
  },
};
const quiet = { log: () => undefined, scope: () => quiet, error: console.error, warn() {}, info() {}, debug() {} };
const runner = await run({
  pgPool: pool,
  noHandleSignals: true,
  preset,
  logger: quiet,
  taskList: {
    step: async ({ run: key, n, results }, helpers) => {
      if (n === 3) return ends.settle(key);
      await helpers.addJob('step', { run: key, n: n + 1, results: [...results, { n }] });
    },
    fan: async (_payload, helpers) => {
      await Promise.all(Array.from({ length: 100 }, (_, n) => helpers.addJob('branch', { n })));
    },
    branch: async () => {
      if (--left === 0) ends.settle('fan');
    },
  },
});

const one = async () => {
  const key = `run-${made++}`;
  const end = ends.of(key);
  await runner.addJob('step', { run: key, n: 1, results: [] });
  await end;
};
serve({
  throughput: (count) => each(count, 200, one),
  one,
  fanOut: async () => {
    left = 100;
    const end = ends.of('fan');
    await runner.addJob('fan', {});
    await end;
  },
  end: () => runner.stop(),
});
