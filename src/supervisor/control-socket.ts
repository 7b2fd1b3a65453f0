import { chmodSync, chownSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { AppError } from '../lib/errors.ts';
import type { Clock } from '../platform/clock.ts';
import { errnoOf } from '../platform/files.ts';
import { askSupervisor } from './status-client.ts';

/** A request is one short line; whoever sends more, or nothing, is cut off. */
const MAX_REQUEST_CHARACTERS = 64 * 1024;
const IDLE_MS = 5_000;
const MAX_CONNECTIONS = 64;

export interface ControlSocket {
  close(): void;
}

/** What can be asked, by the name of the request. The whole request comes along. */
export type Answers = Readonly<Record<string, (request: unknown) => unknown>>;

function reply(line: string, answers: Answers): unknown {
  try {
    const asked: unknown = JSON.parse(line);
    const { request } = asked as { readonly request?: unknown };
    const answer = typeof request === 'string' && Object.hasOwn(answers, request) ? answers[request] : undefined;
    return answer === undefined ? { error: 'unknown request' } : answer(asked);
  } catch {
    return { error: 'the request is not a JSON object on one line' };
  }
}

function serve(socket: Socket, answers: Answers, clock: Clock): void {
  let text = '';
  const cancel = clock.after(IDLE_MS, () => socket.destroy());
  socket.on('error', () => socket.destroy()); // the asker left before the answer
  socket.once('close', cancel);
  socket.setEncoding('utf8');
  socket.on('data', (data) => {
    text += String(data);
    const end = text.indexOf('\n');
    if (end >= 0) socket.end(`${JSON.stringify(reply(text.slice(0, end), answers))}\n`);
    else if (text.length > MAX_REQUEST_CHARACTERS) socket.destroy();
  });
}

/** Throws when a live supervisor answers at `path` (UNAVAILABLE), or when something else stands there (CONFIG). */
async function claim(path: string, clock: Clock, signal: AbortSignal): Promise<void> {
  try {
    if (!lstatSync(path).isSocket()) {
      throw new AppError('CONFIG', `control.socket: ${path} exists and is not a socket`, {
        hint: 'remove it or choose another path',
      });
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw error;
  }
  const found = await askSupervisor(path, clock, signal);
  if (found.tag === 'answer' || found.tag === 'silent') {
    const who = found.tag === 'answer' ? `with pid ${found.answer.pid}` : 'which does not answer,';
    throw new AppError('UNAVAILABLE', `a supervisor ${who} runs already behind ${path}`, {
      hint: 'stop that one first, or give this one its own control.socket and state-dir',
    });
  }
  rmSync(path, { force: true });
}

/** Who may connect: the kernel checks it by the mode of the socket's file, supplementary groups included. */
export interface SocketAccess {
  readonly mode: number;
  /** Undefined: the supervisor's own. */
  readonly gid: number | undefined;
}

const EVERYBODY: SocketAccess = { mode: 0o666, gid: undefined };

function listen(server: Server, path: string, { mode, gid }: SocketAccess): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      try {
        if (gid !== undefined) chownSync(path, -1, gid);
        chmodSync(path, mode);
        resolve();
      } catch (error) {
        reject(error);
      }
    });
  });
}

/**
 * Opens the control socket: one JSON request line (`{"request":"status"}`), one JSON answer line. Throws `AppError`
 * when another supervisor is behind it (UNAVAILABLE, with its pid); a socket left by a dead one is replaced. Any other
 * failure rejects with the system's error.
 */
export async function openControlSocket(
  path: string,
  answers: Answers,
  clock: Clock,
  signal: AbortSignal,
  access: SocketAccess = EVERYBODY,
): Promise<ControlSocket> {
  await claim(path, clock, signal);
  const made = mkdirSync(dirname(path), { recursive: true });
  if (made !== undefined) for (const folder of [made, dirname(path)]) chmodSync(folder, 0o755); // despite the umask
  const server = createServer((socket) => serve(socket, answers, clock));
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, path, access);
  const { ino } = lstatSync(path);
  return {
    close() {
      server.close();
      try {
        if (lstatSync(path).ino === ino) rmSync(path);
      } catch {
        // somebody removed it before
      }
    },
  };
}
