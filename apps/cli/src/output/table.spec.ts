import { API } from '@agent-platform/api-description';
import { columnsOf } from './columns';
import { json, widthOf } from './printable';
import { tableLines } from './table';
import { thingLines } from './thing';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const RUN = {
  id: '01938f9e-7c1e-7000-8000-000000000001',
  status: 'completed',
  workflowVersion: 3,
  createdAt: '2025-12-31T23:57:00.000Z',
  workflowId: '01938f9e-7c1e-7000-8000-000000000002',
  error: null,
};

it('shows the most telling columns first, and times as people tell them', () => {
  const columns = columnsOf(API.schemas.Run ?? {}, [RUN]);
  expect(columns.slice(0, 3)).toEqual(['id', 'status', 'workflowVersion']);
  expect(tableLines(columns, [RUN], { width: 80, nowMs: NOW })).toEqual([
    'ID                                    STATUS     WORKFLOW VERSION  CREATED AT',
    '01938f9e-7c1e-7000-8000-000000000001  completed  3                 3 min ago',
  ]);
});

it('leaves nothing out where no screen cuts', () => {
  const [head, line] = tableLines(columnsOf(API.schemas.Run ?? {}, [RUN]), [RUN]);
  expect(head).toMatch(/WORKFLOW ID$/);
  expect(line).toContain('2025-12-31T23:57:00.000Z');
});

it.each([20, 40, 60, 80, 120, 200])('fits %d columns', (width) => {
  for (const { reply } of API.actions.filter(({ list }) => list)) {
    const { properties = {} } = API.schemas[reply ?? ''] ?? {};
    const row = Object.fromEntries(Object.keys(properties).map((name) => [name, `${name} 日本語 `.repeat(5)]));
    const lines = tableLines(columnsOf(API.schemas[reply ?? ''] ?? {}, [row]), [row], { width, nowMs: NOW });
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(width);
  }
});

it.each([
  ['abc', 3],
  ['日本語', 6],
  ['e\u0301', 1],
])('counts the columns of %s', (text, width) => {
  expect(widthOf(text)).toBe(width);
});

it('has the columns of the fields where rows have no fixed form', () => {
  const rows = [{ total: 3 }, { id: 'x', total: 4 }];
  expect(columnsOf(API.schemas.QueryRow ?? {}, rows)).toEqual(['id', 'total']);
});

it('lets nothing that came from elsewhere command the terminal', () => {
  const evil = 'a\u001b[2Jb\u009b31m\r\n\u202ec';
  const shown = [...tableLines(['name'], [{ name: evil }]), ...thingLines({ [evil]: evil, more: { [evil]: evil } })];
  // eslint-disable-next-line no-control-regex
  expect(shown.join('')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
  expect(JSON.parse(json({ evil }))).toEqual({ evil });
  // eslint-disable-next-line no-control-regex
  expect(json({ evil })).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
});

it('shows one thing as fields, and objects below their names', () => {
  expect(thingLines({ id: 'x', tags: ['a', 'b'], none: null, empty: {}, input: { a: 1 } })).toEqual([
    'id:    x',
    'tags:  a, b',
    'none:  -',
    'empty: {}',
    'input:',
    '  {',
    '    "a": 1',
    '  }',
  ]);
});
