import type { Run, RunStep } from '@agent-platform/client';
import { bold, statusText } from '../output/paint';
import { printable, shorten } from '../output/printable';
import { duration } from '../output/value-text';
import type { Session } from '../session';

const MARKS: Readonly<Record<string, string>> = {
  pending: '·',
  running: '▸',
  waiting: '…',
  completed: '✓',
  failed: '✗',
  skipped: '-',
  cancelled: '✗',
};

/** The run and its steps as lines of the screen; where there are too many, the latest that do something. */
export function stepTable(
  run: Pick<Run, 'id' | 'status'>,
  steps: readonly RunStep[],
  session: Session,
  nowMs = Date.now(),
): string[] {
  const { columns = 80, rows = 24 } = session.io.stdout;
  const room = Math.max(rows - 3, 3);
  const shown = steps.length > room ? [...steps].sort(byActivity).slice(0, room - 1) : steps;
  const width = Math.min(Math.max(4, ...shown.map(({ path }) => path.length)), Math.floor(columns / 2));
  const lines = shown.map((step) => stepLine(step, width, columns, session, nowMs));
  return [
    `${bold(session, `run ${run.id}`)} ${statusText(session, run.status)}`,
    ...lines,
    ...(shown.length < steps.length ? [`  and ${steps.length - shown.length} more steps`] : []),
  ];
}

/** One step in a line that is no wider than the screen. */
function stepLine(step: RunStep, width: number, columns: number, session: Session, nowMs: number): string {
  const { path, status, attempt, startedAt, endedAt, error, type } = step;
  const ms = startedAt ? (endedAt ? Date.parse(endedAt) : nowMs) - Date.parse(startedAt) : undefined;
  const told = [
    type.padEnd(11),
    ms === undefined ? '' : duration(Math.max(ms, 0)),
    attempt > 1 ? `attempt ${attempt}` : '',
    error ? printable(error.detail) : '',
  ];
  const label = `${MARKS[status] ?? '?'} ${shorten(printable(path), width).padEnd(width)}  `;
  const rest = shorten(told.filter(Boolean).join('  '), Math.max(columns - label.length - 12, 10));
  return `${label}${statusText(session, status, status.padEnd(10))}${rest}`;
}

function byActivity(one: RunStep, other: RunStep): number {
  const rank = ({ status }: RunStep) => ['running', 'waiting', 'failed'].indexOf(status);
  return rank(other) - rank(one) || (other.startedAt ?? '').localeCompare(one.startedAt ?? '');
}
