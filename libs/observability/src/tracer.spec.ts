import { currentContext, withoutContext } from './context';
import { createLogger } from './logger';
import { startTracing } from './start-tracing';
import { errorTypeOf, spanned, spannedNow, withTrace, type Tracer } from './tracer';
import { makeTraceparent, parseTraceparent } from './trace-context';

const logger = createLogger({ service: 'test' });
const tracers: Tracer[] = [];
afterAll(() => Promise.all(tracers.map((tracer) => tracer.close())));

/** Of a collector that is not there: what is sent is looked at by `apps/e2e/traces.e2e-spec.ts`. */
async function tracerWith(changes: Partial<Parameters<typeof startTracing>[0]> = {}): Promise<Tracer> {
  const options = { service: 'test', version: '1', endpoint: 'http://127.0.0.1:9', ratio: 1, logger, ...changes };
  const tracer = (await startTracing(options)) as Tracer;
  tracers.push(tracer);
  return tracer;
}

interface Ended {
  readonly name: string;
  readonly parent: string | undefined;
  readonly errorType: string | undefined;
}

/** Keeps what its spans ended with. */
function recorder(ended: Ended[]): Tracer {
  return {
    begin: (name, _options, parent) => ({
      traceparent: `${parent?.slice(0, 36)}${String(ended.length + 1).padStart(16, '0')}-01`,
      rename: () => undefined,
      set: () => undefined,
      end: (errorType) => void ended.push({ name, parent, errorType }),
    }),
    close: async () => undefined,
  };
}

/** Of a caller that records its own. */
const recordedTrace = () => makeTraceparent().replace(/00$/, '01');
const isRecorded = (traceparent: string | undefined) => parseTraceparent(traceparent ?? '')?.sampled;

/** The context of work that a caller with this traceparent has asked for. */
const under = (tracer: Tracer | undefined, traceparent: string) =>
  withTrace(tracer, { requestId: 'r', traceparent }, 'work', { kind: 'server' }, async () => currentContext());

it('is nothing without the address of a collector', async () => {
  expect(await tracerWith({ endpoint: undefined })).toBeUndefined();
  tracers.pop();
  const traceparent = recordedTrace();
  expect(await under(undefined, traceparent)).toEqual({ requestId: 'r', traceparent });
});

it('goes on in the trace of the caller, as a span of its own', async () => {
  const traceparent = recordedTrace();
  const context = await under(await tracerWith(), traceparent);
  expect(context?.traceparent.slice(0, 36)).toBe(traceparent.slice(0, 36));
  expect(context?.traceparent).not.toBe(traceparent);
  expect(context?.tracer).toBeDefined();
});

it('leaves what the caller does not record alone: its context goes on as it came, without a tracer', async () => {
  const quiet = makeTraceparent();
  expect(await under(await tracerWith(), quiet)).toEqual({ requestId: 'r', traceparent: quiet });
});

it('takes a part of the traces that begin here; of those of callers all, but at the edge the same part', async () => {
  const [none, edge] = [await tracerWith({ ratio: 0 }), await tracerWith({ ratio: 0, isEdge: true })];
  expect(isRecorded(none.begin('root', { kind: 'internal' }, undefined).traceparent)).toBe(false);
  expect(isRecorded((await under(none, recordedTrace()))?.traceparent)).toBe(true);
  const context = await under(edge, recordedTrace());
  expect(isRecorded(context?.traceparent)).toBe(false);
  expect(context?.tracer).toBeUndefined();
});

it('a parent that cannot be read begins a trace', async () => {
  expect(isRecorded((await tracerWith()).begin('x', { kind: 'server' }, 'no traceparent').traceparent)).toBe(true);
});

it('ends each span with its work, a failure by its code only, and each part under what it is a part of', async () => {
  const ended: Ended[] = [];
  const failure = Object.assign(new Error('says hunter2'), { code: 'E_CODE' });
  const parts = async () => {
    spannedNow('now', { kind: 'internal' }, () => 1);
    await spanned('part', { kind: 'client' }, () => Promise.reject(failure));
  };
  const traceparent = recordedTrace();
  await expect(
    withTrace(recorder(ended), { requestId: 'r', traceparent }, 'whole', { kind: 'server' }, parts),
  ).rejects.toBe(failure);
  expect(ended.map(({ name, errorType }) => [name, errorType])).toEqual([
    ['now', undefined],
    ['part', 'E_CODE'],
    ['whole', 'E_CODE'],
  ]);
  const [now, part, whole] = ended;
  expect(whole?.parent).toBe(traceparent);
  expect(now?.parent).toBe(part?.parent);
  expect(part?.parent).not.toBe(traceparent);
});

it('an end of a class that passes is no failure', async () => {
  class Parked extends Error {}
  const ended: Ended[] = [];
  const span = { kind: 'internal' as const, passing: Parked };
  const context = { requestId: 'r', traceparent: recordedTrace() };
  const parked = withTrace(recorder(ended), context, 'step', span, () => Promise.reject(new Parked()));
  await expect(parked).rejects.toThrow(Parked);
  expect(ended).toMatchObject([{ errorType: undefined }]);
});

it('what goes on for all is in the trace of none', async () => {
  const found = await withTrace(
    recorder([]),
    { requestId: 'r', traceparent: recordedTrace() },
    'x',
    { kind: 'server' },
    () => withoutContext(async () => currentContext()),
  );
  expect(found).toBeUndefined();
});

it.each([
  [new TypeError('x'), 'TypeError'],
  [Object.assign(new Error('x'), { code: '23505' }), '23505'],
  [undefined, 'Error'],
  ['text', 'Error'],
])('calls %p %s', (error, type) => {
  expect(errorTypeOf(error)).toBe(type);
});
