import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { IsTime } from './is-time';

class Asked {
  @IsTime()
  readonly since!: string;
}

const isTime = (since: unknown) => validateSync(plainToInstance(Asked, { since })).length === 0;

it.each([
  '2027-01-31',
  '2027-01-31T09:00:00Z',
  '2027-01-31T09:00:00.123456Z',
  '2027-01-31T09:00+02:00',
  '2028-02-29T23:59:59-1130',
])('takes %s', (text) => expect(isTime(text)).toBe(true));

it.each([
  '2027-W05',
  '2027-031',
  '2027-01',
  '2027',
  '2027-02-29',
  '2027-13-01',
  '2027-01-31T25:00:00Z',
  '2027-01-31T09:00:00+23:00',
  '0000-01-01',
  '20270131',
  'now',
  'infinity',
  '',
  5,
  null,
])('refuses %p', (text) => expect(isTime(text)).toBe(false));
