import { IsISO8601, Matches, MaxLength } from 'class-validator';

/** What RFC 3339 and PostgreSQL both read of ISO 8601: a day, or a day with a time, with or without a zone. */
const FORM = /^(?!0000)\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-](0\d|1[0-4]):?[0-5]\d)?)?$/;
const MAX_LENGTH = 40;

/** A time, such as `2027-01-31T09:00:00Z`. */
export function IsTime(): PropertyDecorator {
  const checks = [
    Matches(FORM, { message: '$property must be a time such as 2027-01-31T09:00:00Z' }),
    IsISO8601({ strict: true }, { message: '$property must be a time that there is' }),
    MaxLength(MAX_LENGTH),
  ];
  return (target, name) => checks.forEach((check) => check(target, name));
}
