import { dirname } from 'node:path';
import { formatDuration } from '../../lib/duration.ts';
import { AppError } from '../../lib/errors.ts';
import { formatSize } from '../../lib/size.ts';
import { openFileLocks } from '../../platform/file-lock.ts';
import { errnoOf } from '../../platform/files.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import type { StepContext } from '../instructions/instruction.ts';
import { Left } from './archive/left.ts';
import type { CacheStore } from './cache-store.ts';
import { describeTrouble } from './describe-trouble.ts';
import { extractArchive } from './extract-archive.ts';
import { type CacheFolder, patternBase } from './folders.ts';
import { clearLeftovers } from './leftovers.ts';
import { type Manifest, takeManifest } from './manifest.ts';
import { TransferFailure } from './transfer/transfer-failure.ts';

/**
 * How one attempt to restore ended (specification of the agent, 7.6). `away`: whether the store has the entry could not
 * be learned in time, so that it is not stored again either.
 */
export type Restored =
  | { readonly tag: 'restored'; readonly manifest: Manifest }
  | { readonly tag: 'missing' }
  | { readonly tag: 'away' }
  | { readonly tag: 'damaged' };

interface Request {
  readonly key: string;
  readonly folders: readonly CacheFolder[];
  /** Whether the upload will want to know what has changed. */
  readonly watchChanges: boolean;
}

/** A damaged archive is ours to replace; anything else may be a matter of the network, the disk, or the store. */
function isDamage(error: unknown): boolean {
  return error instanceof AppError && !(error instanceof TransferFailure) && error.code === 'CONFIG';
}

/** Brings entries of a store into their folders. Failures are lines in the log of the step, never more than a miss. */
export class CacheRestore {
  readonly #locks = openFileLocks();

  constructor(
    private readonly store: CacheStore,
    private readonly context: StepContext,
    private readonly signal: AbortSignal,
  ) {}

  /** Tries an entry, a second time when the archive came damaged. Rejects on abort, and for bugs. */
  async attempt(request: Request): Promise<Restored> {
    await this.#clearLeftovers(request.folders);
    const first = await this.#once(request);
    if (first.tag !== 'damaged') return first;
    await this.context.output.print('It is fetched once more.');
    const second = await this.#once(request);
    if (second.tag === 'damaged') await this.context.output.print('It will be replaced at the end of the task.');
    return second;
  }

  /** What a restore has left that was killed takes room, and would be stored with the folder that it lies in. */
  async #clearLeftovers(folders: readonly CacheFolder[]): Promise<void> {
    const places = folders.flatMap(({ path, isPattern }) => (isPattern ? [patternBase(path)] : [dirname(path), path]));
    for (const place of new Set(places)) {
      await clearLeftovers(place, this.#locks).catch((error: unknown) => {
        if (errnoOf(error) === undefined) throw error;
        return this.context.output.print(`Warning: old files could not be removed: ${describeTrouble(error)}.`);
      });
    }
  }

  async #once(request: Request): Promise<Restored> {
    const { caches, clock, output } = this.context;
    const startMs = clock.monoMs();
    try {
      const download = await this.store.fetch(request.key, this.signal);
      if (download === undefined) return { tag: 'missing' };
      const left = new Left();
      const result = await this.#extract(request, download.body, left);
      const endMs = clock.monoMs();
      const { bytes, lastByteMs } = result;
      caches.attempts.hit(request.key, bytes, lastByteMs - startMs, endMs - lastByteMs);
      await output.print(`Restored ${formatSize(bytes)} of ${request.key} in ${formatDuration(endMs - startMs)}.`);
      for (const line of left.lines()) await output.print(`Warning: ${line}.`);
      if (result.litter !== undefined) await output.print(`Warning: old files could not be removed: ${result.litter}.`);
      return { tag: 'restored', manifest: result.manifest };
    } catch (error) {
      return this.#explain(request.key, error);
    }
  }

  async #extract({ folders, watchChanges }: Request, body: AsyncIterable<Uint8Array>, left: Left) {
    const { clock, workingFolder, process } = this.context;
    const precious = [workingFolder, ...(process.HOME === undefined ? [] : [process.HOME])];
    const plan = { folders, workingFolder, precious, hashes: watchChanges, left, locks: this.#locks };
    let bytes = 0;
    let lastByteMs = clock.monoMs();
    async function* counted() {
      for await (const chunk of body) {
        bytes += chunk.length;
        lastByteMs = clock.monoMs();
        yield chunk;
      }
    }
    const { targets, hashes, litter } = await extractArchive(counted(), () => bytes, plan, this.signal);
    const watched = watchChanges ? targets : [];
    const manifest = await takeManifest(watched, hashes, clock.wallMs(), this.signal);
    return { bytes, lastByteMs, litter, manifest };
  }

  async #explain(key: string, error: unknown): Promise<Restored> {
    this.signal.throwIfAborted();
    const known = error instanceof AppError || error instanceof RpcError || errnoOf(error) !== undefined;
    if (!known) throw error;
    const reason = describeTrouble(error);
    this.context.caches.attempts.failed(key, reason);
    await this.context.output.print(`Warning: cache ${key} was not restored: ${reason}.`);
    if (isDamage(error)) return { tag: 'damaged' };
    const isSilence = error instanceof TransferFailure && error.kind === 'stalled';
    return { tag: isSilence ? 'away' : 'missing' };
  }
}
