import { json, printable } from '../output/printable';

/** Of every line; told in its beginning, or of no use to a reader. */
const HIDDEN = ['level', 'time', 'msg', 'service', 'pid', 'hostname', 'requestId', 'traceId', 'spanId'];

/** A line of the platform for people: a JSON log as `time level service message field=value`, anything else as it is. */
export function logLine(line: string): string {
  if (!line.startsWith('{')) return printable(line);
  let log: Record<string, unknown>;
  try {
    log = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return printable(line);
  }
  const fields = Object.entries(log)
    .filter(([name]) => !HIDDEN.includes(name))
    .map(([name, value]) => `${name}=${fieldText(value)}`);
  const time =
    typeof log.time === 'string' ? log.time.slice(11, 23) : new Date(Number(log.time)).toISOString().slice(11, 23);
  const told = [time, String(log.level).padEnd(5), word(log.service), word(log.msg), ...fields];
  return printable(told.filter((each) => each !== '').join(' '));
}

function word(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Of an error what it says; its stack is in the log. */
function fieldText(value: unknown): string {
  if (typeof value === 'string') return value;
  const { message } = (value ?? {}) as { message?: unknown };
  return typeof message === 'string' ? message : json(value);
}
