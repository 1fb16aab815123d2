// What a child process does for bench/engine/run.mjs: measures one system when it is told to, and sends the figures.

/** Milliseconds of the middle and of the slowest hundredth. */
function percentiles(times) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return { p50: at(0.5), p99: at(0.99) };
}

async function timed(work) {
  const before = performance.now();
  await work();
  return performance.now() - before;
}

/**
 * @param system `{throughput, one, fanOut, end}`: `throughput(count)` resolves once so many runs of three steps, as many at
 *   once as suits it, were accepted and have ended; `one()` and `fanOut()` once a single run has, of three steps and of a
 *   hundred steps side by side. One that is missing is not measured.
 */
export function serve(system) {
  const measures = {
    throughput: async ({ count }) => (count / (await timed(() => system.throughput(count)))) * 1000,
    one: ({ count }) => repeated(system.one, count),
    fanOut: ({ count }) => repeated(system.fanOut, count),
    end: async () => system.end?.(),
  };
  process.on('message', async ({ what, ...how }) => {
    try {
      const known = what === 'end' || system[what];
      process.send({ figure: known ? await measures[what](how) : undefined });
      if (what === 'end') process.exit(0);
    } catch (error) {
      console.error(error);
      process.exit(1);
    }
  });
  process.send({ ready: true });
}

async function repeated(work, count) {
  const times = [];
  for (let i = 0; i < count; i++) times.push(await timed(work));
  return percentiles(times);
}

/** Calls `work(n)` for n below `count`, so many at once. */
export async function each(count, concurrency, work) {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(count, concurrency) }, worker));
}

/** Ends that are waited for, by a key. */
export class Ends {
  waiting = new Map();

  of(key) {
    return new Promise((resolve) => this.waiting.set(key, resolve));
  }

  settle(key) {
    this.waiting.get(key)?.();
    this.waiting.delete(key);
  }
}
