/** A cron expression, read: which values of each field fire. */
export interface Cron {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly daysOfMonth: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  readonly daysOfWeek: ReadonlySet<number>;
  /** Where both are restricted, a day fires that matches either. */
  readonly anyDayOfMonth: boolean;
  readonly anyDayOfWeek: boolean;
  /** The same in five fields of numbers, for a library. */
  readonly normalised: string;
}

/** Why a text is no cron expression, in a sentence. */
export class CronError extends Error {}

const NICKNAMES: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const DAYS_IN_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const FIELDS: readonly Field[] = [
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of month', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12, names: MONTHS },
  // 7 is Sunday too.
  { name: 'day of week', min: 0, max: 7, names: DAYS },
];

/**
 * Reads five fields (minute, hour, day of month, month, day of week) with lists, ranges, steps and names, or a nickname
 * such as `@hourly` (crontab(5)).
 *
 * @throws CronError
 */
export function parseCron(text: string): Cron {
  const expression = NICKNAMES[text.toLowerCase()] ?? text;
  if (expression.startsWith('@')) {
    throw new CronError(`${text} is not known; known are ${Object.keys(NICKNAMES).join(', ')}`);
  }
  const parts = expression.split(' ');
  if (parts.length !== FIELDS.length || parts.includes('')) {
    throw new CronError('needs five fields with one blank between: minute, hour, day of month, month, day of week');
  }
  const [minutes, hours, daysOfMonth, months, weekdays] = FIELDS.map((field, index) =>
    values(parts[index] ?? '', field),
  );
  const daysOfWeek = new Set([...(weekdays ?? [])].map((day) => day % 7));
  const cron = {
    minutes: minutes ?? new Set(),
    hours: hours ?? new Set(),
    daysOfMonth: daysOfMonth ?? new Set(),
    months: months ?? new Set(),
    daysOfWeek,
    anyDayOfMonth: parts[2] === '*',
    anyDayOfWeek: parts[4] === '*',
  };
  const restricted = [cron.minutes, cron.hours, cron.daysOfMonth, cron.months, cron.daysOfWeek];
  const normalised = restricted.map((set, index) => (parts[index] === '*' ? '*' : [...set].join(','))).join(' ');
  if (cron.anyDayOfWeek && !canFire(cron)) throw new CronError('names a day that no month has, so it would never fire');
  return { ...cron, normalised };
}

function canFire({ months, daysOfMonth }: Pick<Cron, 'months' | 'daysOfMonth'>): boolean {
  return [...months].some((month) => Math.min(...daysOfMonth) <= (DAYS_IN_MONTH[month - 1] ?? 0));
}

function values(text: string, field: Field): Set<number> {
  const found = new Set<number>();
  for (const item of text.split(',')) for (const value of range(item, field)) found.add(value);
  return found;
}

function* range(item: string, field: Field): Generator<number> {
  const { name, min, max } = field;
  const match = /^(\*|[A-Za-z0-9]+)(?:-([A-Za-z0-9]+))?(?:\/(\d{1,4}))?$/.exec(item);
  const [, from = '', to, stepText] = match ?? [];
  if (!match || (from === '*' && to !== undefined)) throw new CronError(`has ${item || 'nothing'} as ${name}`);
  if (stepText !== undefined && from !== '*' && to === undefined) {
    throw new CronError(`has ${item} as ${name}; a step needs * or a range before it, as in */5 or 10-30/5`);
  }
  const first = from === '*' ? min : valueOf(from, field);
  let last = from === '*' ? (name === 'day of week' ? 6 : max) : to === undefined ? first : valueOf(to, field);
  if (name === 'day of week' && last === 0 && first > 0) last = 7;
  const step = stepText === undefined ? 1 : Number(stepText);
  if (step < 1 || step > max) throw new CronError(`has a step of ${step} as ${name}; it must be 1 to ${max}`);
  if (first > last) throw new CronError(`has the range ${item} as ${name}, which ends before it begins`);
  for (let value = first; value <= last; value += step) yield value;
}

function valueOf(text: string, { name, min, max, names = [] }: Field): number {
  const named = names.indexOf(text.toUpperCase());
  if (named >= 0) return named + min;
  const value = /^\d{1,2}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  const words = names.length > 0 ? `, or ${names[0]} to ${names.at(-1)}` : '';
  throw new CronError(`has ${text} as ${name}; it must be ${min} to ${max}${words}`);
}
