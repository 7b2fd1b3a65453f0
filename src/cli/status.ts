import { EXIT } from '../lib/errors.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { type Asked, askSupervisor } from '../supervisor/status-client.ts';
import { statusTable } from '../supervisor/status-table.ts';
import type { CliContext } from './context.ts';
import { parseStatusInput, STATUS_HELP, type StatusInput } from './status-input.ts';
import { DEFAULT_CONFIG, socketOf } from './supervisor-socket.ts';

const WATCH_MS = 2_000;

/** Exit codes of this command beside those that the supervisor tells. */
const STATUS_EXIT = { unhealthy: 3, notRunning: 4 } as const;

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
