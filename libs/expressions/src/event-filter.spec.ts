import { compileEventFilter, eventFilterProblem } from './event-filter';

const EVENT = {
  specversion: '1.0',
  id: '01938f9e-7c1e-7000-8000-000000000001',
  source: '/agents/a',
  type: 'lead.scored',
  time: '2027-01-01T00:00:00.000Z',
  subject: 'lead-7',
  datacontenttype: 'application/json',
  data: { points: 14, tags: ['new'], nested: { deep: null } },
  agentid: 'a',
  traceparent: '00-0-0-00',
};

it.each([
  'data.points > 10',
  'event.data.points == 14',
  'type == "lead.scored" && subject.startsWith("lead-")',
  '"new" in data.tags',
  'data.nested.deep == null',
  'has(data.points) && !has(data.missing)',
  '${{ data.points > 10 }}',
])('lets an event pass that fits: %s', (filter) => {
  expect(compileEventFilter(filter)(EVENT)).toBe(true);
});

it.each([
  ['that is not true', 'data.points > 14'],
  ['that is no condition', 'data.points'],
  ['of a field that is missing', 'data.missing == 1'],
  ['of other types', 'data.tags > 3'],
  ['that divides by zero', '1 / 0 == 1'],
])('lets none pass for a filter %s', (_what, filter) => {
  expect(compileEventFilter(filter)(EVENT)).toBe(false);
});

it('knows a missing subject as null', () => {
  expect(compileEventFilter('subject == null')({ ...EVENT, subject: null })).toBe(true);
  expect(compileEventFilter('subject == null')({ type: 'lead.scored', data: {} })).toBe(true);
});

it.each(['data.points >', 'input.x == 1', 'process.exit()', 'data.x.matches("(a+)+$")', '', 'x'.repeat(5000)])(
  'says what is wrong with %s',
  (filter) => {
    expect(eventFilterProblem(filter)).toMatch(/\w/);
  },
);

it('ends a filter that would cost too much', () => {
  const list = Array.from({ length: 400 }, (_, n) => n);
  const filter = compileEventFilter('data.l.all(a, data.l.all(b, data.l.all(c, data.l.all(d, a + b + c + d >= 0))))');
  expect(filter({ ...EVENT, data: { l: list } })).toBe(false);
});
