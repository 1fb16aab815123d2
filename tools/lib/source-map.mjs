// Takes the positions of some sources out of a source map (https://tc39.es/ecma426/): Node.js reads the whole of it at
// the start where it is asked to, and those of npm packages are nine tenths of a bundle's.
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const VALUE = new Map([...DIGITS].map((digit, value) => [digit, value]));

/** The map without what comes from the sources that `isLeftOut` says, and without names, which Node.js does not use. */
export function withoutSources(map, isLeftOut) {
  const kept = map.sources.map((source, index) => ({ source, index })).filter(({ source }) => !isLeftOut(source));
  const indexes = new Map(kept.map(({ index }, position) => [index, position]));
  const before = [0, 0, 0];
  const after = [0, 0, 0];
  const lines = map.mappings.split(';').map((line) => {
    let columnBefore = 0;
    let columnAfter = 0;
    let isMapped = true;
    const segments = [];
    for (const segment of line === '' ? [] : line.split(',')) {
      const [column, ...position] = decode(segment);
      columnBefore += column;
      for (const field of [0, 1, 2]) before[field] += position[field] ?? 0;
      const source = position.length > 0 ? indexes.get(before[0]) : undefined;
      // One segment without a source ends what stood before it on the line.
      if (source === undefined && !isMapped) continue;
      isMapped = source !== undefined;
      const fields = [columnBefore - columnAfter];
      columnAfter = columnBefore;
      if (isMapped) {
        const now = [source, before[1], before[2]];
        fields.push(...now.map((value, field) => value - after[field]));
        after.splice(0, 3, ...now);
      }
      segments.push(fields.map(encode).join(''));
    }
    return segments.join(',');
  });
  return { version: 3, sources: kept.map(({ source }) => source), names: [], mappings: lines.join(';') };
}

function decode(segment) {
  const values = [];
  let value = 0;
  let shift = 0;
  for (const digit of segment) {
    const bits = VALUE.get(digit);
    value += (bits & 31) << shift;
    shift += 5;
    if (bits & 32) continue;
    values.push(value & 1 ? -(value >>> 1) : value >>> 1);
    value = 0;
    shift = 0;
  }
  return values;
}

function encode(value) {
  let rest = value < 0 ? (-value << 1) | 1 : value << 1;
  let text = '';
  do {
    const bits = rest & 31;
    rest >>>= 5;
    text += DIGITS[rest > 0 ? bits | 32 : bits];
  } while (rest > 0);
  return text;
}
