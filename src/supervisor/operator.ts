import { z } from 'zod';
import { lookUpGroup } from '../platform/groups.ts';
import type { Answers, SocketAccess } from './control-socket.ts';
import type { OperatorCommand } from './policy-types.ts';

/** Members may order what operators may. */
const OPERATORS = 'pwagent';

/**
 * The socket for orders stands beside the one for questions. Who may connect is decided by the kernel from the mode of
 * its file: that counts supplementary groups, works the same on Linux and macOS, and needs no descriptor of an accepted
 * connection, which the runtime does not give out.
 */
export function adminSocketOf(socket: string): string {
  return `${socket}.admin`;
}

/** Root, the supervisor's own user, and the members of group `pwagent` where there is one. */
export function operatorAccess(uid: number): SocketAccess {
  const group = uid === 0 ? lookUpGroup(OPERATORS) : undefined;
  return group === undefined ? { mode: 0o600, gid: undefined } : { mode: 0o660, gid: group.gid };
}

const order = z.object({
  reason: z
    .string()
    .transform((text) => text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ').trim())
    .pipe(z.string().min(1).max(500)),
});

export type OrderAnswer = { readonly phase: string } | { readonly error: string };

/** The requests `drain`, `resume` and `shutdown`, each with a `reason`. */
export function operatorAnswers(operate: (command: OperatorCommand, reason: string) => string | undefined): Answers {
  const on =
    (command: OperatorCommand) =>
    (request: unknown): OrderAnswer => {
      const parsed = order.safeParse(request);
      if (!parsed.success) return { error: 'an order needs a reason of 1 to 500 characters' };
      const phase = operate(command, parsed.data.reason);
      return phase === undefined ? { error: 'the supervisor is starting' } : { phase };
    };
  return { drain: on('drain'), resume: on('resume'), shutdown: on('shutdown') };
}
