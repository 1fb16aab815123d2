import { parseDurationMs } from './duration';

it.each<[string, number | undefined]>([
  ['500ms', 500],
  ['10s', 10_000],
  ['5m', 300_000],
  ['2h', 7_200_000],
  ['1d', 86_400_000],
  ['PT10S', 10_000],
  ['PT0.5S', 500],
  ['P1DT2H', 93_600_000],
  ['P2W', 1_209_600_000],
  ['', undefined],
  ['10', undefined],
  ['10 s', undefined],
  ['-5s', undefined],
  ['1.5h', undefined],
  ['P', undefined],
  ['PT', undefined],
  ['P1M', undefined],
  ['10S', undefined],
])('reads %j as %p ms', (text, expected) => {
  expect(parseDurationMs(text)).toBe(expected);
});
