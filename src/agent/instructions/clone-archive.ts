import { backoffMs } from '../../lib/backoff.ts';
import { AppError } from '../../lib/errors.ts';
import { errnoOf } from '../../platform/files.ts';
import { extractTar } from './archive-entries.ts';
import type { StepContext } from './instruction.ts';

const ATTEMPTS = 7;
const BACKOFF = { firstMs: 1_000, maxMs: 20_000 };

/** A failure of the way, not of the archive: worth another attempt. */
class Interrupted extends Error {}

async function requestArchive(url: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
  let response: Response;
  try {
    response = await fetch(url, { signal, headers: { accept: 'application/x-tar' } });
  } catch (error) {
    signal.throwIfAborted();
    throw new Interrupted(`the server cannot be reached (${errnoOf(error) ?? 'connection failed'})`);
  }
  if (response.ok && response.body !== null) return response.body;
  await response.body?.cancel();
  if (response.status >= 500) throw new Interrupted(`the server answered ${response.status}`);
  throw new AppError('CONFIG', `the work tree's archive is not to be had: the server answered ${response.status}`, {
    hint: 'its address has expired or the build was removed: submit the work tree again',
  });
}

/** Tells a connection that broke within the archive from an archive that is wrong. */
async function* uninterrupted(body: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    signal.throwIfAborted();
    throw new Interrupted(`the connection broke (${errnoOf(error) ?? 'no reason given'})`);
  }
}

/** Unpacks the uploaded work tree into the working folder. Throws `AppError` when it cannot be had; rejects on abort. */
export async function cloneFromArchive(url: string, context: StepContext, signal: AbortSignal): Promise<void> {
  const { secrets, output, workingFolder, clock, random } = context;
  secrets.add(url);
  for (let attempt = 0; ; attempt += 1) {
    try {
      const body = await requestArchive(url, signal);
      const entries = await extractTar(uninterrupted(body, signal), workingFolder, signal);
      await output.print(`Unpacked ${entries} entries.`);
      return;
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      if (attempt + 1 >= ATTEMPTS) {
        const hint = 'check the network between this worker and the hub, then run the task again';
        throw new AppError('UNAVAILABLE', `the work tree could not be fetched: ${error.message}`, { hint });
      }
      await output.print(`Work tree: ${error.message}; trying again.`);
      await clock.sleep(backoffMs(attempt, BACKOFF, random), signal);
    }
  }
}
