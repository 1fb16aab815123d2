import { PassThrough } from 'node:stream';
import { capturedIo } from '../captured-io';
import { askSecret } from './prompt';

function terminal() {
  const modes: boolean[] = [];
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (on: boolean) => void modes.push(on) });
  return { io: { ...capturedIo(), stdin }, stdin, modes };
}

it('reads a line that the terminal does not show, and gives the terminal back', async () => {
  const { io, stdin, modes } = terminal();
  const asked = askSecret('Key: ', io);
  stdin.write('mj_x');
  stdin.write('\u007fagent_1\rrest');
  expect(await asked).toBe('mj_agent_1');
  expect(io.err()).toBe('Key: \n');
  expect(io.out()).toBe('');
  expect(modes).toEqual([true, false]);
});

it('ends when the process is told to', async () => {
  const { io, modes } = terminal();
  const ended = new AbortController();
  const asked = askSecret('Key: ', { ...io, signal: ended.signal });
  ended.abort();
  await expect(asked).rejects.toMatchObject({ code: 'ABORT_ERR' });
  expect(modes).toEqual([true, false]);
});

it('is interrupted by Ctrl-C, which a terminal in this mode does not signal', async () => {
  const { io, stdin, modes } = terminal();
  const asked = askSecret('Key: ', io);
  stdin.write('mj_\u0003');
  await expect(asked).rejects.toMatchObject({ exitCode: 130 });
  expect(modes).toEqual([true, false]);
});
