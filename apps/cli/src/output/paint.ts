import type { Session } from '../session';

const COLORS = { red: 31, green: 32, yellow: 33, cyan: 36 };
const STATUS_COLORS: Readonly<Record<string, keyof typeof COLORS>> = {
  completed: 'green',
  failed: 'red',
  cancelled: 'red',
  running: 'cyan',
  waiting: 'yellow',
};

export function bold(session: Session, text: string): string {
  return session.hasColor ? `\u001b[1m${text}\u001b[22m` : text;
}

/** The status of a run or step in its colour. @param text what is shown, where it is padded */
export function statusText(session: Session, status: string, text = status): string {
  const color = STATUS_COLORS[status];
  return session.hasColor && color ? `\u001b[${COLORS[color]}m${text}\u001b[39m` : text;
}
