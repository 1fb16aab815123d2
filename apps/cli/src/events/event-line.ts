import type { CloudEvent } from '@agent-platform/client';
import { bold } from '../output/paint';
import { json, printable } from '../output/printable';
import type { Session } from '../session';

/** An event in one line: whole for programs, time, type, subject and data for people. */
export function eventLine(event: CloudEvent, session: Session): string {
  if (session.json) return json(event);
  const { time, type, subject, data } = event;
  const about = subject === undefined ? '' : ` ${printable(subject)}`;
  const at = session.isTerminal ? time.slice(11, 19) : time;
  return `${printable(at)} ${bold(session, printable(type))}${about} ${json(data)}`;
}
