import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoOf, syncFolder } from '../../platform/files.ts';

/** What a check looks at. */
export interface LogFileView {
  pathOf(taskId: number, position: number, generation: number): string;
  /** Bytes of a file, or undefined where it is not there. */
  sizeOf(path: string): Promise<number | undefined>;
  all(): AsyncIterable<string>;
}

/** So many files are kept open for writing. */
const MAX_OPEN = 128;

/** Files that are being written at their ends, the least recently used closed first. */
export class LogFiles implements LogFileView {
  /** In the order of their last use. */
  readonly #open = new Map<string, Promise<FileHandle>>();

  constructor(private readonly folder: string) {}

  path(taskId: number, name: string): string {
    return join(this.#taskFolder(taskId), name);
  }

  pathOf(taskId: number, position: number, generation: number): string {
    return this.path(taskId, `${position}-${generation}.log`);
  }

  /** Few enough folders in one that listing it stays quick: by the last three digits, which are evenly spread. */
  #taskFolder(taskId: number): string {
    return join(this.folder, String(taskId % 1000).padStart(3, '0'), String(taskId));
  }

  async #create(path: string): Promise<FileHandle> {
    const folder = dirname(path);
    const made = await mkdir(folder, { recursive: true, mode: 0o700 });
    const handle = await open(path, 'a+', 0o600).then(async (first) => {
      await first.close();
      return open(path, 'r+'); // with `a` the system ignores positions
    });
    if (made !== undefined) await syncFolder(dirname(folder));
    await syncFolder(folder);
    return handle;
  }

  async #handle(path: string): Promise<FileHandle> {
    const known = this.#open.get(path);
    this.#open.delete(path);
    const opening = known ?? this.#create(path);
    this.#open.set(path, opening);
    try {
      return await opening;
    } catch (error) {
      this.#open.delete(path);
      throw error;
    }
  }

  /** Writes at that place and waits until it is on the disk. Bytes behind it, left by a crash, mean nothing. */
  async write(path: string, position: number, data: Uint8Array): Promise<void> {
    const handle = await this.#handle(path);
    for (let done = 0; done < data.length; ) {
      const { bytesWritten } = await handle.write(data, done, data.length - done, position + done);
      done += bytesWritten;
    }
    await handle.datasync();
  }

  /** Closes what has not been used for long. Call it when nothing is being written. */
  async trim(most = MAX_OPEN): Promise<void> {
    const surplus = [...this.#open.keys()].slice(0, Math.max(0, this.#open.size - most));
    await Promise.all(surplus.map((path) => this.closeFile(path)));
  }

  async closeFile(path: string): Promise<void> {
    const opening = this.#open.get(path);
    this.#open.delete(path);
    await (await opening?.catch(() => undefined))?.close(); // what failed to open has been told where it was wanted
  }

  /** Bytes of a range; fewer where the file ends, none where there is no file. */
  async read(path: string, from: number, to: number): Promise<Uint8Array> {
    let handle: FileHandle;
    try {
      handle = await open(path, 'r');
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return new Uint8Array();
      throw error;
    }
    try {
      const data = new Uint8Array(to - from);
      let done = 0;
      while (done < data.length) {
        const { bytesRead } = await handle.read(data, done, data.length - done, from + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return data.subarray(0, done);
    } finally {
      await handle.close();
    }
  }

  /** Gives a file that is complete its name, on the disk too. */
  async rename(path: string, to: string): Promise<void> {
    await this.closeFile(path);
    await rename(path, to);
    await syncFolder(dirname(to));
  }

  async remove(path: string): Promise<void> {
    await this.closeFile(path);
    await rm(path, { force: true });
  }

  async removeTask(taskId: number): Promise<void> {
    const folder = this.#taskFolder(taskId);
    for (const path of this.#open.keys()) if (dirname(path) === folder) await this.closeFile(path);
    await rm(folder, { recursive: true, force: true });
  }

  async sizeOf(path: string): Promise<number | undefined> {
    try {
      return (await stat(path)).size;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async *all(): AsyncGenerator<string> {
    for (const shelf of await namesIn(this.folder)) {
      for (const task of await namesIn(join(this.folder, shelf))) {
        for (const name of await namesIn(join(this.folder, shelf, task))) yield join(this.folder, shelf, task, name);
      }
    }
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return [];
    throw error;
  }
}
