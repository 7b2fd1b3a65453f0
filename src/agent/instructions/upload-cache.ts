import { isAbsolute, relative } from 'node:path';
import { formatDuration } from '../../lib/duration.ts';
import { AppError, describeError } from '../../lib/errors.ts';
import { printable } from '../../lib/printable.ts';
import { formatSize } from '../../lib/size.ts';
import { errnoOf } from '../../platform/files.ts';
import type { UploadCacheInstruction } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import { Left } from '../cache/archive/left.ts';
import { type PackRoot, packArchive } from '../cache/archive/pack.ts';
import { describeTrouble } from '../cache/describe-trouble.ts';
import { presentRoots } from '../cache/folders.ts';
import { type Change, changesSince } from '../cache/manifest.ts';
import type { CacheRecord } from '../cache/task-caches.ts';
import type { Perform, StepContext, StepOutcome } from './instruction.ts';

/** Changed paths that are listed before the rest is only counted. */
const MAX_LISTED = 20;

const DONE: StepOutcome = { tag: 'completed' };

/** An error of reading the folders, which is told apart from one of the store. */
class ReadError extends Error {}

function unreadable(reason: string, cause: unknown): AppError {
  const hint = 'check who may read the files of the cache';
  return new AppError('CONFIG', `the cache could not be read: ${reason}`, { hint, cause });
}

async function readableRoots({ folders }: CacheRecord, signal: AbortSignal): Promise<readonly PackRoot[]> {
  try {
    return await presentRoots(folders, signal);
  } catch (error) {
    if (error instanceof AppError || errnoOf(error) === undefined) throw error;
    throw unreadable(describeError(error), error);
  }
}

async function listChanges(changes: readonly Change[], { output, workingFolder }: StepContext): Promise<void> {
  const shown = (path: string) => {
    const near = relative(workingFolder, path);
    return printable(near.startsWith('..') || isAbsolute(near) ? path : near, 200);
  };
  await output.print(`${changes.length} ${changes.length === 1 ? 'path has' : 'paths have'} changed:`);
  for (const { what, path } of changes.slice(0, MAX_LISTED)) await output.print(`  ${what} ${shown(path)}`);
  if (changes.length > MAX_LISTED) await output.print(`  and ${changes.length - MAX_LISTED} more`);
}

/** Whether there is anything new. What cannot be read now will not be better read by the upload. */
async function hasChanged(
  { manifest }: CacheRecord,
  roots: readonly PackRoot[],
  context: StepContext,
  signal: AbortSignal,
): Promise<boolean> {
  if (manifest === undefined) return true;
  try {
    const paths = roots.map(({ path }) => path);
    const changes = await changesSince(manifest, paths, signal);
    if (changes.length === 0) return false;
    await listChanges(changes, context);
    return true;
  } catch (error) {
    signal.throwIfAborted();
    if (errnoOf(error) === undefined) throw error;
    await context.output.print(
      `Warning: the cache was not stored: its files cannot be read (${describeError(error)}).`,
    );
    return false;
  }
}

interface Timed {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Time that the archive itself took, apart from the store's. */
  archiveMs(): number;
}

function archive(roots: readonly PackRoot[], left: Left, context: StepContext, signal: AbortSignal): Timed {
  let spentMs = 0;
  async function* chunks() {
    const source = packArchive(roots, left, signal)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const startMs = context.clock.monoMs();
        const next = await source.next();
        spentMs += context.clock.monoMs() - startMs;
        if (next.done === true) return;
        yield next.value;
      }
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      throw new ReadError(describeError(error), { cause: error });
    } finally {
      await source.return?.(undefined);
    }
  }
  return { chunks: chunks(), archiveMs: () => spentMs };
}

async function store(
  record: CacheRecord,
  roots: readonly PackRoot[],
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const { caches, clock, output, environment } = context;
  const left = new Left();
  const packed = archive(roots, left, context, signal);
  const startMs = clock.monoMs();
  const sizeBytes = await caches.storeAt(environment.CIRRUS_HTTP_CACHE_HOST).store(record.key, packed.chunks, signal);
  const tookMs = clock.monoMs() - startMs;
  caches.attempts.uploaded(record.key, sizeBytes, packed.archiveMs(), tookMs - packed.archiveMs());
  for (const line of left.lines()) await output.print(`Warning: ${line}.`);
  await output.print(`Stored ${formatSize(sizeBytes)} as ${record.key} in ${formatDuration(tookMs)}.`);
}

/** Whether somebody else has stored this key since it was missed. A store that does not answer is no reason not to try. */
async function isThere({ key }: CacheRecord, context: StepContext, signal: AbortSignal): Promise<boolean> {
  try {
    return await context.caches.storeAt(context.environment.CIRRUS_HTTP_CACHE_HOST).has(key, signal);
  } catch {
    signal.throwIfAborted();
    return false;
  }
}

/**
 * Stores a cache again where its folders hold something new (specification of the agent, 7.7). A store that does not
 * take it is a warning in the log; files that cannot be read fail the step.
 */
export const uploadCache: Perform<UploadCacheInstruction> = async ({ cacheName }, context, signal) => {
  const { caches, output } = context;
  const record = caches.find(cacheName);
  if (record === undefined) {
    const hint = 'a cache instruction of this name must have run before, without an error';
    throw new AppError('CONFIG', `there is no cache ${JSON.stringify(cacheName)} to store`, { hint });
  }
  const skip = async (why: string) => {
    await output.print(`Not stored: ${why}.`);
    return DONE;
  };
  if (record.skipUpload) return skip(`${record.key} is in the store already`);
  const roots = await readableRoots(record, signal);
  if (roots.length === 0) return skip('its folders are missing or empty');
  if (!(await hasChanged(record, roots, context, signal))) return skip('nothing has changed');
  if (!record.available && !record.replaces && (await isThere(record, context, signal))) {
    return skip(`${record.key} was stored by another task meanwhile`);
  }
  try {
    await store(record, roots, context, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ReadError) throw unreadable(error.message, error.cause);
    if (!(error instanceof AppError || error instanceof RpcError)) throw error;
    await output.print(`Warning: the cache was not stored: ${describeTrouble(error)}.`);
  }
  return DONE;
};
