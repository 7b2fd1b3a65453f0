import type { WaitForTerminalInstruction } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import type { Perform } from './instruction.ts';

/** Ends at once: there is no way yet on which a person could come to a terminal. */
export const waitForTerminal: Perform<WaitForTerminalInstruction> = async (_instruction, context) => {
  await context.output.print('Terminals come with a later version of pwagent; the task goes on without one.');
  return { tag: 'completed' };
};
