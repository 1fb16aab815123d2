import type { Problems } from './problems';

/** What the platform keeps of a document, and how it compares. */
export const SYSTEM_FIELDS = {
  $id: 'uuid',
  $version: 'number',
  $createdAt: 'time',
  $updatedAt: 'time',
  $createdBy: 'uuid',
} as const;
export type SystemField = keyof typeof SYSTEM_FIELDS;

/** A place in a document, or a field that the platform keeps of it. */
export interface FieldPath {
  /** As it was written. */
  readonly text: string;
  readonly system: SystemField | undefined;
  /** Names, and indexes of lists; of a system field none. */
  readonly segments: readonly string[];
}

const MAX_LENGTH = 512;
const MAX_SEGMENTS = 20;

/**
 * `a.b.0`: names divided by dots. A backslash takes the sign behind it as it is: `a\.b` is one name, `\$id` a field of the document.
 * Undefined, with a problem noted, for what is none.
 */
export function readFieldPath(text: string, path: string, problems: Problems): FieldPath | undefined {
  const refuse = (message: string) => {
    problems.add(path, message);
    return undefined;
  };
  if (text.length > MAX_LENGTH) return refuse(`is a field of more than ${MAX_LENGTH} characters`);
  if (text.startsWith('$')) {
    if (Object.hasOwn(SYSTEM_FIELDS, text)) return { text, system: text as SystemField, segments: [] };
    const known = Object.keys(SYSTEM_FIELDS).join(', ');
    return refuse(`is no field of the platform; there are ${known}. Write \\$ for a field of the document`);
  }
  const segments = [''];
  for (let at = 0; at < text.length; at++) {
    const sign = text.charAt(at);
    if (sign === '.') segments.push('');
    else {
      if (sign === '\\' && ++at === text.length) return refuse('ends with a backslash that escapes nothing');
      segments[segments.length - 1] += text.charAt(at);
    }
  }
  if (segments.length > MAX_SEGMENTS) return refuse(`has more than ${MAX_SEGMENTS} parts`);
  return { text, system: undefined, segments };
}

/** Whether Postgres would take a part of a path for an index where it meets a list. */
export function mayBeIndex(segment: string): boolean {
  return /^\s*[+-]?\d+$/.test(segment);
}
