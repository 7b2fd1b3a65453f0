import type {
  CacheInstruction,
  UploadCacheInstruction,
  WaitForTerminalInstruction,
} from '../../rpc/gen/cirrus_ci_service_pb.ts';
import type { Perform } from './instruction.ts';
import { runLines } from './script.ts';

/** Without a cache every look-up is a miss: what would fill the cache runs. */
export const restoreCache: Perform<CacheInstruction> = async ({ populateScripts }, context, signal) => {
  await context.output.print('Caching comes with a later version of pwagent; this counts as a cache miss.');
  return populateScripts.length === 0 ? { tag: 'completed' } : runLines(populateScripts, context, signal);
};

export const uploadCache: Perform<UploadCacheInstruction> = async ({ cacheName }, context) => {
  await context.output.print(`Caching comes with a later version of pwagent; cache "${cacheName}" was not stored.`);
  return { tag: 'completed' };
};

export const waitForTerminal: Perform<WaitForTerminalInstruction> = async (_instruction, context) => {
  await context.output.print('Terminals come with a later version of pwagent; the task goes on without one.');
  return { tag: 'completed' };
};
