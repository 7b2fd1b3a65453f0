import { open } from 'node:fs/promises';
import { backoffMs } from '../../lib/backoff.ts';
import type { StepContext } from '../instructions/instruction.ts';
import { HUB_BACKOFF, isTemporary } from '../retry.ts';
import type { ArtifactName, ArtifactStream, ArtifactsApi } from './artifacts-api.ts';
import type { FoundFile } from './collect-files.ts';
import { lookAgain } from './look-again.ts';

/** Largest piece of one message; a fact of the protocol (specification of the wire, 3.3). */
const PIECE_BYTES = 1024 * 1024;

/** The whole upload is begun anew after a break, since the protocol cannot go on with one. */
const ATTEMPTS = 4;

/** Gives the file as it was sent; undefined when it has gone since it was found. */
async function sendFile(found: FoundFile, stream: ArtifactStream): Promise<FoundFile | undefined> {
  const file = await lookAgain(found);
  if (file === undefined) return undefined;
  await sendContent(file, stream);
  return file;
}

async function sendContent(file: FoundFile, stream: ArtifactStream): Promise<void> {
  const send = (data: Uint8Array) =>
    stream.write({ value: { case: 'chunk', value: { artifactPath: file.path, data: Uint8Array.from(data) } } });
  if (file.size === 0) return send(new Uint8Array()); // without a piece, the file would not exist for the server
  const handle = await open(file.absolute, 'r');
  try {
    const buffer = Buffer.allocUnsafe(Math.min(PIECE_BYTES, file.size));
    for (let left = file.size; left > 0; ) {
      const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, left));
      if (bytesRead === 0) return; // it has shrunk since it was found
      await send(buffer.subarray(0, bytesRead));
      left -= bytesRead;
    }
  } finally {
    await handle.close();
  }
}

/** Uploads files over gRPC, one after the other, and gives those that were sent. Rejects with an `RpcError`, or on abort. */
export async function uploadByStream(
  artifact: ArtifactName,
  files: readonly FoundFile[],
  api: ArtifactsApi,
  context: StepContext,
  signal: AbortSignal,
): Promise<readonly FoundFile[]> {
  for (let attempt = 1; ; attempt += 1) {
    const broken = new AbortController();
    try {
      const stream = await api.openStream(artifact, AbortSignal.any([signal, broken.signal]));
      const sent: FoundFile[] = [];
      for (const file of files) {
        const present = await sendFile(file, stream);
        if (present !== undefined) sent.push(present);
      }
      await stream.finish();
      return sent;
    } catch (error) {
      broken.abort(); // a stream that nobody goes on with must not keep the server waiting
      signal.throwIfAborted();
      if (!isTemporary(error) || attempt >= ATTEMPTS) throw error;
      await context.output.print('The connection broke; the artifacts are sent again.');
      await context.clock.sleep(backoffMs(attempt - 1, HUB_BACKOFF, context.random), signal);
    }
  }
}
