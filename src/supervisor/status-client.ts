import { connect } from 'node:net';
import type { Clock } from '../platform/clock.ts';
import { errnoOf } from '../platform/files.ts';
import type { StatusAnswer } from './status-report.ts';

/** A supervisor that is well answers in a few milliseconds. */
const ANSWER_MS = 1_000;

export type Asked =
  | { readonly tag: 'answer'; readonly answer: StatusAnswer }
  /** Nobody is there. */
  | { readonly tag: 'absent' }
  /** Somebody is there and does not answer, or not in our language. */
  | { readonly tag: 'silent' }
  /** Somebody may be there; this user may not ask. */
  | { readonly tag: 'forbidden' };

export type NoAnswer = Exclude<Asked, { tag: 'answer' }>;

function outcomeOf(text: string): Asked {
  try {
    const answer = JSON.parse(text) as StatusAnswer;
    return typeof answer.status?.phase === 'string' ? { tag: 'answer', answer } : { tag: 'silent' };
  } catch {
    return { tag: 'silent' };
  }
}

function outcomeOfError(error: unknown): NoAnswer {
  const errno = errnoOf(error);
  if (errno === 'EACCES' || errno === 'EPERM') return { tag: 'forbidden' };
  return { tag: errno === 'ENOENT' || errno === 'ECONNREFUSED' || errno === 'ENOTDIR' ? 'absent' : 'silent' };
}

/** Asks the supervisor behind `path` where it stands. Takes at most a second, never rejects. */
export function askSupervisor(path: string, clock: Clock, signal: AbortSignal): Promise<Asked> {
  return exchangeLines(path, { request: 'status' }, outcomeOf, clock, signal);
}

/** One request line, one answer line. Takes at most a second, never rejects; `read` makes sense of the answer. */
export function exchangeLines<Outcome>(
  path: string,
  request: unknown,
  read: (text: string) => Outcome,
  clock: Clock,
  signal: AbortSignal,
): Promise<Outcome | NoAnswer> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ path });
    const finish = (outcome: Outcome | NoAnswer) => {
      cancel();
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(outcome);
    };
    const onAbort = () => finish({ tag: 'silent' });
    const cancel = clock.after(ANSWER_MS, () => finish({ tag: 'silent' }));
    signal.addEventListener('abort', onAbort);
    socket.setEncoding('utf8');
    socket.on('error', (error) => finish(outcomeOfError(error)));
    socket.on('data', (data) => {
      text += String(data);
    });
    socket.on('end', () => finish(read(text)));
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`));
  });
}
