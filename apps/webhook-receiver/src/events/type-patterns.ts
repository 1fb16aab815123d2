/** Splits event type patterns into exact types and beginnings; `*` is the beginning of all. */
export function splitPatterns(patterns: readonly string[]): {
  readonly exact: readonly string[];
  /** With the dot at the end; empty for all. */
  readonly beginnings: readonly string[];
} {
  const isBeginning = (pattern: string) => pattern.endsWith('*');
  return {
    exact: patterns.filter((pattern) => !isBeginning(pattern)),
    beginnings: patterns.filter(isBeginning).map((pattern) => pattern.slice(0, -1)),
  };
}

/** Parameters for a condition in SQL: `type = ANY ($exact) OR type LIKE ANY ($like)`. */
export function likePatterns(patterns: readonly string[]): {
  readonly exact: readonly string[];
  readonly like: readonly string[];
} {
  const { exact, beginnings } = splitPatterns(patterns);
  // In LIKE an underscore stands for any character.
  return { exact, like: beginnings.map((beginning) => `${beginning.replaceAll('_', '\\_')}%`) };
}
