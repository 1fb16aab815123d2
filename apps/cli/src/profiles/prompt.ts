import { addAbortSignal } from 'node:stream';
import { CliError, EXIT } from '../exit-codes';
import { write, type Io } from '../io';

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const BACKSPACE = /[\b\u007f]/;

/** Asks for a secret at the terminal and shows nothing of what is typed. */
export async function askSecret(question: string, { stdin, stderr, signal }: Io): Promise<string> {
  await write(stderr, question);
  if (signal) addAbortSignal(signal, stdin);
  stdin.setRawMode?.(true);
  let text = '';
  try {
    for await (const chunk of stdin) {
      for (const character of String(chunk)) {
        if (character === CTRL_C) throw new CliError('Interrupted.', EXIT.interrupted);
        if (character === '\r' || character === '\n' || character === CTRL_D) return text;
        text = BACKSPACE.test(character) ? text.slice(0, -1) : text + character;
      }
    }
    return text;
  } finally {
    stdin.setRawMode?.(false);
    await write(stderr, '\n');
  }
}
