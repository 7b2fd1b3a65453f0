import { open, rm } from 'node:fs/promises';

/** The log of one step on disk: written at its end, read anywhere. It is what streams resume from and what is saved. */
export interface Spool {
  readonly sizeBytes: number;
  /** Appends; calls are carried out in order. Rejects with the system's error, for example of a full disk. */
  append(bytes: Uint8Array): Promise<void>;
  /** At most `maxBytes` bytes from `offset` on. */
  read(offset: number, maxBytes: number): Promise<Uint8Array>;
  /** Closes and deletes it. */
  remove(): Promise<void>;
}

/** Makes an empty spool file that only this user can read. */
export async function openSpool(path: string): Promise<Spool> {
  const handle = await open(path, 'wx+', 0o600);
  let sizeBytes = 0;
  let last: Promise<void> = Promise.resolve();
  const write = async (bytes: Uint8Array) => {
    for (let written = 0; written < bytes.length; ) {
      const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, sizeBytes);
      written += bytesWritten;
      sizeBytes += bytesWritten;
    }
  };
  return {
    get sizeBytes() {
      return sizeBytes;
    },
    append(bytes) {
      const done = last.then(() => write(bytes));
      last = done.catch(() => {}); // whoever appended hears of it; the next one tries anew
      return done;
    },
    async read(offset, maxBytes) {
      const buffer = new Uint8Array(Math.min(maxBytes, Math.max(0, sizeBytes - offset)));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, offset);
      return buffer.subarray(0, bytesRead);
    },
    async remove() {
      await last;
      await handle.close();
      await rm(path, { force: true });
    },
  };
}
