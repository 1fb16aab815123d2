import type { JsonObject, StepStatus } from '@agent-platform/contracts';
import { compileDefinition } from '../workflows/compile-definition';
import { findStep, plainPath, reusableSteps } from './reusable-steps';

const t = (id: string, more: JsonObject = {}): JsonObject => ({ id, type: 'transform', with: { value: 1 }, ...more });
const compile = (...steps: JsonObject[]) => compileDefinition({ steps });
const CHAIN = compile(t('a'), t('b'), t('c'));
const FAN = compile(
  t('a'),
  { id: 'fan', type: 'parallel', with: { branches: { x: [t('x1'), t('x2')], y: [t('y1')] } } },
  t('z'),
);
const LOOP = compile({ id: 'each', type: 'foreach', with: { items: [1, 2], steps: [t('i'), t('j')] } }, t('z'));

const TYPES: Record<string, string> = { fan: 'parallel', each: 'foreach' };
/** Records of `path` or `path:status`; completed where nothing else is said. */
const recorded = (...texts: string[]) =>
  texts.map((text) => {
    const [path = '', status = 'completed'] = text.split('=');
    return { path, status: status as StepStatus, type: TYPES[plainPath(path)] ?? 'transform' };
  });
const reused = (definition: ReturnType<typeof compile>, steps: string[], from?: string, sameInput = true): string[] =>
  reusableSteps(definition, recorded(...steps), { from, sameInput }).map((step) =>
    step.from === step.to ? step.to : `${step.from} as ${step.to}`,
  );

it.each<[string, string[], string[]]>([
  ['what comes before the start', reused(CHAIN, ['a', 'b', 'c=failed'], 'c'), ['a', 'b']],
  ['nothing from the start on', reused(CHAIN, ['a', 'b', 'c'], 'b'), ['a']],
  ['nothing at all from the first', reused(CHAIN, ['a', 'b', 'c'], 'a'), []],
  ['everything where no start is given', reused(CHAIN, ['a', 'b', 'c']), ['a', 'b', 'c']],
  ['what was skipped', reused(CHAIN, ['a', 'b=skipped', 'c=failed'], 'c'), ['a', 'b']],
  ['nothing after a step without a result', reused(CHAIN, ['a', 'b=cancelled', 'c']), ['a']],
  ['nothing after a step that is new', reused(compile(t('a'), t('n'), t('c')), ['a', 'c'], undefined), ['a']],
  [
    'nothing of another type',
    reused(compile({ id: 'a', type: 'wait', with: { duration: '1s' } }, t('b')), ['a', 'b']),
    [],
  ],
  [
    'a failure that counts as done',
    reused(compile(t('a', { onError: 'continue' }), t('b')), ['a=failed', 'b'], 'b'),
    ['a'],
  ],
  ['no failure that ended the run', reused(CHAIN, ['a=failed', 'b', 'c']), []],
  ['no failure that led to a goto', reused(compile(t('a', { onError: { goto: 'b' } }), t('b')), ['a=failed', 'b']), []],
  [
    'steps beside the start',
    reused(compile(t('a'), t('b', { needs: [] }), t('c', { needs: ['b'] })), ['a', 'b', 'c'], 'b'),
    ['a'],
  ],
  ['no step that was undone, nor what is after it', reused(CHAIN, ['a', 'b', 'b:compensate', 'c=failed'], 'c'), ['a']],
  ['a step that could not be undone', reused(CHAIN, ['a', 'b', 'b:compensate=failed', 'c=failed'], 'c'), ['a', 'b']],
  [
    'the latest visit, under the plain path',
    reused(CHAIN, ['a', 'a#2', 'b=failed', 'b#2', 'c#2=failed'], 'c'),
    ['a#2 as a', 'b#2 as b'],
  ],
  ['the tenth visit rather than the ninth', reused(CHAIN, ['a#9', 'a#10', 'b=failed'], 'b'), ['a#10 as a']],
  [
    'a container with all inside',
    reused(FAN, ['a', 'fan', 'fan.x.x1', 'fan.x.x2', 'fan.y.y1', 'z=failed'], 'z'),
    ['a', 'fan', 'fan.x.x1', 'fan.x.x2', 'fan.y.y1'],
  ],
  [
    'what is inside of a container that failed',
    reused(FAN, ['a', 'fan=failed', 'fan.x.x1', 'fan.x.x2=failed', 'fan.y.y1'], 'fan.x.x2'),
    ['a', 'fan.x.x1', 'fan.y.y1'],
  ],
  ['nothing inside of a container that starts again', reused(FAN, ['a', 'fan', 'fan.x.x1', 'fan.y.y1'], 'fan'), ['a']],
  ['nothing inside of a container after the start', reused(FAN, ['a', 'fan', 'fan.x.x1', 'fan.y.y1'], 'a'), []],
  [
    'no container with something undone inside',
    reused(FAN, ['a', 'fan', 'fan.x.x1', 'fan.x.x1:compensate', 'fan.y.y1', 'z=failed'], 'z'),
    ['a', 'fan.y.y1'],
  ],
  [
    'other items of a loop',
    reused(LOOP, ['each=failed', 'each[0].i', 'each[0].j', 'each[1].i', 'each[1].j=failed'], 'each[1].j'),
    ['each[0].i', 'each[0].j', 'each[1].i'],
  ],
  [
    'no items where the input was edited',
    reused(LOOP, ['each=failed', 'each[0].i', 'each[0].j'], 'each[1].i', false),
    [],
  ],
])('reuses %s', (_what, found, expected) => {
  expect(found.sort()).toEqual(expected.sort());
});

it.each([
  [FAN, 'a', 'a'],
  [FAN, 'fan.y.y1', 'y1'],
  [LOOP, 'each[7].j', 'j'],
  [FAN, 'fan.q.y1', undefined],
  [FAN, 'fan.y', undefined],
  [LOOP, 'each.i', undefined],
  [CHAIN, 'nothing', undefined],
])('finds the step of a path', (definition, path, id) => {
  expect(findStep(definition, path)?.id).toBe(id);
});
