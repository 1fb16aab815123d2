import { rfc3339 } from '@agent-platform/database';
import type { FieldPath, SystemField } from './field-path';

/**
 * The parameters of one statement. All that a caller wrote (names, paths, values) becomes a parameter; the text of a statement is made
 * of texts of this service alone.
 */
export class Parameters {
  readonly values: unknown[] = [];
  private readonly known = new Map<string, string>();

  /** Its place in the text. @param type of Postgres, a text of ours */
  add(value: string | number | readonly string[], type: string): string {
    const key = `${type} ${JSON.stringify(value)}`;
    let place = this.known.get(key);
    if (place === undefined) {
      place = `$${this.values.push(value)}::${type}`;
      this.known.set(key, place);
    }
    return place;
  }
}

/** The columns of the fields that the platform keeps, of the row `d`. */
const SYSTEM_COLUMNS: Readonly<Record<SystemField, { readonly json: string; readonly column: string }>> = {
  $id: { json: 'to_jsonb(d.id::text)', column: 'd.id' },
  $version: { json: 'to_jsonb(d.version)', column: 'd.version::numeric' },
  $createdAt: {
    json: `to_jsonb(${rfc3339('d.created_at')})`,
    column: "date_trunc('milliseconds', d.created_at)",
  },
  $updatedAt: {
    json: `to_jsonb(${rfc3339('d.updated_at')})`,
    column: "date_trunc('milliseconds', d.updated_at)",
  },
  $createdBy: { json: 'to_jsonb(d.created_by::text)', column: 'd.created_by' },
};

/** The value of a field of the document `d` as jsonb; NULL where there is none. */
export function jsonOf({ system, segments }: FieldPath, parameters: Parameters): string {
  if (system) return SYSTEM_COLUMNS[system].json;
  // A document is an object; a path that is taken apart for every document costs more than a name.
  if (segments.length === 1) return `(d.document -> ${parameters.add(segments[0] ?? '', 'text')})`;
  return `(d.document #> ${parameters.add(segments, 'text[]')})`;
}

/** The column of a field that the platform keeps, in the type that it is compared in. */
export function columnOf(system: SystemField): string {
  return SYSTEM_COLUMNS[system].column;
}

/** A jsonb value as a number; NULL for any other. */
export function numberOf(json: string): string {
  return `CASE WHEN jsonb_typeof(${json}) = 'number' THEN (${json})::numeric END`;
}

/** A jsonb value as a text that compares by code points; NULL for any other. */
export function textOf(json: string): string {
  return `(CASE WHEN jsonb_typeof(${json}) = 'string' THEN (${json}) #>> '{}' END) COLLATE "C"`;
}
