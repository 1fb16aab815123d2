import { mergeMetrics } from './merge-metrics';
import { Metrics } from './metrics';

const lines = async (source: { metrics(): Promise<string> }) => (await source.metrics()).trim().split('\n');

it('counts what is not foreseen as other, whatever it is', async () => {
  const metrics = new Metrics('test');
  const counter = metrics.counter('things_total', 'Things.', { kind: ['a', 'b'], outcome: ['ok'] });
  counter.inc('a', 'ok');
  for (let index = 0; index < 1000; index++) counter.inc(`made up ${index}`, 'ok');
  counter.inc('a', 'ok"} 1\n');
  expect(await lines(metrics)).toEqual([
    '# HELP things_total Things.',
    '# TYPE things_total counter',
    'things_total{kind="a",outcome="ok",service="test"} 1',
    'things_total{kind="b",outcome="ok",service="test"} 0',
    'things_total{kind="other",outcome="ok",service="test"} 1000',
    'things_total{kind="a",outcome="other",service="test"} 1',
  ]);
});

it('shows series of few labels from the start, and of many once something happens', async () => {
  const metrics = new Metrics('test');
  metrics.counter('few_total', 'Few.', { kind: ['a', 'b'] });
  const many = Array.from({ length: 17 }, (_, index) => `k${index}`);
  const counter = metrics.counter('many_total', 'Many.', { kind: many });
  expect((await lines(metrics)).filter((line) => !line.startsWith('#') && line !== '')).toHaveLength(2);
  counter.inc('k16');
  expect(await lines(metrics)).toContain('many_total{kind="k16",service="test"} 1');
});

it('puts durations into cumulative buckets, bounds included', async () => {
  const metrics = new Metrics('test');
  const durations = metrics.durations('wait_seconds', 'Waits.', { kind: ['a'] }, [0.1, 1]);
  for (const seconds of [0, 0.1, 0.5, 1, 7]) durations.of('a').observe(seconds);
  expect((await lines(metrics)).slice(1)).toEqual([
    '# TYPE wait_seconds histogram',
    'wait_seconds_bucket{kind="a",le="0.1",service="test"} 2',
    'wait_seconds_bucket{kind="a",le="1",service="test"} 4',
    'wait_seconds_bucket{kind="a",le="+Inf",service="test"} 5',
    'wait_seconds_sum{kind="a",service="test"} 8.6',
    'wait_seconds_count{kind="a",service="test"} 5',
  ]);
});

it('leaves out a gauge that cannot be read, and shows the others', async () => {
  const metrics = new Metrics('test');
  metrics.gauge('broken', 'Broken.', [], () => Promise.reject(new Error('away')));
  metrics.gauge('depth', 'Depth.', ['queue'], async () => [[3, 'ready']]);
  const shown = await lines(metrics);
  expect(shown).toContain('depth{queue="ready",service="test"} 3');
  expect(shown.filter((line) => line.startsWith('broken'))).toEqual([]);
});

it('refuses two metrics of one name', () => {
  const metrics = new Metrics('test');
  metrics.counter('things_total', 'Things.');
  expect(() => metrics.counter('things_total', 'Others.')).toThrow('already been registered');
});

it('merges registries into one text, in which each metric is described once', async () => {
  const [one, other] = ['one', 'other'].map((service) => {
    const metrics = new Metrics(service);
    metrics.counter('things_total', 'Things.').inc();
    return metrics;
  });
  (other as Metrics).counter('alone_total', 'Alone.').inc();
  expect(await lines(mergeMetrics(one as Metrics, other as Metrics))).toEqual([
    '# HELP things_total Things.',
    '# TYPE things_total counter',
    'things_total{service="one"} 1',
    'things_total{service="other"} 1',
    '',
    '# HELP alone_total Alone.',
    '# TYPE alone_total counter',
    'alone_total{service="other"} 1',
  ]);
});
