import { AppError, EXIT } from '../lib/errors.ts';
import { systemClock } from '../platform/clock.ts';
import { adminSocketOf, type OrderAnswer } from '../supervisor/operator.ts';
import type { OperatorCommand } from '../supervisor/policy-types.ts';
import { exchangeLines, type NoAnswer } from '../supervisor/status-client.ts';
import type { CliContext } from './context.ts';
import { defineCommand, parseArgs } from './define-command.ts';
import { DEFAULT_CONFIG, socketOf } from './supervisor-socket.ts';

const TEXTS: Readonly<Record<OperatorCommand, { readonly summary: string; readonly example: string }>> = {
  drain: {
    summary: 'Take no new tasks on this machine; end it when nothing runs any more.',
    example: 'pwagent drain --reason "new image"',
  },
  resume: {
    summary: 'Take back a drain. Lifetime and hard cap stay as they are.',
    example: 'pwagent resume --reason "the image waits"',
  },
  shutdown: {
    summary: 'End this machine now, whatever runs on it.',
    example: 'pwagent shutdown --reason "a task went astray"',
  },
};

function readAnswer(text: string): OrderAnswer | { readonly tag: 'silent' } {
  try {
    const answer = JSON.parse(text) as OrderAnswer;
    return 'phase' in answer || 'error' in answer ? answer : { tag: 'silent' };
  } catch {
    return { tag: 'silent' };
  }
}

function refusal({ tag }: NoAnswer, socket: string, command: OperatorCommand): AppError {
  switch (tag) {
    case 'absent':
      return new AppError('UNAVAILABLE', `no supervisor runs behind ${socket}`, { hint: 'see pwagent status' });
    case 'silent':
      return new AppError('UNAVAILABLE', `the supervisor behind ${socket} does not answer`, { hint: 'see its log' });
    case 'forbidden':
      return new AppError('NO_PERMISSION', `this user may not order "${command}"`, {
        hint: `only root and members of the group pwagent may; try sudo pwagent ${command}`,
      });
  }
}

/** `pwagent drain | resume | shutdown --reason TEXT [--socket PATH | --config FILE]` */
export async function operate(order: OperatorCommand, args: readonly string[], context: CliContext): Promise<number> {
  const { summary, example } = TEXTS[order];
  const command = defineCommand({ name: order, summary, examples: [[example, 'the reason goes into log and status']] })
    .requiredOption('--reason <text>', 'why, for whoever reads the log')
    .option('--socket <path>', 'control socket of the supervisor')
    .option('--config <file>', `configuration that names the socket (default: ${DEFAULT_CONFIG})`);
  const done = parseArgs(command, args, context);
  if (done !== undefined) return done;
  const { reason, socket, config } = command.opts<{ reason: string; socket?: string; config?: string }>();
  const path = adminSocketOf(socket ?? (await socketOf(config ?? DEFAULT_CONFIG, config !== undefined)));
  const answer = await exchangeLines(path, { request: order, reason }, readAnswer, systemClock, context.stop);
  if ('tag' in answer) throw refusal(answer, path, order);
  if ('error' in answer) throw new AppError('UNAVAILABLE', answer.error, { hint: 'see pwagent status' });
  context.stdout.write(`${order}: ${answer.phase}\n`);
  return EXIT.ok;
}
