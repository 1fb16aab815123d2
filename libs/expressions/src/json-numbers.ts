import type { Environment } from '@marcbachmann/cel-js';

/**
 * A number that comes from JSON is a double in CEL and a literal such as `2` an int, and CEL mixes the two nowhere. These
 * overloads let them meet in arithmetic and equality (comparisons exist), and let a JSON number be a position in a string.
 * The result of mixed arithmetic is a double, so `input.count / 2` keeps its fraction, as it would in JavaScript.
 */
export function registerJsonNumbers(environment: Environment): void {
  for (const [left, right] of [
    ['int', 'double'],
    ['double', 'int'],
  ]) {
    environment.registerOperator(`${left} + ${right}: double`, (a, b) => Number(a) + Number(b));
    environment.registerOperator(`${left} - ${right}: double`, (a, b) => Number(a) - Number(b));
    environment.registerOperator(`${left} * ${right}: double`, (a, b) => Number(a) * Number(b));
    environment.registerOperator(`${left} / ${right}: double`, (a, b) => Number(a) / Number(b));
    environment.registerOperator(`${left} % ${right}: double`, (a, b) => Number(a) % Number(b));
  }
  environment.registerOperator('double % double: double', (a: number, b: number) => a % b);
  // The guard replaces the work of every equality; this one only makes the type checker accept it.
  environment.registerOperator('int == double: bool', (a: bigint, b: number) => Number(a) === b);

  const sync = { async: false };
  environment.registerFunction(
    'string.substring(double): string',
    (text: string, start: number) => substring(text, start, text.length),
    sync,
  );
  for (const [start, end] of [
    ['double', 'double'],
    ['double', 'int'],
    ['int', 'double'],
  ]) {
    environment.registerFunction(
      `string.substring(${start}, ${end}): string`,
      (text: string, a: unknown, b: unknown) => substring(text, Number(a), Number(b)),
      sync,
    );
  }
}

function substring(text: string, start: number, end: number): string {
  if (Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= text.length) {
    return text.substring(start, end);
  }
  throw new RangeError(`substring(${start}, ${end}) is outside of a string of ${text.length} characters`);
}
