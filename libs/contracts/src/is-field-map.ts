import { ValidateBy } from 'class-validator';

/** Text by name, as in headers and query strings; a list repeats the name. */
export type FieldMap = Readonly<Record<string, Scalar | readonly Scalar[]>>;
type Scalar = string | number | boolean;

const MAX_FIELDS = 100;
const MAX_NAME_LENGTH = 256;
const MAX_VALUE_LENGTH = 8192;

/** Checks a field for being a {@link FieldMap} of at most 100 names, names of 256 and values of 8192 characters. */
export function IsFieldMap(): PropertyDecorator {
  return ValidateBy({
    name: 'isFieldMap',
    validator: {
      validate: isFieldMap,
      defaultMessage: () => `$property must be an object of at most ${MAX_FIELDS} texts, numbers and booleans, or lists of them`,
    },
  });
}

function isFieldMap(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const fields = Object.entries(value);
  return (
    fields.length <= MAX_FIELDS &&
    fields.every(([name, field]: [string, unknown]) => {
      const values: unknown[] = Array.isArray(field) ? field : [field];
      return name.length <= MAX_NAME_LENGTH && values.length <= MAX_FIELDS && values.every(isShortScalar);
    })
  );
}

function isShortScalar(value: unknown): boolean {
  if (typeof value === 'string') return value.length <= MAX_VALUE_LENGTH;
  return typeof value === 'number' || typeof value === 'boolean';
}
