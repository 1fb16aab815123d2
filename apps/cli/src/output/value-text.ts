import { json, printable } from './printable';

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
] as const;

/** A value in one line. @param nowMs where people look: times are told from then */
export function valueText(value: unknown, nowMs?: number): string {
  if (value === null || value === undefined) return '-';
  if (typeof value === 'string')
    return nowMs !== undefined && INSTANT.test(value) ? relative(Date.parse(value) - nowMs) : printable(value);
  if (Array.isArray(value) && value.every((item) => typeof item === 'string'))
    return value.length === 0 ? '-' : printable(value.join(', '));
  return json(value);
}

/** Milliseconds in the largest unit that fits: `3 min`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const [unit, name] = UNITS.find(([size]) => ms >= size) ?? UNITS[3];
  return name === 's' ? `${(ms / unit).toFixed(1)} s` : `${Math.floor(ms / unit)} ${name}`;
}

function relative(ms: number): string {
  if (Math.abs(ms) < 1000) return 'now';
  const text = duration(Math.abs(ms)).replace(/\.\d/, '');
  return ms < 0 ? `${text} ago` : `in ${text}`;
}
