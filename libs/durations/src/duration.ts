const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SHORT = /^(\d{1,9})(ms|s|m|h|d)$/;
/** ISO 8601-1 section 5.5.2, from weeks down; months and years have no fixed length. */
const ISO = /^P(?=.)(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d{1,3})?)S)?)?$/;

/** Milliseconds of `"500ms" | "10s" | "5m" | "2h" | "1d"` or an ISO 8601 duration; undefined for anything else. */
export function parseDurationMs(text: string): number | undefined {
  const [, count, unit] = SHORT.exec(text) ?? [];
  if (count && unit) return Number(count) * UNITS[unit as keyof typeof UNITS];
  const iso = ISO.exec(text);
  if (!iso) return undefined;
  const [weeks = 0, days = 0, hours = 0, minutes = 0, seconds = 0] = iso.slice(1).map((part) => Number(part ?? 0));
  return ((weeks * 7 + days) * 24 + hours) * UNITS.h + minutes * UNITS.m + Math.round(seconds * 1000);
}
