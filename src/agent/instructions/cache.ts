import type { CacheInstruction } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import { cacheKey, keyPrefix } from '../cache/cache-key.ts';
import { describeTrouble } from '../cache/describe-trouble.ts';
import { type CacheFolder, resolveFolders } from '../cache/folders.ts';
import { CacheRestore, type Restored } from '../cache/restore.ts';
import type { StepContext, StepOutcome } from './instruction.ts';
import { runLines } from './script.ts';

interface Found {
  /** What the attempt with the key itself, or else the one with an older entry, has brought. */
  readonly restored: Restored;
  readonly key: string;
}

/** Looks for the newest entry of the same cache, for what is better than nothing. */
async function olderKey(name: string, context: StepContext, signal: AbortSignal): Promise<string | undefined> {
  const store = context.caches.storeAt(context.environment.CIRRUS_HTTP_CACHE_HOST);
  try {
    return await store.newest(keyPrefix(name), signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof RpcError)) throw error;
    await context.output.print(`Warning: older entries were not looked for: ${describeTrouble(error)}.`);
    return undefined;
  }
}

async function find(
  name: string,
  key: string,
  instruction: CacheInstruction,
  folders: readonly CacheFolder[],
  context: StepContext,
  signal: AbortSignal,
): Promise<Found> {
  const store = context.caches.storeAt(context.environment.CIRRUS_HTTP_CACHE_HOST);
  const restore = new CacheRestore(store, context, signal);
  const watchChanges = instruction.reuploadOnChanges;
  const exact = { key, restored: await restore.attempt({ key, folders, watchChanges }) };
  if (exact.restored.tag !== 'missing' || !instruction.optimisticallyRestoreOnMiss) return exact;
  const older = await olderKey(name, context, signal);
  if (older === undefined || older === key) return exact;
  await context.output.print(`There is no entry ${key}; the newest older one is taken: ${older}.`);
  return { key: older, restored: await restore.attempt({ key: older, folders, watchChanges: false }) };
}

/** Runs what fills the cache after a miss. Gives its outcome if that is not success. */
async function populate(
  key: string,
  { populateScripts }: CacheInstruction,
  context: StepContext,
  signal: AbortSignal,
): Promise<StepOutcome | undefined> {
  const { clock, output, caches } = context;
  await output.print(`Cache miss for ${key}.`);
  const startMs = clock.monoMs();
  const outcome = populateScripts.length === 0 ? undefined : await runLines(populateScripts, context, signal);
  caches.attempts.miss(key, populateScripts.length === 0 ? 0 : clock.monoMs() - startMs);
  return outcome?.tag === 'completed' ? undefined : outcome;
}

/**
 * Restores a cache or lets its scripts fill it, and remembers for the upload what there was (specification of the agent,
 * 7.6). Trouble with the store counts as a miss, with a line in the log.
 */
export async function restoreCache(
  name: string,
  instruction: CacheInstruction,
  context: StepContext,
  signal: AbortSignal,
): Promise<StepOutcome> {
  const { environment, process, workingFolder, caches } = context;
  const folders = resolveFolders(instruction.folders, environment, process, workingFolder);
  const key = await cacheKey(name, instruction, context, signal);
  if (typeof key !== 'string') return key;
  const found = await find(name, key, instruction, folders, context, signal);
  const { restored } = found;
  if (restored.tag !== 'restored') {
    const outcome = await populate(key, instruction, context, signal);
    if (outcome !== undefined) return outcome;
  }
  const isExact = found.key === key;
  const available = isExact && (restored.tag === 'restored' || restored.tag === 'away');
  caches.add(name, {
    key,
    folders,
    available,
    skipUpload: available && !instruction.reuploadOnChanges,
    replaces: isExact && restored.tag === 'damaged',
    manifest: isExact && restored.tag === 'restored' ? restored.manifest : undefined,
  });
  return { tag: 'completed' };
}
