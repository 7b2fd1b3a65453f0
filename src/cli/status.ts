import { readFileSync } from 'node:fs';
import { AppError, EXIT } from '../lib/errors.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { errnoOf } from '../platform/files.ts';
import { type Asked, askSupervisor } from '../supervisor/status-client.ts';
import { statusTable } from '../supervisor/status-table.ts';
import type { CliContext } from './context.ts';
import { parseStatusInput, STATUS_HELP, type StatusInput } from './status-input.ts';

const DEFAULT_CONFIG = '/etc/pwagent/pwagent.yml';
const DEFAULT_SOCKET = '/var/run/pwagent.sock';
const WATCH_MS = 2_000;

/** Exit codes of this command beside those that the supervisor tells. */
const STATUS_EXIT = { unhealthy: 3, notRunning: 4 } as const;

/** The socket that a configuration file names. The supervisor checked the rest of it; only this key is read here. */
async function socketOf(file: string, explicit: boolean): Promise<string> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const errno = errnoOf(error) ?? String(error);
    if (!explicit && errno === 'ENOENT') return DEFAULT_SOCKET;
    const what = errno === 'ENOENT' ? 'there is no such file' : `cannot be read (${errno})`;
    throw new AppError(errno === 'EACCES' ? 'NO_PERMISSION' : 'CONFIG', what, {
      place: { file },
      hint: 'name the socket with --socket',
      cause: error,
    });
  }
  if (!/\bcontrol\b/.test(text)) return DEFAULT_SOCKET; // most files: no YAML parser needed
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text, { logLevel: 'silent' });
  const socket: unknown = document.errors.length > 0 ? undefined : document.getIn(['control', 'socket']);
  if (document.errors.length > 0) {
    throw new AppError('CONFIG', 'is not valid YAML', { place: { file }, hint: 'pwagent run tells line and column' });
  }
  return typeof socket === 'string' ? socket : DEFAULT_SOCKET;
}

function explain(asked: Exclude<Asked, { tag: 'answer' }>, socket: string): readonly [number, string] {
  switch (asked.tag) {
    case 'absent':
      return [STATUS_EXIT.notRunning, `no supervisor runs behind ${socket}; start it with pwagent run`];
    case 'silent':
      return [STATUS_EXIT.unhealthy, `the supervisor behind ${socket} does not answer within a second; see its log`];
    case 'forbidden':
      return [EXIT.noPermission, `${socket} may not be opened by this user; try sudo pwagent status`];
  }
}

async function showOnce(socket: string, input: StatusInput, context: CliContext, clock: Clock): Promise<number> {
  const asked = await askSupervisor(socket, clock, context.stop);
  if (asked.tag !== 'answer') {
    const [code, sentence] = explain(asked, socket);
    context.stderr.write(`pwagent: ${sentence}\n`);
    return code;
  }
  const { status, exitCode } = asked.answer;
  const clear = input.watch && !input.json && context.stdout.isTty ? '\x1b[H\x1b[2J' : '';
  const text = input.json ? `${JSON.stringify(status)}\n` : statusTable(status, exitCode, context.stdout.colour);
  context.stdout.write(clear + text);
  return exitCode;
}

/** `pwagent status [--socket PATH | --config FILE] [--json] [--watch]`. `clock` is a parameter for tests. */
export async function run(args: readonly string[], context: CliContext, clock: Clock = systemClock): Promise<number> {
  const input = parseStatusInput(args);
  if (input.help) {
    context.stdout.write(STATUS_HELP);
    return EXIT.ok;
  }
  const socket = input.socket ?? (await socketOf(input.config ?? DEFAULT_CONFIG, input.config !== undefined));
  for (;;) {
    const code = await showOnce(socket, input, context, clock);
    if (!input.watch) return code;
    const stopped = await clock.sleep(WATCH_MS, context.stop).then(
      () => false,
      () => true, // only the signal makes a sleep reject
    );
    if (stopped) return code;
  }
}
