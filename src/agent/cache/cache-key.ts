import { createHash, type Hash } from 'node:crypto';
import type { Environment } from '../../platform/environment.ts';
import type { CacheInstruction } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import type { StepContext, StepOutcome, StepOutput } from '../instructions/instruction.ts';
import { runLines } from '../instructions/script.ts';

/** What every key of a cache without a fixed one begins with, and older entries are looked for by. */
export function keyPrefix(name: string): string {
  return `${name}-`;
}

/** The key of a cache without any fingerprint: one for each task and node. */
export function plainKey(name: string, { CIRRUS_TASK_NAME = '', CI_NODE_INDEX = '' }: Environment): string {
  const hash = createHash('sha256').update(CIRRUS_TASK_NAME).update(CI_NODE_INDEX).digest('hex');
  return `${keyPrefix(name)}${hash}`;
}

/** Passes output on and takes it into the hash; the agent's own lines are not part of a fingerprint. */
function hashing(output: StepOutput, hash: Hash): StepOutput {
  return {
    write(bytes) {
      hash.update(bytes);
      return output.write(bytes);
    },
    print: (text) => output.print(text),
  };
}

/**
 * The key of a cache (specification of the agent, 7.6): the fixed one, or the name with the SHA-256 of all that the
 * fingerprint scripts print, their echo by the shell included, or of the task's name and node. A script that fails gives
 * its outcome instead.
 */
export async function cacheKey(
  name: string,
  { fingerprintKey, fingerprintScripts }: CacheInstruction,
  context: StepContext,
  signal: AbortSignal,
): Promise<string | StepOutcome> {
  if (fingerprintKey !== '') return fingerprintKey;
  if (fingerprintScripts.length === 0) return plainKey(name, context.environment);
  const hash = createHash('sha256');
  const outcome = await runLines(fingerprintScripts, { ...context, output: hashing(context.output, hash) }, signal);
  if (outcome.tag !== 'completed') return outcome;
  return `${keyPrefix(name)}${hash.digest('hex')}`;
}
