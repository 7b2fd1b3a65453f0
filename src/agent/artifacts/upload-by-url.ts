import { backoffMs } from '../../lib/backoff.ts';
import { AppError } from '../../lib/errors.ts';
import { errnoOf } from '../../platform/files.ts';
import type { StepContext } from '../instructions/instruction.ts';
import { HUB_BACKOFF, retrying } from '../retry.ts';
import type { ArtifactName, ArtifactsApi, UploadAddress } from './artifacts-api.ts';
import { type FoundFile, shownPath } from './collect-files.ts';
import { lookAgain } from './look-again.ts';

/** Files whose addresses are asked for in one call; a fact of the protocol (specification of the wire, 3.3). */
const GROUP = 100;

/** Uploads at a time: enough to fill a line with small files, few enough to be no burden. */
const AT_ONCE = 6;

const ATTEMPTS = 4;

/** An upload gets a minute and, on top, the time that its size takes at 64 KiB/s: slower lines are as good as dead. */
const BASE_MS = 60_000;
const SLOWEST_BYTES_PER_S = 64 * 1024;

/** What another attempt may mend; with a new address, so that an expired one counts too. */
class Interrupted extends Error {}

async function put(file: FoundFile, { url, headers }: UploadAddress, context: StepContext, signal: AbortSignal) {
  const late = new AbortController();
  const limitMs = BASE_MS + (file.size / SLOWEST_BYTES_PER_S) * 1_000;
  const cancel = context.clock.after(limitMs, () => late.abort());
  try {
    const response = await fetch(url, {
      method: 'PUT',
      headers: { 'content-type': 'application/octet-stream', ...headers },
      // cut to the size that the server was told: a log that still grows must not break the upload
      body: file.size === 0 ? '' : Bun.file(file.absolute).slice(0, file.size),
      signal: AbortSignal.any([signal, late.signal]),
    });
    await response.body?.cancel();
    if (response.status === 200 || response.status === 201) return;
    throw new Interrupted(`the store answered ${response.status}`);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Interrupted) throw error;
    throw new Interrupted(
      late.signal.aborted ? 'the upload took too long' : (errnoOf(error) ?? 'the connection broke'),
    );
  } finally {
    cancel();
  }
}

/**
 * Uploads one file, with a new address for each further attempt, and gives it as it was sent; undefined when it has gone
 * since it was found.
 */
async function uploadFile(
  file: FoundFile,
  first: UploadAddress,
  { api, name }: { api: ArtifactsApi; name: string },
  context: StepContext,
  signal: AbortSignal,
): Promise<FoundFile | undefined> {
  const renew = (present: FoundFile) =>
    retrying(() => api.uploadAddresses(name, [present], signal), HUB_BACKOFF, context, signal);
  let address: UploadAddress | undefined = first;
  let told = file.size;
  for (let attempt = 1; ; attempt += 1) {
    const present = await lookAgain(file);
    if (present === undefined) return undefined;
    try {
      if (attempt > 1 || present.size !== told) [address] = await renew(present);
      told = present.size;
      if (address === undefined) throw new Interrupted('the server named no address for it');
      await put(present, address, context, signal);
      return present;
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      if (attempt >= ATTEMPTS) {
        const hint = 'check the network between this worker and the artifact store, and its free space';
        throw new AppError('UNAVAILABLE', `artifact ${shownPath(file.path)} could not be uploaded: ${error.message}`, {
          hint,
        });
      }
      await context.clock.sleep(backoffMs(attempt - 1, HUB_BACKOFF, context.random), signal);
    }
  }
}

/** Runs `work` on all items, at most `AT_ONCE` at a time; the first error stops the others. */
async function inParallel<T>(
  items: readonly T[],
  work: (item: T, signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
) {
  const failed = new AbortController();
  const both = AbortSignal.any([signal, failed.signal]);
  const left = items.values();
  const lane = async () => {
    for (const item of left) await work(item, both);
  };
  const lanes = Array.from({ length: Math.min(AT_ONCE, items.length) }, () =>
    lane().catch((error: unknown) => {
      if (!failed.signal.aborted) failed.abort(error);
    }),
  );
  await Promise.all(lanes);
  signal.throwIfAborted();
  if (failed.signal.aborted) throw failed.signal.reason;
}

/**
 * Uploads files by HTTP PUT to the addresses that the server gives, tells it what has arrived, and gives that. Rejects
 * with an `RpcError` (UNIMPLEMENTED where the server has no such addresses), with an `AppError`, or on abort.
 */
export async function uploadByUrl(
  artifact: ArtifactName,
  files: readonly FoundFile[],
  api: ArtifactsApi,
  context: StepContext,
  signal: AbortSignal,
): Promise<readonly FoundFile[]> {
  const target = { api, name: artifact.name };
  const sent = new Map<FoundFile, FoundFile | undefined>();
  for (let start = 0; start < files.length; start += GROUP) {
    const group = files.slice(start, start + GROUP);
    const ask = () => api.uploadAddresses(artifact.name, group, signal);
    const addresses = await retrying(ask, HUB_BACKOFF, context, signal);
    const pairs = group.flatMap((file, index) => {
      const address = addresses[index];
      return address === undefined ? [] : [{ file, address }];
    });
    if (pairs.length < group.length) {
      const hint = 'the server breaks the protocol; look into its log';
      throw new AppError('UNAVAILABLE', `the server named ${addresses.length} addresses for ${group.length} files`, {
        hint,
      });
    }
    const one = async ({ file, address }: (typeof pairs)[number], both: AbortSignal) => {
      sent.set(file, await uploadFile(file, address, target, context, both));
    };
    await inParallel(pairs, one, signal);
  }
  const arrived = files.flatMap((file) => sent.get(file) ?? []);
  await retrying(() => api.commit(artifact, arrived, signal), HUB_BACKOFF, context, signal);
  return arrived;
}
