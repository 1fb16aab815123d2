import type { RunStep } from '@agent-platform/client';
import { capturedIo } from '../captured-io';
import { widthOf } from '../output/printable';
import { Session } from '../session';
import { stepTable } from './step-table';

const NOW = Date.parse('2026-01-01T00:01:00Z');
const RUN = { id: '01938f9e-7c1e-7000-8000-000000000001', status: 'running' } as const;

function stepOf(path: string, fields: Partial<RunStep> = {}): RunStep {
  return {
    id: path,
    path,
    type: 'http',
    status: 'pending',
    attempt: 0,
    input: null,
    output: null,
    error: null,
    startedAt: null,
    endedAt: null,
    ...fields,
  };
}

function lines(steps: readonly RunStep[], size: { columns: number; rows: number }): string[] {
  const { stdout, ...io } = capturedIo({ NO_COLOR: '1' });
  return stepTable(RUN, steps, new Session({ ...io, stdout: Object.assign(stdout, size, { isTTY: true }) }), NOW);
}

it('says of each step how it is, since when, and what is wrong with it', () => {
  const error = { code: 'step.http.status', detail: 'It answered 503.' } as RunStep['error'];
  const startedAt = '2026-01-01T00:00:57.500Z';
  const steps = [
    stepOf('lead', { status: 'completed', attempt: 1, startedAt, endedAt: '2026-01-01T00:00:57.520Z' }),
    stepOf('score', { status: 'running', attempt: 2, startedAt, error }),
    stepOf('tell'),
  ];
  expect(lines(steps, { columns: 100, rows: 24 })).toEqual([
    `run ${RUN.id} running`,
    '✓ lead   completed http         20 ms',
    '▸ score  running   http         2.5 s  attempt 2  It answered 503.',
    '· tell   pending   http       ',
  ]);
});

it('never has more lines than the screen, nor longer ones, and keeps what is under way', () => {
  const many = Array.from({ length: 200 }, (_, index) => stepOf(`each[${index}].a-rather-long-name-of-a-step`));
  many[150] = stepOf('busy', { status: 'running', attempt: 1, startedAt: '2026-01-01T00:00:00Z' });
  const shown = lines(many, { columns: 60, rows: 12 });
  expect(shown.length).toBeLessThan(12);
  for (const line of shown) expect(widthOf(line)).toBeLessThanOrEqual(60);
  expect(shown.join('\n')).toContain('▸ busy');
  expect(shown.at(-1)).toBe(`  and ${200 - (shown.length - 2)} more steps`);
});
