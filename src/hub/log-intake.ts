import type { Changes } from './changes.ts';
import { refuseGivenUp } from './given-up.ts';
import type { LogCopy, LogStorage, Piece } from './logs/log-storage.ts';
import type { Database } from './store/database.ts';
import { type LogName, logState } from './store/logs.ts';
import { givenUpAmong } from './store/runs.ts';

interface Pending extends Piece {
  readonly log: LogName;
  readonly done: PromiseWithResolvers<void>;
}

/** Most that one transaction takes: it bounds the memory of the write and how long others wait for it. */
const MAX_BATCH_BYTES = 16 * 1024 * 1024;

/** How far a stream may be ahead of what is stored of it. */
const MAX_AHEAD_BYTES = 4 * 1024 * 1024;

const keyOf = ({ taskId, instruction }: LogName) => `${taskId} ${instruction}`;

/** Takes log bytes in. Appends of all streams that come while a write is under way share the next one, and its fsync. */
export class LogIntake {
  readonly #queue: Pending[] = [];
  /** Logs whose final copy is coming in: what a forgotten stream still brings is in that copy. */
  readonly #sealed = new Set<string>();
  #writing = false;

  constructor(
    private readonly store: Database,
    private readonly storage: LogStorage,
    private readonly changes: Changes,
  ) {}

  /** Resolves once the bytes are stored for good. */
  append(log: LogName, data: Uint8Array, position?: number): Promise<void> {
    if (data.length === 0 || this.#sealed.has(keyOf(log))) return Promise.resolve();
    const done = Promise.withResolvers<void>();
    this.#queue.push({ log, data, position, done });
    if (!this.#writing) void this.#drain();
    return done.promise;
  }

  /**
   * Appends what a stream brings, reading on while it is being stored, so that many small pieces become few rows.
   * Resolves with the number of bytes once all of them are stored for good. `from` is where the first piece begins in
   * the whole log, where the sender says so: what an earlier stream brought is then not stored twice.
   */
  async follow(log: LogName, pieces: AsyncIterable<Uint8Array>, from?: number): Promise<number> {
    const flow = { bytes: 0, open: 0, errors: [] as unknown[] };
    let last = Promise.resolve();
    for await (const piece of pieces) {
      if (piece.length === 0) continue; // is stored at once, and must not speak for those before it
      const position = from === undefined ? undefined : from + flow.bytes;
      flow.bytes += piece.length;
      flow.open += piece.length;
      last = this.append(log, piece, position)
        .catch((error: unknown) => void flow.errors.push(error))
        .finally(() => {
          flow.open -= piece.length;
        });
      if (flow.open > MAX_AHEAD_BYTES) await last;
      if (flow.errors.length > 0) break;
    }
    await last; // appends are stored in their order
    if (flow.errors.length > 0) throw flow.errors[0];
    return flow.bytes;
  }

  #nextBatch(): Pending[] {
    let [count, bytes] = [0, 0];
    for (const { data } of this.#queue) {
      bytes += data.length;
      if (count > 0 && bytes > MAX_BATCH_BYTES) break;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  async #drain(): Promise<void> {
    this.#writing = true;
    while (this.#queue.length > 0) {
      const taken = this.#nextBatch();
      const batch = await this.#withoutLate(taken).catch((error: unknown) => {
        for (const { done } of taken) done.reject(error);
        return [];
      });
      if (batch.length === 0) continue;
      try {
        const byLog = [...Map.groupBy(batch, ({ log }) => keyOf(log)).values()];
        await this.storage.append(byLog.flatMap((pieces) => pieces.slice(0, 1).map(({ log }) => ({ log, pieces }))));
        for (const { log } of batch) this.changes.notify(log.buildId);
        for (const { done } of batch) done.resolve();
      } catch (error) {
        for (const { done } of batch) done.reject(error);
      }
    }
    this.#writing = false;
  }

  /** Refuses what comes of runs that were given up while their streams were open. */
  async #withoutLate(batch: readonly Pending[]): Promise<Pending[]> {
    const ids = [...new Set(batch.map(({ log }) => log.taskId))];
    const late = new Map((await this.store.read((sql) => givenUpAmong(sql, ids))).map((run) => [run.id, run]));
    return batch.filter(({ log, done }) => {
      const run = late.get(log.taskId);
      if (run === undefined) return true;
      try {
        refuseGivenUp(run);
      } catch (error) {
        done.reject(error);
      }
      return false;
    });
  }

  async #refuseLate({ taskId }: LogName): Promise<void> {
    for (const run of await this.store.read((sql) => givenUpAmong(sql, [taskId]))) refuseGivenUp(run);
  }

  /**
   * Takes the agent's final copy of a log. Where it begins with what is stored, the rest is added; where it differs, it
   * takes the stored one's place in one step at its end. Resolves with its size once it is stored for good. A copy that
   * breaks off changes nothing that is stored.
   */
  async save(log: LogName, pieces: AsyncIterable<Uint8Array>): Promise<number> {
    const key = keyOf(log);
    const copy = new FinalCopy(this.store, this.storage, log);
    this.#sealed.add(key);
    try {
      for await (const piece of pieces) {
        await this.#refuseLate(log);
        await copy.add(piece);
      }
      await this.#refuseLate(log);
      await copy.finish();
    } catch (error) {
      await copy.discard();
      throw error;
    } finally {
      this.#sealed.delete(key);
    }
    this.changes.notify(log.buildId);
    return copy.size;
  }
}

/** How much of the stored log is compared at a time. */
const COMPARE_BYTES = 1024 * 1024;

/** Follows the stored log as long as the copy agrees with it, and keeps the copy aside from where it does not. */
class FinalCopy {
  #aside: LogCopy | undefined;
  size = 0;

  constructor(
    private readonly store: Database,
    private readonly storage: LogStorage,
    private readonly log: LogName,
  ) {}

  async #stored(from: number): Promise<Uint8Array> {
    const { size, generation } = await this.store.read((sql) => logState(sql, this.log));
    const end = Math.min(size, from + COMPARE_BYTES);
    if (end <= from) return new Uint8Array();
    const data = await this.storage.read(this.log, generation, from, end);
    if (data.length < end - from) throw new TypeError(`the log of task ${this.log.taskId} is shorter than recorded`);
    return data;
  }

  async add(piece: Uint8Array): Promise<void> {
    let rest = piece;
    while (this.#aside === undefined && rest.length > 0) {
      const stored = await this.#stored(this.size);
      if (stored.length === 0) {
        await this.storage.append([{ log: this.log, pieces: [{ data: rest }] }]);
        this.size += rest.length;
        return;
      }
      const both = Math.min(stored.length, rest.length);
      if (Buffer.compare(stored.subarray(0, both), rest.subarray(0, both)) === 0) {
        this.size += both;
        rest = rest.subarray(both);
      } else {
        this.#aside = await this.#differ();
      }
    }
    if (this.#aside === undefined || rest.length === 0) return;
    await this.#aside.add(rest);
    this.size += rest.length;
  }

  /** From here on the copy goes aside, beginning with what it had in common with the stored log. */
  async #differ(): Promise<LogCopy> {
    const aside = this.storage.beginCopy(this.log);
    for (let done = 0; done < this.size; ) {
      const stored = (await this.#stored(done)).subarray(0, this.size - done);
      await aside.add(stored);
      done += stored.length;
    }
    return aside;
  }

  async finish(): Promise<void> {
    // a copy that is only shorter was cut off on its way, since agents stream nothing that is not in it
    await this.#aside?.commit();
  }

  async discard(): Promise<void> {
    await this.#aside?.discard();
  }
}
