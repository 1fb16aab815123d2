import { DueEndpoints } from './due-endpoints';

function dueOf(...ids: readonly string[]): DueEndpoints {
  const due = new DueEndpoints();
  for (const id of ids) due.add(id);
  return due;
}

const idsOf = (due: DueEndpoints) => [...due.ids()];

it('gives each endpoint its turn before one has its next, whatever is left of it', () => {
  const due = dueOf('a', 'b', 'c');
  due.tookTurn('a', due.wordOf('a'), true);
  expect(idsOf(due)).toEqual(['b', 'c', 'a']);
  due.add('b');
  expect(idsOf(due)).toEqual(['b', 'c', 'a']);
  due.tookTurn('b', due.wordOf('b'), true);
  expect(idsOf(due)).toEqual(['c', 'a', 'b']);
});

it('lets go of one of which nothing was left', () => {
  const due = dueOf('a', 'b');
  due.tookTurn('a', due.wordOf('a'), false);
  expect(idsOf(due)).toEqual(['b']);
  expect(due.has('a')).toBe(false);
});

it('keeps one of which there was word while it was looked', () => {
  const due = dueOf('a', 'b');
  const before = due.wordOf('a');
  due.add('a');
  due.tookTurn('a', before, false);
  expect(idsOf(due)).toEqual(['b', 'a']);
});

it('brings nothing back that was cleared while it was looked', () => {
  const due = dueOf('a');
  const before = due.wordOf('a');
  due.clear();
  due.tookTurn('a', before, true);
  expect(due.size).toBe(0);
});
