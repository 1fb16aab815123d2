import { Matches } from 'class-validator';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** What an integration may be called. */
export function IsIntegrationName(): PropertyDecorator {
  return Matches(NAME, { message: 'name must be 1 to 100 letters, digits, dots, dashes or underscores' });
}

/** An id, or the name of an integration that the caller has or was granted; every id has the form of a name. */
export function IsIntegrationReference(): PropertyDecorator {
  return Matches(NAME, { message: 'id must be the id or the name of an integration' });
}
