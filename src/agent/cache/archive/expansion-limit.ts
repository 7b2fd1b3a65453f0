import { statfsSync } from 'node:fs';
import { AppError } from '../../../lib/errors.ts';
import { formatSize } from '../../../lib/size.ts';
import { damaged } from './envelope.ts';

/** What an archive may grow to. */
export interface ExpansionPolicy {
  readonly maxEntries: number;
  /** Beyond this much content, the archive may not hold more than `maxRatio` times its own size. */
  readonly freeOfRatioBytes: number;
  readonly maxRatio: number;
  /** Space that stays free on the disk, whatever the archive. */
  readonly reserveBytes: number;
}

export const EXPANSION: ExpansionPolicy = {
  maxEntries: 2_000_000,
  freeOfRatioBytes: 1 << 30,
  maxRatio: 1_000,
  reserveBytes: 256 << 20,
};

/** How often the disk is asked how full it is. */
const CHECK_BYTES = 64 << 20;

/** Ends the unpacking of an archive that is a bomb, before it has filled the disk. */
export class ExpansionLimit {
  #entries = 0;
  #bytes = 0;
  #nextCheck = 0;

  /** `packedBytes`: how much of the archive has been read. `folder`: one on the disk that is written. */
  constructor(
    private readonly folder: string,
    private readonly packedBytes: () => number,
    private readonly policy: ExpansionPolicy = EXPANSION,
  ) {}

  /** Throws `AppError` when this is one entry too many. */
  countEntry(): void {
    this.#entries += 1;
    if (this.#entries > this.policy.maxEntries) throw damaged(`has more than ${this.policy.maxEntries} entries`);
  }

  /** To be called before so much is written. Throws `AppError` when it would be too much. */
  countBytes(bytes: number): void {
    this.#bytes += bytes;
    const { freeOfRatioBytes, maxRatio } = this.policy;
    if (this.#bytes > freeOfRatioBytes && this.#bytes > maxRatio * this.packedBytes()) {
      throw damaged(`grows to more than ${maxRatio} times its size when it is unpacked`);
    }
    if (this.#bytes >= this.#nextCheck) this.#checkDisk();
  }

  #checkDisk(): void {
    this.#nextCheck = this.#bytes + CHECK_BYTES;
    const { bavail, bsize } = statfsSync(this.folder);
    if (bavail * bsize >= this.policy.reserveBytes + CHECK_BYTES) return;
    const what = `the disk of ${this.folder} is full (less than ${formatSize(this.policy.reserveBytes + CHECK_BYTES)} free)`;
    throw new AppError('TEMPORARY', what, { hint: 'free some space on the worker' });
  }
}
