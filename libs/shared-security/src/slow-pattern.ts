/**
 * A regular expression of a JSON Schema that could take very long on some text, or undefined: a group with a quantifier inside
 * and another behind it is what makes one take for ever.
 */
export function findSlowPattern(schema: unknown): string | undefined {
  if (typeof schema !== 'object' || schema === null) return undefined;
  for (const [key, item] of Object.entries(schema)) {
    const patterns =
      key === 'pattern' && typeof item === 'string'
        ? [item]
        : key === 'patternProperties' && typeof item === 'object' && item !== null
          ? Object.keys(item as object)
          : [];
    const slow = patterns.find((pattern) => pattern.length > 256 || /\([^)]*[+*{|][^)]*\)[+*{]/.test(pattern));
    const found = slow ?? findSlowPattern(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
