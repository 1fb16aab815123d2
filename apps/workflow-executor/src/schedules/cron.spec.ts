import { CronError, parseCron } from './cron';
import { BAD_CRONS } from './cron.cases';
import { FireTimes, isTimezone } from './fire-times';

it.each(BAD_CRONS.map((text) => [text]))('refuses %j', (text) => {
  expect(() => parseCron(text)).toThrow(CronError);
});

it('has enough of them', () => {
  expect(BAD_CRONS.length).toBeGreaterThanOrEqual(60);
});

it.each([
  '',
  'Nowhere',
  'Europe',
  'Europe/Nowhere',
  'UTC+25',
  '+02:00',
  '../etc/passwd',
  'Europe/Berlin;',
  ' UTC',
  "x'--",
])('refuses the time zone %j', (timezone) => {
  expect(isTimezone(timezone)).toBe(false);
});

it.each<[string, string]>([
  ['@hourly', '0 * * * *'],
  ['@Daily', '0 0 * * *'],
  ['*/15 8-10 * * *', '0,15,30,45 8,9,10 * * *'],
  ['0 7 * jan,JUL MON-FRI', '0 7 * 1,7 1,2,3,4,5'],
  ['0 0 * * 7', '0 0 * * 0'],
  ['0 0 * * SAT-SUN', '0 0 * * 6,0'],
  ['5-20/5,40 0 1 1 *', '5,10,15,20,40 0 1 1 *'],
])('reads %s', (text, normalised) => {
  expect(parseCron(text).normalised).toBe(normalised);
});

const list = (cron: string, timezone: string, after: string, count: number) =>
  new FireTimes(cron, timezone).list(new Date(after), count).map((time) => time.toISOString().slice(0, 16));

describe('where both days are restricted', () => {
  it('a day fires that matches either', () => {
    // Fridays, and the 13th.
    expect(list('0 0 13 * FRI', 'UTC', '2026-10-08T12:00:00Z', 4)).toEqual([
      '2026-10-09T00:00',
      '2026-10-13T00:00',
      '2026-10-16T00:00',
      '2026-10-23T00:00',
    ]);
  });
});

describe('when the clock is put forward', () => {
  it.each([
    ['Europe/Berlin', '30 2 * * *', '2026-03-28T12:00:00Z', ['2026-03-29T01:00', '2026-03-30T00:30']],
    ['America/New_York', '30 2 * * *', '2026-03-07T12:00:00Z', ['2026-03-08T07:00', '2026-03-09T06:30']],
    ['Australia/Lord_Howe', '15 2 * * *', '2026-10-03T12:00:00Z', ['2026-10-03T15:30', '2026-10-04T15:15']],
  ])('in %s, %s fires once right after the jump', (timezone, cron, after, expected) => {
    expect(list(cron, timezone, after, 2)).toEqual(expected);
  });

  it('what fires at the end of the jump anyway fires once', () => {
    expect(list('*/30 * * * *', 'Europe/Berlin', '2026-03-29T00:29:00Z', 4)).toEqual([
      '2026-03-29T00:30',
      '2026-03-29T01:00',
      '2026-03-29T01:30',
      '2026-03-29T02:00',
    ]);
  });
});

describe('when the clock is put back', () => {
  it.each([
    ['Europe/Berlin', '30 2 * * *', '2026-10-24T12:00:00Z', ['2026-10-25T00:30', '2026-10-26T01:30']],
    ['America/New_York', '30 1 * * *', '2026-10-31T12:00:00Z', ['2026-11-01T05:30', '2026-11-02T06:30']],
    ['Australia/Lord_Howe', '45 1 * * *', '2026-04-04T12:00:00Z', ['2026-04-04T14:45', '2026-04-05T15:15']],
  ])('in %s, %s fires the first time only', (timezone, cron, after, expected) => {
    expect(list(cron, timezone, after, 2)).toEqual(expected);
  });

  it('also where every half hour fires', () => {
    expect(list('*/30 * * * *', 'Europe/Berlin', '2026-10-25T00:01:00Z', 3)).toEqual([
      '2026-10-25T00:30',
      '2026-10-25T02:00',
      '2026-10-25T02:30',
    ]);
  });
});

it('zones without summer time are as they are', () => {
  expect(list('0 9 * * *', 'Asia/Kolkata', '2026-03-28T12:00:00Z', 2)).toEqual([
    '2026-03-29T03:30',
    '2026-03-30T03:30',
  ]);
});
